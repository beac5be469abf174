"""The lines of a day's files, and what is said of a folder or a file that cannot be read."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from pyspark.sql import Row, SparkSession

from emr_jobs.errors import AccessDenied, BadInput, Unavailable
from emr_jobs.sources import s3_json
from emr_jobs.sources.arrow import unpacked
from emr_jobs.sources.listing import File
from tests.shop import SHOP

DAY = SHOP.calendar.partition("2026-11-21")
ORDER = b'{"order_id": "A-1"}\n'
OF: Any = {"dataset": "s3.orders", "partition": DAY}


def pattern(folder: Path) -> str:
    return f"{folder}/*.json.gz"


def write(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(gzip.compress(content))


def listed(folder: Path, *, allow_empty: bool = False) -> list[File]:
    return s3_json.listed(pattern(folder), **OF, allow_empty=allow_empty)


def read(folder: Path) -> tuple[list[bytes], dict[str, int]]:
    """The lines, and how many each file gave: as the workers read one part, without Spark."""
    files = listed(folder)
    rows = [row for batch in s3_json._read(part(files)) for row in batch.to_pylist()]
    values = [row["value"] for row in rows if row["value"] is not None]
    return sorted(values), whole(rows, files, len(values))


def part(files: list[File]) -> s3_json._Part:
    return s3_json._Part(tuple(enumerate(files)), **OF)


def whole(rows: list[dict[str, Any]], files: list[File], lines: int) -> dict[str, int]:
    reports = [Row(**row) for row in rows if row["file"] is not None]
    found = s3_json.require_whole(reports, files, lines, **OF)
    return {os.path.basename(name): count for name, count in found.items()}


def refused(folder: Path) -> str:
    with pytest.raises(BadInput) as error:
        read(folder)
    return str(error.value)


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
    monkeypatch.setattr(s3_json, "CHUNK_BYTES", 7)
    lines = [bytes([65 + number]) * number for number in range(1, 40)]
    write(tmp_path, "a.json.gz", b"\n".join(lines))
    assert read(tmp_path) == (lines, {"a.json.gz": 39})


ODD_NAMES = [
    *("a.json.gz", "_b.json.gz", ".b.json.gz", "a[1].json.gz", "a1.json.gz", "a{1,2}.json.gz", "a2.json.gz"),
    *("part-10:30.json.gz", "a b.json.gz", "a%20b.json.gz", "a*.json.gz", "a?.json.gz", "a\\b.json.gz", "ä\n.json.gz"),
    *("#.json.gz", "a+b=c&d.json.gz", "s3:.json.gz"),
]


def test_every_file_is_read_once_whatever_its_name(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "dt=x [1]"
    folder.mkdir()
    for name in ODD_NAMES:
        write(folder, name, b"".join(f"{name!r} {number}\n".encode() for number in range(20)))
    files = listed(folder)
    rows = [row.asDict() for row in s3_json.lines(spark, files, **OF).collect()]
    lines = sorted(bytes(row["value"]).decode() for row in rows if row["value"] is not None)
    assert lines == sorted(f"{name!r} {number}" for name in ODD_NAMES for number in range(20))
    assert whole(rows, files, len(lines)) == dict.fromkeys(ODD_NAMES, 20)


def test_few_large_files_are_spread_over_the_cores(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "a.json.gz", ORDER * 1000)
    partitions = s3_json.lines(spark, listed(tmp_path), **OF).rdd.glom().map(len).collect()
    cores = int(str(spark.conf.get("spark.sql.shuffle.partitions")))
    assert len(partitions) == cores
    assert min(partitions) > 0.5 * 1000 / cores


def test_files_are_shared_out_by_size() -> None:
    files = [File(str(number), size, "", DAY.start) for number, size in enumerate((1, 9, 5, 4, 2))]
    assert sorted(sum(files[number].size_bytes for number in share) for share in s3_json._shares(files, 2)) == [10, 11]
    assert sorted(number for share in s3_json._shares(files, 3) for number in share) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("exists", [False, True], ids=["missing", "empty"])
def test_a_folder_without_files_must_be_asked_for(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / f"dt={DAY}"
    if exists:
        folder.mkdir()
    assert refused(folder) == (
        f"s3.orders {DAY}: expected files in {pattern(folder)}, found none (the folder is missing or empty). "
        "Deliver the day. If it really is empty: --allow-empty."
    )
    assert listed(folder, allow_empty=True) == []


def test_no_files_are_no_lines(spark: SparkSession) -> None:
    found = s3_json.lines(spark, [], **OF)
    assert (found.columns, found.collect()) == (["value", "file", "lines", "error"], [])


@pytest.mark.parametrize("allow_empty", [False, True])
def test_objects_of_no_bytes_are_named_also_when_an_empty_day_was_asked_for(tmp_path: Path, allow_empty: bool) -> None:
    write(tmp_path, "part-0.json.gz", ORDER)
    for number in range(1, 5):
        (tmp_path / f"part-{number}.json.gz").touch()
    with pytest.raises(BadInput) as error:
        listed(tmp_path, allow_empty=allow_empty)
    assert str(error.value) == (
        f"s3.orders {DAY}: expected no empty object in {pattern(tmp_path)}, found 4 of 5 with 0 bytes "
        "(part-1.json.gz, part-2.json.gz, part-3.json.gz, ...). Deliver them again."
    )


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (gzip.compress(ORDER * 999)[:-20], "is cut off"),
        (b"not gzip, but named so", "is no gzip"),
        (gzip.compress(ORDER)[:-8] + bytes(8), "is damaged"),
        (gzip.compress(ORDER) + b"more", "is no gzip"),
        (gzip.compress(ORDER)[:10] + b"\xff" * 99, "is damaged"),
    ],
    ids=["cut off", "no gzip", "another sum", "something after it", "damaged"],
)
def test_a_file_that_does_not_unpack_is_named(tmp_path: Path, content: bytes, cause: str) -> None:
    write(tmp_path, "part-0.json.gz", ORDER)
    (tmp_path / "part-1.json.gz").write_bytes(content)
    assert refused(tmp_path) == (
        f"s3.orders {DAY}: expected whole files, found {tmp_path}/part-1.json.gz that {cause}. Deliver the file again."
    )


def test_a_file_of_several_gzips_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b"one\ntw") + gzip.compress(b"o\nthree"))
    assert read(tmp_path) == ([b"one", b"three", b"two"], {"a.json.gz": 3})


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_json, "LONGEST_LINE_BYTES", 2**23)
    write(tmp_path, "bomb.json.gz", bytes(2**25))
    assert refused(tmp_path) == (
        f"s3.orders {DAY}: expected whole files, found {tmp_path}/bomb.json.gz that unpacks to a line of more than "
        "8 MiB. Deliver the file again."
    )


def test_what_became_of_a_file_since_it_was_listed_is_said(tmp_path: Path) -> None:
    for name in ("gone", "grown"):
        write(tmp_path, f"{name}.json.gz", ORDER)
    gone, grown = files = listed(tmp_path)
    os.remove(gone.name)
    with open(grown.name, "ab") as file:
        file.write(gzip.compress(ORDER))
    errors = [
        str(unpacked(row["error"], **OF))
        for each in files
        for batch in s3_json._read(part([each]))
        for row in batch.to_pylist()
    ]
    found = [error.partition("found ")[2].partition(". Deliver")[0] for error in errors]
    assert found == [
        f"{gone.name} that is refused (No such file or directory)",
        f"{grown.name} that has {2 * grown.size_bytes} bytes and had {grown.size_bytes} when it was listed",
    ]


@pytest.mark.parametrize(
    ("reports", "lines"),
    [([(0, 2)], 2), ([(0, 2), (1, 3), (1, 3)], 8), ([(0, 2), (1, 3)], 4), ([(0, 2), (2, 3)], 5)],
    ids=["a file not read", "a file read twice", "a line lost", "another file"],
)
def test_what_was_read_must_be_what_was_listed(reports: list[tuple[int, int]], lines: int) -> None:
    files = [File(name, 1, "", DAY.start) for name in ("a", "b")]
    rows = [{"file": number, "lines": count, "error": None} for number, count in reports]
    with pytest.raises(Unavailable, match=r"expected each of 2 files to be read once, found reports of"):
        whole(rows, files, lines)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 inside this process, with an empty bucket."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="shop")
        yield s3


def test_every_object_on_s3_is_read_once_whatever_its_key(bucket: Any) -> None:
    for name in ODD_NAMES:
        bucket.put_object(Bucket="shop", Key=f"dt=x/{name}", Body=gzip.compress(f"{name!r}\n".encode() * 20))
    files = s3_json.listed("s3://shop/dt=x/*.json.gz", **OF, allow_empty=False)
    rows = [row for batch in s3_json._read(part(files)) for row in batch.to_pylist()]
    lines = sorted(row["value"].decode() for row in rows if row["value"] is not None)
    assert lines == sorted(f"{name!r}" for name in ODD_NAMES for _ in range(20))
    assert whole(rows, files, len(lines)) == dict.fromkeys(ODD_NAMES, 20)


def test_what_s3_refuses_is_named(bucket: Any) -> None:
    bucket.put_object(Bucket="shop", Key="a.json.gz", Body=gzip.compress(ORDER))
    (file,) = s3_json.listed("s3://shop/*.json.gz", **OF, allow_empty=False)
    bucket.delete_object(Bucket="shop", Key="a.json.gz")
    ((report,),) = [batch.to_pylist() for batch in s3_json._read(part([file]))]
    error = unpacked(report["error"], **OF)
    assert (type(error), error.found) == (BadInput, "s3://shop/a.json.gz that is not there (404)")
    with pytest.raises(BadInput, match=r"found s3://nowhere/\*\.json\.gz that is not there \(NoSuchBucket\)"):
        s3_json.listed("s3://nowhere/*.json.gz", **OF, allow_empty=False)


@pytest.mark.parametrize(("code", "kind"), [("AccessDenied", AccessDenied), ("SlowDown", Unavailable)])
def test_who_can_mend_a_refusal_is_its_kind(code: str, kind: type[Exception]) -> None:
    said = rf"expected S3 to give s3://shop/a, found {code}\."
    with pytest.raises(kind, match=said), s3_json._refusals("s3://shop/a", **OF):
        raise ClientError({"Error": {"Code": code}}, "GetObject")
