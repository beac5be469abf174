"""Rows of a source, written as its contract's `read` says that it delivers them.

    rest        DIR/<source>/dt=<day>.jsonl.gz          a record a line, as the API answers it (rest_api)
    files       DIR/<path>, its * standing for part-00  JSON Lines, CSV or Parquet, compressed as declared
    snowflake   DIR/snowflake/<SCHEMA.TABLE>.parquet    a table of all days, where it has a day_column; else of the last

A value is a Python one: text, int, Decimal, bool, date, datetime (UTC), list, dict, None. Does not own: what rows there
are. Invariant: the same rows give the same bytes; a day written again replaces itself.
"""

import csv
import gzip
import io
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from emr_jobs.contracts import Column, Contract
from emr_jobs.contracts.read import Csv, Files, Rest, Snowflake
from emr_jobs.core.partition import Partition

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


def are_there(contract: Contract, folder: Path, partition: Partition) -> bool:
    """Whether the source has something for this day; a table, for any."""
    match contract.read:
        case Rest():
            return (folder / contract.name / f"dt={partition}.jsonl.gz").exists()
        case Files() as read:
            return any(folder.glob(read.of(partition.date)))
        case Snowflake():
            return _table_file(contract, folder).exists()
        case None:
            raise ValueError(f"{contract.id}: no source, it has no read")


def _table_file(contract: Contract, folder: Path) -> Path:
    return folder / "snowflake" / f"{'.'.join(contract.physical_name.split('.')[-2:])}.parquet"


def write(contract: Contract, rows: Sequence[Row], folder: Path, *, partition: Partition) -> Path:
    """Returns the file. Raises ValueError for a contract that is no source's."""
    match contract.read:
        case Rest():
            path = folder / contract.name / f"dt={partition}.jsonl.gz"
            content = _compressed(_json_lines(rows), "gzip")
        case Files() as read:
            path = folder / read.of(partition.date).replace("*", "part-00")
            content = _compressed(_file(read, contract.columns, rows), _compression(read, path))
        case Snowflake() as read:
            path = _table_file(contract, folder)
            table = _table(contract.columns, rows, in_snowflake=True)
            content = _parquet(_with_other_days(path, table, read.day_column, partition))
        case None:
            raise ValueError(f"{contract.id}: no source, it has no read")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _file(read: Files, columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    match read.format:
        case "json_lines":
            return _json_lines(rows)
        case "csv":
            return _csv(read.csv, columns, rows)
        case "parquet":
            return _parquet(_table(columns, rows, in_snowflake=False))


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=_json_number, option=orjson.OPT_UTC_Z)


def _json_number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)  # up to 15 digits it is written as it was
    raise TypeError(f"{type(value).__name__} is no value of a row")


def _json_lines(rows: Sequence[Row]) -> bytes:
    return b"".join(_json(row) + b"\n" for row in rows)


def _csv(dialect: Csv, columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=dialect.separator, quotechar=dialect.quote, lineterminator="\n")
    if dialect.header:
        writer.writerow(column.name for column in columns)
    writer.writerows([_csv_field(row[column.name]) for column in columns] for row in rows)
    return text.getvalue().encode(dialect.encoding)


def _csv_field(value: Any) -> str:
    """An empty field is null. Texts and plain numbers are what they are, all else is as in JSON."""
    if value is None:
        return ""
    return str(value) if isinstance(value, str | Decimal) else _json(value).decode().strip('"')


def _parquet(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def _table(columns: Sequence[Column], rows: Sequence[Row], *, in_snowflake: bool) -> "pa.Table":
    import pyarrow as pa

    schema = pa.schema([(column.name, _type(column, in_snowflake=in_snowflake)) for column in columns])
    arrays = [pa.array([_cell(row[field.name], field.type) for row in rows], field.type) for field in schema]
    return pa.table(arrays, schema=schema)


def _type(column: Column, *, in_snowflake: bool) -> "pa.DataType":
    import pyarrow as pa

    has_zone = not in_snowflake or (column.physical_type or "").upper().startswith(("TIMESTAMP_TZ", "TIMESTAMP_LTZ"))
    match column.logical_type:
        case "integer":
            return pa.int64()
        case "number":
            return pa.decimal128(18, 2)
        case "boolean":
            return pa.bool_()
        case "date":
            return pa.date32()
        case "timestamp":
            return pa.timestamp("us", "UTC" if has_zone else None)
        case "array" | "object" if not in_snowflake:  # there: the text of a VARIANT
            nested = pa.struct([(each.name, _type(each, in_snowflake=False)) for each in column.fields])
            if column.logical_type == "object":
                return nested if column.fields else pa.struct([("value", pa.string())])
            return pa.list_(nested if column.fields else pa.string())
    return pa.string()


def _cell(value: Any, type_: "pa.DataType") -> Any:
    """A datetime is in UTC, and pyarrow makes it that where the type has no zone, as TIMESTAMP_NTZ are here."""
    return _json(value).decode() if isinstance(value, list | dict) and str(type_) == "string" else value


def _with_other_days(path: Path, table: "pa.Table", day_column: str | None, partition: Partition) -> "pa.Table":
    """Without a day column a table is a state: the last one written."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if day_column is None or not path.exists():
        return table
    before = pq.read_table(path)
    start, end = _bounds(before.schema.field(day_column).type, partition)
    day = pc.field(day_column)
    return pa.concat_tables([before.filter((day < start) | (day >= end)), table])


def _bounds(type_: "pa.DataType", partition: Partition) -> tuple[date, date]:
    """A datetime is a date, says Python."""
    import pyarrow as pa

    if pa.types.is_date(type_):
        return partition.date, partition.date + timedelta(days=1)
    zone = None if type_.tz is None else partition.start.tzinfo
    return partition.start.replace(tzinfo=zone), partition.end.replace(tzinfo=zone)


def _compression(read: Files, path: Path) -> str:
    if read.compression != "by_name":
        return read.compression
    return {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}.get(path.suffix, "none")


def _compressed(content: bytes, compression: str) -> bytes:
    if compression == "gzip":
        return gzip.compress(content, compresslevel=3, mtime=0)
    if compression == "zstd":
        import pyarrow as pa

        return pa.compress(content, codec="zstd", asbytes=True)
    return content
