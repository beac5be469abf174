"""A day's files as records: in Spark, and the first ones without it."""

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from emr_jobs.contracts.read import Files
from emr_jobs.core.errors import BadInput, Misconfigured
from emr_jobs.sources.files import bounds, fetch, first_records
from tests.emr_jobs.sources.files.deliveries import (
    BY,
    DAY,
    SOURCE,
    TEXTS,
    as_texts,
    counts,
    declared,
    file_of,
    listed,
    rows_of,
    write,
)
from tests.emr_jobs.sources.files.test_opening import zstd


def deliver(folder: Path) -> dict[str, Files]:
    """Two files of each format, a loan each and one that is broken where a format has such; how each is read."""
    folders = {name: folder / name for name in ("json_lines", "csv", "parquet")}
    for each in folders.values():
        each.mkdir()
    write(folders["json_lines"], "a.jsonl.gz", b'{"loan_id": "L-1"}\n{"loan_id"\n\n')
    (folders["json_lines"] / "b.jsonl.zst").write_bytes(zstd(b'{"loan_id": "L-2"}'))
    write(folders["csv"], "a.csv.gz", "loan_id;note\nL-1;ä\n\nL-x\n".encode("latin-1"))
    (folders["csv"] / "b.csv").write_bytes(b'note;loan_id\n"a\nb";L-2\n')
    pq.write_table(pa.table({"loan_id": ["L-1"]}), folders["parquet"] / "a.parquet")
    pq.write_table(pa.table({"shelf": [7], "loan_id": ["L-2"]}), folders["parquet"] / "b.parquet")
    csv = declared("csv", csv={"separator": ";", "encoding": "latin-1"})
    return {"json_lines": declared("json_lines"), "csv": csv, "parquet": declared("parquet")}


RECORDS = {
    "json_lines": ["Broken(raw=b'{\"loan_id\"')", "{'loan_id': 'L-1'}", "{'loan_id': 'L-2'}"],
    "csv": ["Broken(raw=b'L-x')", "{'loan_id': 'L-1', 'note': 'ä'}", "{'note': 'a\\nb', 'loan_id': 'L-2'}"],
    "parquet": ["{'loan_id': 'L-1'}", "{'shelf': 7, 'loan_id': 'L-2'}"],
}


def test_the_records_of_every_format_come_once_with_a_report_of_each_file(spark: SparkSession, tmp_path: Path) -> None:
    for format, read_as in deliver(tmp_path).items():
        files = listed(tmp_path / format)
        frame = fetch(spark, files, read_as, **BY, schema=TEXTS, read=as_texts)
        assert [f"{field.name} {field.dataType.simpleString()}" for field in frame.schema] == [
            *("text string", "file int", "records bigint", "error string")
        ]
        rows = [row.asDict() for row in frame.collect()]
        assert sorted(row["text"] for row in rows if row["text"] is not None) == RECORDS[format]
        by_file = counts(rows, files)
        assert [by_file[name] for name in sorted(by_file)] == [len(RECORDS[format]) - 1, 1]


def test_no_files_are_no_records(spark: SparkSession) -> None:
    frame = fetch(spark, [], declared("parquet"), **BY, schema=TEXTS, read=as_texts)
    assert (frame.columns, frame.collect()) == (["text", "file", "records", "error"], [])


def test_what_is_wrong_with_a_file_of_any_format_is_said_with_its_name(tmp_path: Path) -> None:
    for format, read_as in deliver(tmp_path).items():
        broken = tmp_path / format / "c.gz"
        broken.write_bytes(gzip.compress(b"loan_id\n" * 99)[:-9])
        files = listed(tmp_path / format)
        rows = rows_of(files, read_as)
        with pytest.raises(BadInput) as error:
            counts(rows, files)
        cause = "is no Parquet" if format == "parquet" else "is cut off"
        assert str(error.value) == (
            f"{SOURCE} {DAY}: expected whole files, found {broken} that {cause}. Deliver the file again."
        )
        with pytest.raises(BadInput) as same:
            first_records(files, read_as, **BY, limit=999)
        assert str(same.value) == str(error.value)


def test_a_worker_reads_nothing_after_its_first_error(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"no gzip")
    write(tmp_path, "b.gz", b"1\n")
    rows = rows_of(listed(tmp_path), declared("json_lines"))
    assert [(row["file"], row["records"], row["error"] is None) for row in rows] == [(0, None, False)]


def test_what_the_caller_does_with_records_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    def refuse(_: list[Any]) -> pa.RecordBatch:
        raise OSError("no space left")

    write(tmp_path, "a.gz", b"1\n")
    with pytest.raises(OSError, match=r"^no space left$"):
        rows_of(listed(tmp_path), declared("json_lines"), read=refuse)


def test_the_first_records_are_those_of_the_first_files(tmp_path: Path) -> None:
    read_as = deliver(tmp_path)["csv"]
    files = listed(tmp_path / "csv")
    both = first_records(files, read_as, **BY, limit=3)
    assert list(map(repr, both)) == [RECORDS["csv"][number] for number in (1, 0, 2)]
    assert first_records(files, read_as, **BY, limit=1) == both[:1]
    assert first_records([], read_as, **BY, limit=1) == []


def test_no_more_is_read_for_the_first_records_than_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "CHUNK_BYTES", 10)
    whole = gzip.compress(b"1\n2\n3\n4\n5\n6\n7\n8\n9\n")
    (tmp_path / "a.gz").write_bytes(whole[:-8])
    files = [file_of(tmp_path / "a.gz"), file_of(tmp_path / "a.gz")]
    assert first_records(files, declared("json_lines"), **BY, limit=5) == [1, 2, 3, 4, 5]
    with pytest.raises(BadInput, match="that is cut off"):
        first_records(files, declared("json_lines"), **BY, limit=99)


def test_a_csv_without_a_header_has_the_names_of_the_contract(tmp_path: Path) -> None:
    write(tmp_path, "a.csv.gz", b"L-1,Emma\n")
    files, read_as = listed(tmp_path), declared("csv", csv={"header": False})
    records = first_records(files, read_as, **BY, limit=9, columns=("loan_id", "title"))
    assert records == [{"loan_id": "L-1", "title": "Emma"}]
    with pytest.raises(Misconfigured, match=r"^desk\.loans: a CSV without a header needs the names of its columns"):
        first_records(files, read_as, **BY, limit=9)
