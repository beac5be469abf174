"""Rows in the form that each source delivers them, read back by what reads such files everywhere."""

import csv
import gzip
import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emr_jobs.contracts.model import Column
from emr_jobs.core.partition import Calendar
from local_stack.sample_files import write
from tests.local_stack.sources import API, FILES, TABLE, source

DAY = Calendar("America/New_York", time(8), date(2025, 1, 1)).partition("2026-11-21")
AT = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
COLUMNS = (
    Column("id", "string"),
    Column("at", "timestamp"),
    Column("due", "date"),
    Column("fee", "number"),
    Column("shelf", "integer"),
    Column("renewed", "boolean"),
    Column("tags", "array"),
    Column("copies", "array", fields=(Column("weight", "number"),)),
    Column("desk", "object"),
)
ROWS = [
    {
        "id": 'a;"b"',
        "at": AT,
        "due": DAY.date,
        "fee": Decimal("1.10"),
        "shelf": 3,
        "renewed": True,
        "tags": ["x", "y"],
        "copies": [{"weight": Decimal("0.25")}],
        "desk": {"value": "north"},
    },
    dict.fromkeys([column.name for column in COLUMNS]),
]
LINES = (
    b'{"id":"a;\\"b\\"","at":"2026-11-21T12:30:00Z","due":"2026-11-21","fee":1.1,"shelf":3,"renewed":true,'
    b'"tags":["x","y"],"copies":[{"weight":0.25}],"desk":{"value":"north"}}\n'
    b'{"id":null,"at":null,"due":null,"fee":null,"shelf":null,"renewed":null,"tags":null,"copies":null,"desk":null}\n'
)


def written(
    folder: Path, read: dict[str, Any], columns: tuple[Column, ...] = COLUMNS, **more: Any
) -> tuple[str, bytes]:
    path = write(source(read, *columns, **more), ROWS, folder, partition=DAY)
    return str(path.relative_to(folder)), path.read_bytes()


def test_records_of_an_api_are_a_line_each_below_its_name(tmp_path: Path) -> None:
    path, content = written(tmp_path, API)
    assert (path, gzip.decompress(content)) == ("loans/dt=2026-11-21.jsonl.gz", LINES)


@pytest.mark.parametrize(
    ("path", "compression", "expected", "codec"),
    [
        ("loans/{partition:%Y/%m%d}-*.jsonl", "by_name", "loans/2026/1121-part-00.jsonl", None),
        ("dt={partition}/*.json.gz", "by_name", "dt=2026-11-21/part-00.json.gz", "gzip"),
        ("{partition}.zst", "by_name", "2026-11-21.zst", "zstd"),
        ("{partition}.jsonl", "gzip", "2026-11-21.jsonl", "gzip"),
        ("{partition}.gz", "none", "2026-11-21.gz", None),
        ("{partition}", "zstd", "2026-11-21", "zstd"),
    ],
)
def test_a_file_is_where_the_path_says_and_compressed_as_declared(
    tmp_path: Path, path: str, compression: str, expected: str, codec: str | None
) -> None:
    name, content = written(tmp_path, FILES | {"path": path, "compression": compression})
    unpacked = pa.CompressedInputStream(pa.BufferReader(content), codec).read() if codec else content
    assert (name, unpacked) == (expected, LINES)


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    read = FILES | {"path": "{partition}.gz"}
    assert written(tmp_path / "a", read) == written(tmp_path / "b", read)


@pytest.mark.parametrize(
    "dialect",
    [
        {},
        {"separator": ";", "quote": "'", "encoding": "latin-1"},
        {"header": False, "encoding": "utf-16"},
    ],
    ids=["plain", "others", "no header"],
)
def test_csv_is_written_in_its_dialect(tmp_path: Path, dialect: dict[str, Any]) -> None:
    read = FILES | {"format": "csv", "path": "{partition}.csv", "csv": dialect}
    _, content = written(tmp_path, read)
    text = io.StringIO(content.decode(dialect.get("encoding", "utf-8")))
    reader = csv.reader(text, delimiter=dialect.get("separator", ","), quotechar=dialect.get("quote", '"'))
    first = ['a;"b"', "2026-11-21T12:30:00Z", "2026-11-21", "1.10", "3", "true"]
    nested = ['["x","y"]', '[{"weight":0.25}]', '{"value":"north"}']
    header = [[column.name for column in COLUMNS]] if dialect.get("header", True) else []
    assert list(reader) == [*header, [*first, *nested], [""] * len(COLUMNS)]


