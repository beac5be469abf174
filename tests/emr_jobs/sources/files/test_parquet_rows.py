"""The records of Parquet: Python values by the names of the columns, and what a damaged file is."""

import base64
import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

from emr_jobs.reading.records import Broken
from emr_jobs.sources.files import bounds, parquet_rows
from emr_jobs.sources.files.refusals import Unreadable


def written(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def batches(content: bytes) -> list[list[Any]]:
    return list(parquet_rows.records(io.BytesIO(content)))


def records(content: bytes) -> list[Any]:
    return [record for batch in batches(content) for record in batch]


def said(content: bytes) -> str:
    with pytest.raises(Unreadable) as error:
        records(content)
    return str(error.value)


AT = datetime(2026, 11, 21, 10, 0, 0, 123456)
AT_NS = 1_795_255_200_123_456_789  # AT, and 789 ns
IN_UTC = AT.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_", "value", "record"),
    [
        (pa.string(), "Süd", "Süd"),
        (pa.large_string(), "Süd", "Süd"),
        (pa.dictionary(pa.int32(), pa.string()), "Süd", "Süd"),
        (pa.int64(), 2**62, 2**62),
        (pa.float64(), 1.5, 1.5),
        (pa.bool_(), True, True),
        (pa.binary(), b"\xff", b"\xff"),
        (pa.decimal128(18, 2), Decimal("1.50"), Decimal("1.50")),
        (pa.date32(), date(2026, 11, 21), date(2026, 11, 21)),
        (pa.timestamp("us"), AT, AT),
        (pa.timestamp("us", "UTC"), IN_UTC, IN_UTC),
        (pa.timestamp("us", "Europe/Berlin"), IN_UTC, IN_UTC),
        (pa.timestamp("ms", "UTC"), IN_UTC.replace(microsecond=123000), IN_UTC.replace(microsecond=123000)),
        (pa.timestamp("ns"), AT_NS, AT),
        (pa.timestamp("ns", "Europe/Berlin"), AT_NS, IN_UTC),
        (pa.time64("ns"), 1_000_001_999, time(0, 0, 1, 1)),
        (pa.duration("ns"), 1_999, timedelta(microseconds=1)),
        (pa.list_(pa.timestamp("ns")), [AT_NS, None], [AT, None]),
        (pa.large_list(pa.timestamp("ns")), [AT_NS], [AT]),
        (pa.struct({"at": pa.timestamp("ns", "UTC"), "days": pa.int32()}), {"at": AT_NS}, {"at": IN_UTC, "days": None}),
        (pa.map_(pa.string(), pa.timestamp("ns")), [("a", AT_NS), ("b", None)], {"a": AT, "b": None}),
        (pa.null(), None, None),
    ],
    ids=lambda each: str(each) if isinstance(each, pa.DataType) else "",
)
def test_a_value_is_pythons_own(type_: pa.DataType, value: Any, record: Any) -> None:
    table = pa.table({"loan_id": ["L-1", "L-2"], "it": pa.array([value, None], type_)})
    assert records(written(table)) == [{"loan_id": "L-1", "it": record}, {"loan_id": "L-2", "it": None}]


def test_instants_of_older_writers_keep_years_that_nanoseconds_do_not_hold() -> None:
    table = pa.table({"at": pa.array([datetime(9999, 12, 31, 23, 59)], pa.timestamp("us"))})
    assert records(written(table, use_deprecated_int96_timestamps=True)) == [{"at": datetime(9999, 12, 31, 23, 59)}]


def test_instants_have_their_zone_no_more_but_utc() -> None:
    table = pa.table({"at": pa.array([IN_UTC], pa.timestamp("us", "Europe/Berlin"))})
    assert records(written(table))[0]["at"].isoformat() == "2026-11-21T10:00:00.123456+00:00"


def test_a_row_with_a_value_that_python_does_not_hold_is_broken_and_the_others_are_read() -> None:
    latin = pa.Array.from_buffers(pa.string(), 3, pa.array([b"Emma", b"Jos\xe9", b"Iris"]).buffers())
    late = pa.array([1, 2, 253_402_300_800_000_000], pa.timestamp("us", "UTC"))
    assert records(written(pa.table({"due": pa.array([2**60], pa.timestamp("ms"))}))) == [
        Broken(b"due: [<value out of range: 1152921504606846976>]")
    ]
    assert records(written(pa.table({"title": latin, "due": late}))) == [
        {"title": "Emma", "due": datetime(1970, 1, 1, 0, 0, 0, 1, UTC)},
        Broken('title: ["Jos\ufffd"], due: [1970-01-01 00:00:00.000002Z]'.encode()),
        Broken(b'title: ["Iris"], due: [10000-01-01 00:00:00.000000Z]'),
    ]


