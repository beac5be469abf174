"""The raw lines of a day's files."""

import os
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from emr_jobs.core.errors import BadInput
from emr_jobs.sources import files as source_files
from emr_jobs.sources.files import bounds, fetching
from tests.emr_jobs.sources.files.deliveries import DAY, LOAN, OF, SOURCE, counts, listed, rows_of_lines, write
from tests.emr_jobs.sources.files.odd_names import ODD_NAMES


def read(folder: Path) -> tuple[list[bytes], dict[str, int]]:
    """The lines, and how many each file gave."""
    files = listed(folder, "*.json.gz")
    rows = rows_of_lines(files)
    return sorted(row["value"] for row in rows if row["value"] is not None), counts(rows, files)


def test_lines_of_all_files_are_read_undecoded_and_end_at_line_feeds_only(tmp_path: Path) -> None:
    write(tmp_path, "part-0.json.gz", b"one\r\ntwo\rand on\n\n")
    write(tmp_path, "part-1.json.gz", b"Jos\xe9\n\xf0\x9f\x98\x80")
    (tmp_path / "part-2.json").write_bytes(b"not of the day")
    (tmp_path / "folder.json.gz").mkdir()
    lines = [b"Jos\xe9", b"one\r", b"two\rand on", "😀".encode()]
    assert read(tmp_path) == (lines, {"part-0.json.gz": 2, "part-1.json.gz": 2})


def test_blank_lines_are_counted_nowhere(tmp_path: Path) -> None:
    write(tmp_path, "a.json.gz", b"\n   \n\r\n \t \r\n\xc2\xa0\n\n")
    write(tmp_path, "b.json.gz", b"")
    write(tmp_path, "c.json.gz", b" ")
    assert read(tmp_path) == ([b"\xc2\xa0"], {"a.json.gz": 1, "b.json.gz": 0, "c.json.gz": 0})


def test_lines_longer_than_a_chunk_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "CHUNK_BYTES", 7)
    lines = [bytes([65 + number]) * number for number in range(1, 40)]
    write(tmp_path, "a.json.gz", b"\n".join(lines))
    assert read(tmp_path) == (lines, {"a.json.gz": 39})


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "LONGEST_LINE_BYTES", 2**23)
    write(tmp_path, "bomb.json.gz", bytes(2**25))
    with pytest.raises(BadInput) as error:
        read(tmp_path)
    assert str(error.value) == (
        f"{SOURCE} {DAY}: expected whole files, found {tmp_path}/bomb.json.gz that unpacks to a line of more than "
        "8 MiB. Deliver the file again."
    )


def test_every_file_is_read_once_whatever_its_name(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "dt=x [1]"
    folder.mkdir()
    for name in ODD_NAMES:
        write(folder, name, b"".join(f"{name!r} {number}\n".encode() for number in range(20)))
    files = listed(folder, "*.json.gz")
    rows: list[dict[str, Any]] = [row.asDict() for row in source_files.lines(spark, files, **OF).collect()]
    lines = sorted(bytes(row["value"]).decode() for row in rows if row["value"] is not None)
    assert lines == sorted(f"{name!r} {number}" for name in ODD_NAMES for number in range(20))
    assert counts(rows, files) == dict.fromkeys(ODD_NAMES, 20)


def test_few_large_files_are_spread_over_the_cores(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "a.json.gz", LOAN * 1000)
    partitions = source_files.lines(spark, listed(tmp_path), **OF).rdd.glom().map(len).collect()
    cores = int(str(spark.conf.get("spark.sql.shuffle.partitions")))
    assert len(partitions) == cores
    assert min(partitions) > 0.5 * 1000 / cores


def test_files_are_shared_out_by_size() -> None:
    files = [source_files.File(str(number), size, "", DAY.start) for number, size in enumerate((1, 9, 5, 4, 2))]
    shares = fetching._shares(files, 2)
    assert sorted(sum(files[number].size_bytes for number in share) for share in shares) == [10, 11]
    assert sorted(number for share in fetching._shares(files, 3) for number in share) == [0, 1, 2, 3, 4]


def test_no_files_are_no_lines(spark: SparkSession) -> None:
    frame = source_files.lines(spark, [], **OF)
    assert (frame.columns, frame.collect()) == (["value", "file", "records", "error"], [])
    named = [f"{field.name} {field.dataType.simpleString()}" for field in frame.schema]
    assert ", ".join(named) == source_files.LINES_SCHEMA


def test_what_became_of_a_file_since_it_was_listed_is_said(tmp_path: Path) -> None:
    for name in ("gone", "grown"):
        write(tmp_path, f"{name}.json.gz", LOAN)
    gone, grown = listed(tmp_path)
    os.remove(gone.name)
    write(tmp_path, "grown.json.gz", LOAN * 999)
    size_bytes = os.path.getsize(grown.name)
    said = []
    for each in (gone, grown):
        with pytest.raises(BadInput) as error:
            counts(rows_of_lines([each]), [each])
        said.append(error.value.found)
    assert said == [
        f"{gone.name} that is refused (No such file or directory)",
        f"{grown.name} that has {size_bytes} bytes and had {grown.size_bytes} when it was listed",
    ]
