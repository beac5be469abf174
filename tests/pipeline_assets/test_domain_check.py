"""`pipeline check`: what lacks is named with file and line, and nothing is asked of a service."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline_assets.domain_check import check_domain
from pipeline_assets.findings import Level
from tests.domains import LOCAL, PRODUCTION, PROFILES


@dataclass(frozen=True)
class Copy:
    """The library as a package of its own, with its local and production profiles."""

    package: Path
    profiles: Path

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.package / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def found(self) -> list[tuple[str, str, str]]:
        """Check, level and words of what is not as it should be."""
        files = {name: self.profiles / f"{name}.toml" for name in ("local", "production")}
        return [(each.check, each.level, each.says) for each in check_domain(files) if each.level is not Level.OK]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Copy]:
    name = f"copied_{abs(hash(request.node.name))}"
    package, profiles = tmp_path / name, tmp_path / "profiles"
    shutil.copytree(PROFILES.parent, package, ignore=shutil.ignore_patterns("__pycache__", "settings"))
    (package / "jobs.py").write_text((package / "jobs.py").read_text().replace("tests.library.", f"{name}."))
    profiles.mkdir()
    for file in (LOCAL, PRODUCTION):
        (profiles / file.name).write_text(file.read_text().replace('"tests.library"', f'"{name}"'))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield Copy(package, profiles)
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[module]


def test_nothing_lacks(copy: Copy) -> None:
    assert copy.found() == []


def test_each_defs_yaml_names_a_source(copy: Copy) -> None:
    for name in ("files.gone", "files.loans", "staged.loans"):
        (copy.package / "defs" / name).mkdir()
        text = f"type: pipeline_assets.components.DeclaredSource\n\nattributes:\n  contract: {name}\n"
        (copy.package / "defs" / name / "defs.yaml").write_text(text)
    says = "no contract of a source has this name"
    assert copy.found() == [
        ("defs", "error", f"{copy.package.name}/defs/{name}/defs.yaml:4 {name}: {says}")
        for name in ("files.gone", "staged.loans")
    ]


def test_fault_of_a_contract_has_its_line(copy: Copy) -> None:
    file = "contracts/staged.loans.odcs.yaml"
    copy.edit(file, "name: shelf, logicalType: integer", "name: shelf, logicalType: time")
    line = 1 + (copy.package / file).read_text().splitlines().index(
        next(each for each in (copy.package / file).read_text().splitlines() if "name: shelf" in each)
    )
    ((check, level, says),) = copy.found()
    assert (check, level) == ("contracts", "error")
    assert says.startswith(f"{copy.package.name}/{file}:{line} $.schema[0].shelf.logicalType: time: expected one of")


def test_column_that_no_rule_reads_is_named(copy: Copy) -> None:
    copy.edit("contracts/staged.reviews.odcs.yaml", "[http.reviews.body.text]", "[http.reviews.body]")
    ((check, _, says),) = copy.found()
    assert check == "contracts"
    assert says.endswith("http.reviews.body is of type object; the column names one of its fields")


def test_program_that_is_not_there_is_named(copy: Copy) -> None:
    copy.edit("jobs.py", ":catalogue", ":catalog")
    assert copy.found() == [
        (
            "jobs",
            "error",
            f"{copy.package.name}/jobs.py: catalogue: {copy.package.name}/catalogue.py defines no function catalog",
        )
    ]


def test_function_that_picks_and_is_not_there_is_named(copy: Copy) -> None:
    job = f"""
    Job(
        "extract_reviews",
        body="emr_jobs.by_contract:extract",
        inputs=("http.reviews",),
        outputs=("staged.rejected_reviews", "staged.reviews"),
        picks=(Pick(("stars",), "{copy.package.name}.catalogue:stars"),),
        timeout_s=1,
        max_retries=1,
    ),
)"""
    copy.edit("jobs.py", "import Job", "import Job, Pick")
    copy.edit("jobs.py", "\n)", job)
    name = copy.package.name
    assert copy.found() == [
        ("jobs", "error", f"{name}/jobs.py: extract_reviews: {name}/catalogue.py defines no function stars")
    ]


def test_connection_that_lacks_and_one_that_nobody_uses_are_named(copy: Copy) -> None:
    settings = copy.profiles / "local.toml"
    settings.write_text(settings.read_text().replace("[connections.desk]", "[connections.counter]"))
    where = f"{copy.package.name}/contracts/files.loans.odcs.yaml:11"
    assert copy.found() == [
        ("connections local", "error", f"{where}: the settings have no [connections.desk]"),
        ("connections local", "warning", "connections.counter: no source is read through it"),
    ]


def test_secret_that_no_role_would_get_is_named(copy: Copy) -> None:
    settings = copy.profiles / "production.toml"
    more = (
        '\n[connections.spare]\nkind = "rest"\nurl = "https://x.example"\nauth = {kind = "bearer", token = "aws:x"}\n'
    )
    settings.write_text(settings.read_text() + more)
    assert [(check, level) for check, level, _ in copy.found()] == [
        ("connections production", "warning"),
        ("deployment production", "error"),
    ]


def test_every_wrong_key_of_a_profile_is_named(copy: Copy) -> None:
    settings = copy.profiles / "local.toml"
    settings.write_text(settings.read_text().replace("replicas = 0", 'replicas = "none"\ncolour = 1'))
    assert [(check, says.rpartition("local.toml: ")[2].partition(":")[0]) for check, _, says in copy.found()] == [
        ("settings local", "search.replicas"),
        ("settings local", "search.colour"),
    ]


MEMBERS = "contracts/snowflake.members.odcs.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (
            MEMBERS,
            ", sql: sql/members.sql",
            "",
            "snowflake.members: read by contract, so it says of which rows: day_column, or sql, in its custom property "
            "read",
        ),
        (
            MEMBERS,
            "sql: sql/members.sql",
            "day_column: JOINED",
            "snowflake.members: its day_column JOINED is none of its columns",
        ),
        (MEMBERS, "sql/members.sql", "sql/member.sql", "{package}/sql/member.sql: No such file or directory"),
        (
            "sql/members.sql",
            ":end",
            ":ende",
            "sql/members.sql: :ende is no parameter; known are :partition, :start, :end, :as_of",
        ),
    ],
)
def test_table_that_cannot_be_asked_for_a_day_is_named(copy: Copy, file: str, old: str, new: str, says: str) -> None:
    copy.edit(file, old, new)
    where = f"{copy.package.name}/{MEMBERS}:11"
    assert copy.found() == [("statements", "error", f"{where}: {says.format(package=copy.package)}")]


def test_domain_that_nobody_would_miss_is_named(copy: Copy) -> None:
    for file in (copy.package / "contracts").iterdir():
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not line.startswith(("slaProp", "  - {property: timeOf"))))
    ((check, _, says),) = copy.found()
    assert check == "deployment production"
    assert says.startswith(f"contracts of {copy.package.name}: no dataset has a timeOfAvailability, so nobody would be")
