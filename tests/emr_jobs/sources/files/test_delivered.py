"""What is said of a day's folder before a file is opened."""

from pathlib import Path

import pytest

from emr_jobs.core.errors import BadInput
from emr_jobs.sources.files import File
from emr_jobs.sources.files import listed as delivered
from tests.emr_jobs.sources.files.deliveries import DAY, LOAN, OF, SOURCE, write


def pattern(folder: Path) -> str:
    return f"{folder}/*.json.gz"


def listed(folder: Path, *, allow_empty: bool = False) -> list[File]:
    return delivered(pattern(folder), **OF, allow_empty=allow_empty)


def test_only_the_files_of_the_pattern_are_listed(tmp_path: Path) -> None:
    whole = write(tmp_path, "a.json.gz", LOAN)
    (tmp_path / "b.csv").touch()
    assert [(file.name, file.size_bytes) for file in listed(tmp_path)] == [(str(whole), whole.stat().st_size)]


@pytest.mark.parametrize("exists", [False, True], ids=["missing", "empty"])
def test_a_folder_without_files_must_be_asked_for(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / f"dt={DAY}"
    if exists:
        folder.mkdir()
    with pytest.raises(BadInput) as error:
        listed(folder)
    assert str(error.value) == (
        f"{SOURCE} {DAY}: expected files in {pattern(folder)}, found none (the folder is missing or empty). "
        "Deliver the day. If it really is empty: --allow-empty."
    )
    assert listed(folder, allow_empty=True) == []


@pytest.mark.parametrize("allow_empty", [False, True])
def test_objects_of_no_bytes_are_named_also_when_an_empty_day_was_asked_for(tmp_path: Path, allow_empty: bool) -> None:
    write(tmp_path, "part-0.json.gz", LOAN)
    for number in range(1, 5):
        (tmp_path / f"part-{number}.json.gz").touch()
    with pytest.raises(BadInput) as error:
        listed(tmp_path, allow_empty=allow_empty)
    assert str(error.value) == (
        f"{SOURCE} {DAY}: expected no empty object in {pattern(tmp_path)}, found 4 of 5 with 0 bytes "
        "(part-1.json.gz, part-2.json.gz, part-3.json.gz, ...). Deliver them again."
    )
