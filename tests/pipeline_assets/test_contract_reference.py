"""docs/contracts.md is what the models say, its examples are valid, its links lead somewhere."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter

from emr_jobs.contracts import load
from emr_jobs.contracts.load import Layers
from emr_jobs.contracts.reading import plan_of
from emr_jobs.core.settings import Connection, RestConnection
from pipeline_assets import contract_reference
from pipeline_assets.contract_reference import TITLES, Undocumented, anchor, reference, section
from pipeline_assets.home import ROOT

PAGE = (ROOT / "docs" / "contracts.md").read_text()


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_is_what_the_models_say() -> None:
    assert reference() == PAGE, "make docs"


def test_its_contracts_are_valid_and_the_one_is_read_of_the_other(tmp_path: Path) -> None:
    for text in examples("yaml"):
        (named,) = re.findall(r"^id: (\S+)$", text, re.MULTILINE)
        (tmp_path / f"{named}.odcs.yaml").write_text(text)
    loaded = load(tmp_path, Layers(table=("staged",), index=()))
    assert list(loaded) == ["staged.fines", "web_api.fines"]
    dataset, source = loaded.values()
    plan = plan_of(dataset, source)
    assert {field.name: ".".join(field.path) for field in plan.fields} == {
        "fine_id": "id",
        "member_id": "member",
        "amount": "amount.value",
        "currency": "amount.currency",
        "state": "state",
        "changed_at": "changed",
        "written_at": "written",
    }
    assert list(plan.derived) == ["is_open"]
    (settings,) = map(tomllib.loads, examples("toml"))
    connection = TypeAdapter(Connection).validate_python(settings["connections"][source.connection])
    assert isinstance(connection, RestConnection)
    assert connection.auth.secret_fields == ["token"]


def test_every_section_is_on_the_page_and_every_link_leads_to_one() -> None:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(TITLES.values()) <= set(headings)
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) <= {anchor(heading) for heading in headings}


class Shelf(BaseModel):
    """Where books stand."""

    room: str = "hall"
    """Of the | house."""


class Marked(Shelf):
    letter: str


def test_a_section_is_what_the_model_and_the_texts_below_its_fields_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract_reference, "TITLES", {Shelf: "Shelf", Marked: "Marked shelf"})
    assert section(Shelf).splitlines() == [
        "### Shelf",
        "",
        "Where books stand.",
        "",
        "| property | type | default | meaning |",
        "|---|---|---|---|",
        r"| `room` | text | `hall` | Of the \| house. |",
    ]
    with pytest.raises(Undocumented, match=r"\.Marked\.letter: expected a text below it that says what it means$"):
        section(Marked)
