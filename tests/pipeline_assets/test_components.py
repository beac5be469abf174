"""`dg scaffold defs` writes what `pipeline new source` writes, and beside it no more than the contract's name."""

import json
from pathlib import Path
from typing import Any

import click
import dagster as dg
import pytest
import yaml
from dagster.components.component_scaffolding import scaffold_object
from typer.testing import CliRunner

from emr_jobs.core.errors import Misconfigured
from pipeline_assets import components
from pipeline_assets.cli import app
from pipeline_assets.components import DeclaredSource
from tests.domains import LIBRARY
from tests.pipeline_assets.conftest import Library

TYPE = "pipeline_assets.components.DeclaredSource"
FINES = {"data": [{"fine_id": f"F-{day}", "issued_at": f"2026-11-{day}T10:00:00Z"} for day in (20, 21)], "total": 2}
OPTIONS = {"url": "https://api.example/v2/fines?from={start}&to={end}", "sample": "page.json", "connection": "club"}


def scaffold(library: Library, source: str, *, format_: str = "yaml", **options: Any) -> Path:
    """As dg does it once it has read the options."""
    folder = library.folder / "defs" / source
    scaffold_object(folder, TYPE, json.dumps(options), format_, library.folder.parent)
    return folder


def test_it_writes_what_the_verb_writes_and_the_name_of_the_contract(library: Library, tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(json.dumps(FINES))
    before = library.state()
    options = [word for name, value in OPTIONS.items() for word in (f"--{name}", value)]
    assert CliRunner().invoke(app, ["new", "source", "web_api.fines", *options]).exit_code == 0
    by_the_verb = library.state()
    for file in by_the_verb.keys() - before.keys():
        file.unlink()
    for file, text in before.items():
        file.write_text(text)

    folder = scaffold(library, "web_api.fines", **OPTIONS)

    assert library.state() == by_the_verb
    assert by_the_verb.keys() - before.keys() == {
        library.contracts / f"{name}.odcs.yaml" for name in ("web_api.fines", "staged.fines")
    }
    (file,) = folder.iterdir()
    assert yaml.safe_load(file.read_text()) == {"type": TYPE, "attributes": {"contract": "web_api.fines"}}


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("web_api.fines", {}, "a source is one of --url, --files and --snowflake: exactly one"),
        ("fines", {"files": "fines/{partition}/*.csv"}, "fines: expected SYSTEM.NAME in lower case"),
        ("web_api.fines", {**OPTIONS, "format_": "python"}, "a declared source has no Python: --format yaml"),
    ],
)
def test_what_cannot_be_written_leaves_nothing_behind(
    library: Library, source: str, options: dict[str, Any], says: str
) -> None:
    before = library.state()
    with pytest.raises(click.ClickException, match=says):
        scaffold(library, source, **options)
    assert library.state() == before
    assert not (library.folder / "defs" / source).exists(), "dg would refuse the next attempt"


def test_its_options_are_those_of_the_verb() -> None:
    command = CliRunner().invoke(app, ["new", "source", "--help"], env={"COLUMNS": "200"}).output
    assert {name for name in components.OPTIONS.model_fields if f"--{name}" in command} == set(
        components.OPTIONS.model_fields
    )
    assert {"url", "files", "snowflake", "sample", "connection", "layer", "fetch", "header"} == set(
        components.OPTIONS.model_fields
    )


def test_defs_yaml_may_name_a_source_of_the_domain_and_nothing_else() -> None:
    schema = DeclaredSource.get_model_cls().model_json_schema()  # type: ignore[union-attr]
    assert schema["required"] == ["contract"]
    assert schema["properties"].keys() == {"contract"}
    assert schema["properties"]["contract"]["enum"] == sorted(source.id for source in LIBRARY.sources)


def test_component_makes_nothing_that_the_contract_makes_already() -> None:
    context = dg.ComponentTree.for_test().load_context
    assert DeclaredSource(contract="files.loans").build_defs(context).resolve_all_asset_specs() == []
    with pytest.raises(Misconfigured, match=r"staged\.loans: no contract of a source has this name"):
        DeclaredSource(contract="staged.loans").build_defs(context)
