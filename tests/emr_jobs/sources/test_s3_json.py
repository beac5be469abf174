"""The lines of a day's files, and what is said of a folder or a file that cannot be read."""

import gzip
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from emr_jobs.errors import BadInput
from emr_jobs.partition import Partition
from emr_jobs.sources import s3_json

DAY = Partition.parse("2026-11-21")
ORDER = b'{"order_id": "A-1"}\n'


def pattern(folder: Path) -> str:
    return f"{folder}/*.json.gz"


def read(spark: SparkSession, folder: Path, *, allow_empty: bool = False) -> list[bytes]:
    lines = s3_json.lines(spark, pattern(folder), dataset="s3.orders", partition=DAY, allow_empty=allow_empty)
    assert lines.columns == ["value"]
    return sorted(bytes(row[0]) for row in lines.selectExpr("CAST(value AS BINARY)").collect())


def refused(spark: SparkSession, folder: Path) -> str:
    with pytest.raises(BadInput) as error:
        read(spark, folder)
    return str(error.value)


def test_lines_of_all_files_are_read_undecoded_and_end_at_line_feeds_only(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "part-0.json.gz").write_bytes(gzip.compress(b"one\r\ntwo\rand on\n\n"))
    (tmp_path / "part-1.json.gz").write_bytes(gzip.compress(b"Jos\xe9\n\xf0\x9f\x98\x80"))
    (tmp_path / "part-2.json").write_bytes(b"not of the day")
    (tmp_path / "folder.json.gz").mkdir()
    assert read(spark, tmp_path) == [b"", b"Jos\xe9", b"one\r", b"two\rand on", "😀".encode()]


@pytest.mark.parametrize("exists", [False, True], ids=["missing", "empty"])
def test_a_folder_without_files_must_be_asked_for(spark: SparkSession, tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / f"dt={DAY}"
    if exists:
        folder.mkdir()
    assert refused(spark, folder) == (
        f"s3.orders {DAY}: expected files in {pattern(folder)}, found none (the folder is missing or empty). "
        "Deliver the day, or if it really has no orders: --allow-empty."
    )
    assert read(spark, folder, allow_empty=True) == []


@pytest.mark.parametrize("allow_empty", [False, True])
def test_objects_of_no_bytes_are_named_also_when_an_empty_day_was_asked_for(
    spark: SparkSession, tmp_path: Path, allow_empty: bool
) -> None:
    (tmp_path / "part-0.json.gz").write_bytes(gzip.compress(ORDER))
    for number in range(1, 5):
        (tmp_path / f"part-{number}.json.gz").touch()
    with pytest.raises(BadInput) as error:
        read(spark, tmp_path, allow_empty=allow_empty)
    assert str(error.value) == (
        f"s3.orders {DAY}: expected no empty object in {pattern(tmp_path)}, found 4 of 5 with 0 bytes "
        "(part-1.json.gz, part-2.json.gz, part-3.json.gz, ...). Deliver them again, then rerun the partition."
    )


def test_a_gzip_of_nothing_is_a_file_without_lines(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "part-0.json.gz").write_bytes(gzip.compress(b""))
    assert read(spark, tmp_path) == []


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (gzip.compress(ORDER * 999)[:-20], "Unexpected end of input stream"),
        (b"not gzip, but named so", "not a gzip file"),
        (gzip.compress(ORDER)[:-8] + bytes(8), "gzip stream CRC failure"),
    ],
    ids=["cut off", "no gzip", "damaged"],
)
def test_a_file_that_does_not_unpack_is_named(spark: SparkSession, tmp_path: Path, content: bytes, cause: str) -> None:
    (tmp_path / "part-0.json.gz").write_bytes(gzip.compress(ORDER))
    (tmp_path / "part-1.json.gz").write_bytes(content)
    with pytest.raises(Exception, match="FAILED_READ_FILE") as failed:
        read(spark, tmp_path)
    error = s3_json.unreadable(failed.value, dataset="s3.orders", partition=DAY)
    assert str(error) == (
        f"s3.orders {DAY}: expected whole gzip files, found file://{tmp_path}/part-1.json.gz that does not unpack "
        f"({cause}). Deliver the file again, then rerun the partition."
    )


def test_an_action_that_failed_for_another_reason_is_not_about_a_file(spark: SparkSession) -> None:
    with pytest.raises(PySparkException) as failed:
        spark.sql("SELECT raise_error('EOFException: of another kind')").collect()
    assert s3_json.unreadable(failed.value, dataset="s3.orders", partition=DAY) is None