def test_parquet_has_the_types_of_the_contract(tmp_path: Path) -> None:
    path, content = written(tmp_path, FILES | {"format": "parquet", "path": "{partition}.parquet"})
    table = pq.read_table(io.BytesIO(content))
    assert path == "2026-11-21.parquet"
    assert table.schema.remove_metadata() == pa.schema(
        [
            ("id", pa.string()),
            ("at", pa.timestamp("us", "UTC")),
            ("due", pa.date32()),
            ("fee", pa.decimal128(18, 2)),
            ("shelf", pa.int64()),
            ("renewed", pa.bool_()),
            ("tags", pa.list_(pa.string())),
            ("copies", pa.list_(pa.struct([("weight", pa.decimal128(18, 2))]))),
            ("desk", pa.struct([("value", pa.string())])),
        ]
    )
    assert table.to_pylist() == ROWS


def test_a_table_of_snowflake_is_a_file_of_its_schema_and_name(tmp_path: Path) -> None:
    zoned = Column("zoned", "timestamp", physical_type="TIMESTAMP_TZ")
    rows = [row | {"zoned": row["at"]} for row in ROWS]
    path = write(source(TABLE, *COLUMNS, zoned, physical_name="LENDING.LOANS"), rows, tmp_path, partition=DAY)
    table = pq.read_table(path)
    assert path == tmp_path / "snowflake" / "LENDING.LOANS.parquet"
    assert [str(type_) for type_ in table.schema.types] == [
        "string",
        "timestamp[us]",
        "date32[day]",
        "decimal128(18, 2)",
        "int64",
        "bool",
        "string",
        "string",
        "string",
        "timestamp[us, tz=UTC]",
    ]
    naive = {"at": AT.replace(tzinfo=None), "zoned": AT}
    texts = {"tags": '["x","y"]', "copies": '[{"weight":0.25}]', "desk": '{"value":"north"}'}
    assert table.to_pylist() == [ROWS[0] | naive | texts, ROWS[1] | {"zoned": None}]


def test_a_database_before_the_schema_is_not_in_the_name(tmp_path: Path) -> None:
    path, _ = written(tmp_path, TABLE, physical_name="LIBRARY.LENDING.LOANS")
    assert path == "snowflake/LENDING.LOANS.parquet"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (Column("AT", "timestamp"), lambda day: day.start),
        (Column("AT", "timestamp", physical_type="TIMESTAMP_TZ"), lambda day: day.end - timedelta(microseconds=1)),
        (Column("AT", "date"), lambda day: day.date),
    ],
)
def test_other_days_of_a_table_stay_and_a_day_written_again_replaces_itself(
    tmp_path: Path, column: Column, value: Any
) -> None:
    contract = source(TABLE | {"day_column": "AT"}, column, Column("N", "integer"))
    days = [DAY.calendar.partition(day) for day in ("2026-11-20", "2026-11-21", "2026-11-22", "2026-11-21")]
    for number, day in enumerate(days):
        path = write(contract, [{"AT": value(day), "N": number}], tmp_path, partition=day)
    assert sorted(pq.read_table(path)["N"].to_pylist()) == [0, 2, 3]


def test_a_table_without_a_day_column_is_the_last_state(tmp_path: Path) -> None:
    contract = source(TABLE, Column("N", "integer"))
    for number in range(2):
        path = write(contract, [{"N": number}], tmp_path, partition=DAY)
    assert pq.read_table(path).to_pylist() == [{"N": 1}]
