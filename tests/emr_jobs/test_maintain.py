"""What upkeep does beside the tables: they are test_lake's."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from emr_jobs.core.settings import Runs
from emr_jobs.maintain import expire_dead_letters

NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)


def write(path: Path, *, days: float) -> Path:
    """A file of that age."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    written = (NOW - timedelta(days=days)).timestamp()
    os.utime(path, (written, written))
    return path


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_dead_letters_go_after_30_days_with_the_folders_that_they_leave_empty(tmp_path: Path, scheme: str) -> None:
    letters = tmp_path / "dead_letters"
    write(letters / "old" / "catalogue" / "0.jsonl.gz", days=30.1)
    write(letters / "old" / "catalogue" / ".0.jsonl.gz.crc", days=30.1)
    write(letters / "repeated" / "catalogue" / "0.jsonl.gz", days=31)
    write(letters / "repeated" / "catalogue" / "1.jsonl.gz", days=29.9)
    write(tmp_path / "pipes" / "old" / "0.json", days=400)
    assert expire_dead_letters(Runs(uri=f"{scheme}{tmp_path}"), now=NOW) == 2
    assert files(letters) == {"repeated", "repeated/catalogue", "repeated/catalogue/1.jsonl.gz"}
    assert files(tmp_path / "pipes") == {"old", "old/0.json"}


def test_without_dead_letters_nothing_is_done(tmp_path: Path) -> None:
    assert expire_dead_letters(Runs(uri=str(tmp_path)), now=NOW) == 0


def test_on_s3_they_are_left_to_the_buckets_rule() -> None:
    assert expire_dead_letters(Runs(uri="s3://runs/runs"), now=NOW) == 0