def test_files_of_different_columns_and_types_are_read_as_they_are() -> None:
    assert records(written(pa.table({"loan_id": ["L-1"], "fee": [1.5]}))) == [{"loan_id": "L-1", "fee": 1.5}]
    assert records(written(pa.table({"shelf": [7], "loan_id": [2]}))) == [{"shelf": 7, "loan_id": 2}]


def test_a_file_of_no_rows_has_no_records() -> None:
    assert batches(written(pa.table({"loan_id": pa.array([], pa.string())}))) == []


def test_two_columns_of_one_name_are_refused() -> None:
    assert said(written(pa.table([["a"], ["b"]], names=["title", "title"]))) == (
        "that has 2 columns with the name 'title'"
    )


def test_batches_are_bounded_by_records_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BATCH_RECORDS", 3)
    content = written(pa.table({"shelf": list(range(8))}), row_group_size=4)
    assert [[record["shelf"] for record in batch] for batch in batches(content)] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    monkeypatch.setattr(bounds, "CHUNK_BYTES", 3_000)
    large = pa.table({"text": [f"{number}" * 900 for number in range(8)]})
    assert max(map(len, batches(written(large, use_dictionary=False)))) == 2


LOANS = pa.table(
    {
        "loan_id": [f"L-{number}" for number in range(300)],
        "fee": pa.array([Decimal(number) for number in range(300)], pa.decimal128(18, 2)),
        "shelves": [[number, number] for number in range(300)],
    }
)


def test_any_cut_is_named() -> None:
    content = written(LOANS, row_group_size=100)
    assert len(records(content)) == 300
    assert {said(content[:size]) for size in range(4)} == {"that is no Parquet"}
    assert {said(content[:size]) for size in range(4, len(content))} == {"that is cut off"}


def test_damage_is_an_error_or_leaves_all_the_rows() -> None:
    """The bits of what a file says of itself: the rows of a group, where its columns are, how they are packed."""
    content = written(LOANS, row_group_size=100, write_page_checksum=True)
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    errors = set()
    for at in range(start, len(content) - 8, 3):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        try:
            assert len(records(bytes(damaged))) == 300, at
        except Unreadable as error:
            errors.add(str(error))
    assert "that is damaged" in errors


def test_a_damaged_page_is_an_error_where_the_writer_has_sums() -> None:
    content = bytearray(written(LOANS, write_page_checksum=True, compression="none", use_dictionary=False))
    at = content.index(b"L-150")
    content[at] ^= 1
    assert said(bytes(content)) == "that is damaged"


@pytest.mark.parametrize(
    "content", [b"PAR1PAR1", b"PAR1" + bytes(99) + b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1"], ids=["short", "zero", "long"]
)
def test_a_file_between_the_marks_of_parquet_that_is_none_is_damaged(content: bytes) -> None:
    assert said(content) == "that is damaged"


def test_other_files_are_named() -> None:
    assert said(b"loan_id,title\nL-1,Emma\n") == "that is no Parquet"


class _Keys(encryption.KmsClient):
    def __init__(self, _: object) -> None:
        super().__init__()

    def wrap_key(self, key: bytes, _: str) -> bytes:
        return base64.b64encode(key)


@pytest.mark.parametrize("plaintext_footer", [False, True])
def test_an_encrypted_file_is_named(plaintext_footer: bool) -> None:
    properties = encryption.CryptoFactory(_Keys).file_encryption_properties(
        encryption.KmsConnectionConfig(),
        encryption.EncryptionConfiguration(
            footer_key="footer", column_keys={"column": ["loan_id"]}, plaintext_footer=plaintext_footer
        ),
    )
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, pa.schema({"loan_id": pa.string()}), encryption_properties=properties) as writer:
        writer.write_table(pa.table({"loan_id": ["L-1"]}))
    assert said(sink.getvalue().to_pybytes()) == "that is encrypted"
