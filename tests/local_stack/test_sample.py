"""Sample data of a domain: its own generator's, and rows that follow from contracts where there is none."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack.sample import generate, lacking
from tests.domains import LIBRARY, LOCAL

DAY = LIBRARY.calendar.partition("2026-11-21")


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The library's contracts as a domain of its own, which has no generator: its package."""
    name = f"quiet_{abs(hash(request.node.name))}"
    package = tmp_path / name
    shutil.copytree(LOCAL.parents[1], package, ignore=shutil.ignore_patterns("__pycache__", "settings", "sample.py"))
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "local.toml").write_text(LOCAL.read_text().replace('"tests.library"', f'"{name}"'))
    monkeypatch.setenv("PIPELINE_PROFILES", str(profiles))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[module]


@pytest.mark.usefixtures("quiet")
def test_every_source_of_a_domain_without_a_generator_has_a_day(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert [source.id for source in lacking(data, DAY)] == ["files.loans", "http.reviews", "snowflake.members"]
    truth = generate(data, partition=DAY, rows=1000)
    assert lacking(data, DAY) == []
    rows = {name: truth[name] for name in ("files.loans", "http.reviews", "snowflake.members")}
    assert rows == {"files.loans": 1000, "http.reviews": 1002, "snowflake.members": 1000}
    assert truth["planted"]["http.reviews wrong_type"] == 1


@pytest.mark.parametrize(
    ("old", "new", "planted"),
    [
        ("", "", 0),  # a key that comes twice blocks the day
        (", primaryKey: true, primaryKeyPosition: 1", "", 2),
        ("schema:\n", "customProperties: [{property: duplicates, value: {keep: greatest, by: lent_at}}]\nschema:\n", 2),
    ],
    ids=["key", "no key", "the greatest is kept"],
)
def test_a_day_of_sample_rows_has_no_duplicates_that_would_block_it(
    quiet: Path, tmp_path: Path, old: str, new: str, planted: int
) -> None:
    contract = quiet / "contracts" / "staged.loans.odcs.yaml"
    assert old in contract.read_text()
    contract.write_text(contract.read_text().replace(old, new, 1))
    truth = generate(tmp_path / "data", partition=DAY, rows=1000)
    assert truth["planted"]["files.loans duplicate"] == planted


def test_what_the_generator_writes_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIPELINE_PROFILES", str(LOCAL.parent))
    truth = generate(tmp_path, partition=DAY, rows=20)
    assert (truth["loans"], lacking(tmp_path, DAY)) == (20, [])
    assert truth == json.loads((tmp_path / "truth.json").read_text())
    shutil.rmtree(tmp_path / "reviews")
    assert [source.id for source in lacking(tmp_path, DAY)] == ["http.reviews"]
