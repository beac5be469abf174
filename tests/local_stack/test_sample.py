"""Sample data of a domain: its own generator's, and rows that follow from contracts where there is none."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emr_jobs.partition import Partition
from local_stack.sample import generate, lacking, local_domain
from tests.domains import LOCAL


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Partition]:
    """A day of the library's contracts as a domain of its own, which has no generator."""
    package = tmp_path / "quiet_library"
    shutil.copytree(LOCAL.parents[1], package, ignore=shutil.ignore_patterns("__pycache__", "settings", "sample.py"))
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "local.toml").write_text(LOCAL.read_text().replace('"tests.library"', '"quiet_library"'))
    monkeypatch.setenv("PIPELINE_PROFILES", str(profiles))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield local_domain().calendar.partition("2026-11-21")
    for name in [name for name in sys.modules if name.partition(".")[0] == "quiet_library"]:
        del sys.modules[name]


def test_every_source_of_a_domain_without_a_generator_has_a_day(quiet: Partition, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert [source.id for source in lacking(data, quiet)] == ["files.loans", "http.reviews", "snowflake.members"]
    truth = generate(data, partition=quiet, rows=1000)
    assert lacking(data, quiet) == []
    assert {name: truth[name] for name in ("files.loans", "http.reviews", "snowflake.members")} == dict.fromkeys(
        ("files.loans", "http.reviews", "snowflake.members"), 1002
    )
    assert truth["planted"]["http.reviews wrong_type"] == 1


def test_what_the_generator_writes_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIPELINE_PROFILES", str(LOCAL.parent))
    day = local_domain().calendar.partition("2026-11-21")
    truth = generate(tmp_path, partition=day, rows=20)
    assert (truth["loans"], lacking(tmp_path, day)) == (20, [])
    assert truth == json.loads((tmp_path / "truth.json").read_text())
    shutil.rmtree(tmp_path / "reviews")
    assert [source.id for source in lacking(tmp_path, day)] == ["http.reviews"]
