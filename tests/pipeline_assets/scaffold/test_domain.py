"""An empty domain that passes `pipeline check` once the settings name it."""

import re
from pathlib import Path

import pytest
import tomlkit

from emr_jobs.core.errors import Misconfigured
from emr_jobs.domain import domain
from pipeline_assets.domain_check import check_domain
from pipeline_assets.findings import Level
from pipeline_assets.home import profile
from pipeline_assets.scaffold.domain import Line, new_domain
from pipeline_assets.scaffold.profiles import PROFILES
from tests.pipeline_assets.conftest import Library


def changed(lines: list[Line]) -> None:
    """As a person does what is said."""
    for line in lines:
        document = tomlkit.parse(line.file.read_text())
        if said := re.fullmatch(r'domain = "(\w+)"', line.says):
            document["domain"] = said[1]
        elif said := re.fullmatch(r"without \[connections\.(\w+)\], until a source needs it", line.says):
            del document["connections"][said[1]]  # type: ignore[union-attr]
        else:
            raise AssertionError(line)
        line.file.write_text(tomlkit.dumps(document))


def test_a_new_domain_passes_the_check_when_its_changes_are_made(library: Library, tmp_path: Path) -> None:
    made = new_domain("bakery", tmp_path, timezone="Europe/Berlin")
    assert sorted(str(file.relative_to(tmp_path)) for file in made.files) == [
        "bakery/__init__.py",
        "bakery/contracts/files.examples.odcs.yaml",
        "bakery/contracts/intermediate.examples.odcs.yaml",
        "bakery/defs/__init__.py",
        "bakery/domain.toml",
        "bakery/jobs.py",
    ]
    for line in made.change:
        assert re.search(r"domain =|\[connections\.", line.file.read_text().splitlines()[line.line - 1])
    changed(list(made.change))
    found = check_domain({name: profile(name) for name in PROFILES})
    assert [str(each) for each in found if each.level is not Level.OK] == []
    loaded = domain("bakery")
    assert (loaded.calendar.timezone, loaded.published) == (
        "Europe/Berlin",
        ["intermediate.rejected_examples", "intermediate.examples"],
    )
    assert [source.connection for source in loaded.sources] == ["desk"]


def test_what_names_the_old_domain_beside_the_settings_is_told(library: Library, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"COPY emr_jobs emr_jobs\nCOPY {library.package} {library.package}\n")
    (tmp_path / ".dockerignore").write_text(f"*\n!emr_jobs\n!{library.package}\n")
    made = new_domain("brewery", tmp_path, timezone="UTC")
    says = f"brewery in the place of {library.package}, or beside it"
    assert [line for line in made.change if "docker" in line.file.name.lower()] == [
        Line(tmp_path / "Dockerfile", 2, says),
        Line(tmp_path / ".dockerignore", 3, says),
    ]


@pytest.mark.parametrize(
    ("name", "timezone", "says"),
    [
        ("Bakery", "UTC", "Bakery: expected the name of a package"),
        ("my-bakery", "UTC", "my-bakery: expected the name of a package"),
        ("a.b", "UTC", "a.b: expected the name of a package"),
        ("class", "UTC", "class: expected the name of a package"),
        ("json", "UTC", "json: there is a module of that name"),
        ("there", "UTC", "there already, and nothing is overwritten"),
        ("tannery", "Mars/Base", "--timezone Mars/Base: no time zone of the IANA database"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    library: Library, tmp_path: Path, name: str, timezone: str, says: str
) -> None:
    (tmp_path / "there").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Misconfigured) as refused:
        new_domain(name, tmp_path, timezone=timezone)
    assert says in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_without_a_connection_to_files_in_every_profile_it_is_said_what_to_add(
    library: Library, tmp_path: Path
) -> None:
    local = profile("local")
    local.write_text(local.read_text().replace("[connections.desk]", "[connections.shelf]"))
    with pytest.raises(Misconfigured) as refused:
        new_domain("pottery", tmp_path, timezone="UTC")
    assert "Add it to each: [connections.inbox]" in str(refused.value)
    assert not (tmp_path / "pottery").exists()
