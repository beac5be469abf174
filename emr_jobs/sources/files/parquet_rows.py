"""Parquet: each row as a dict of Python values by the names of its columns.

Nanoseconds are cut to microseconds and zones become UTC, as Python's own instants are; a map is a dict. A row with a
value that Python does not hold (an instant after the year 9999, text that is not UTF-8) is Broken.
Invariant: as many records as the file says that it has rows.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from emr_jobs.reading.records import Broken
from emr_jobs.sources.files import bounds
from emr_jobs.sources.files.refusals import Unreadable, require_once_each

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BUFFER_BYTES = 2**20  # of each column; without a buffer all of a row group's is read at once

_PLAIN, _ENCRYPTED = b"PAR1", b"PARE"


def records(raw: IO[bytes]) -> Iterator[list[Any]]:
    _require_both_ends(raw)
    with _damage_named():
        file = _file(raw)
    require_once_each(file.schema_arrow.names)
    batches = file.iter_batches(batch_size=_batch_rows(file.metadata), use_threads=False)
    count = 0
    while (batch := _next(batches)) is not None:
        count += len(batch)
        yield _rows(batch)
    if count != file.metadata.num_rows:
        raise Unreadable(f"that has {count} rows where it says {file.metadata.num_rows}")


def _require_both_ends(raw: IO[bytes]) -> None:
    first = raw.read(len(_PLAIN))
    raw.seek(max(len(_PLAIN), raw.seek(0, os.SEEK_END) - len(_PLAIN)))
    last = raw.read(len(_PLAIN))
    raw.seek(0)
    if first not in (_PLAIN, _ENCRYPTED):
        raise Unreadable("that is no Parquet")
    if last == _ENCRYPTED:
        raise Unreadable("that is encrypted")
    if last != _PLAIN:
        raise Unreadable("that is cut off")


@contextmanager
def _damage_named() -> Iterator[None]:
    """What Arrow says of the file. Only what the disk refuses has a number."""
    import pyarrow as pa

    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Unreadable("that is encrypted" if "decrypt" in str(error) else "that is damaged") from None


def _file(raw: IO[bytes]) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        pa.PythonFile(raw, mode="r"),
        page_checksum_verification=True,
        pre_buffer=False,
        buffer_size=BUFFER_BYTES,
        coerce_int96_timestamp_unit="us",  # as nanoseconds a year after 2262 would be another one
    )


def _batch_rows(metadata: "pq.FileMetaData") -> int:
    """Of about CHUNK_BYTES, as the file has them: unpacked, but each text of a dictionary once."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    row_bytes = max((group.total_byte_size / group.num_rows for group in groups if group.num_rows), default=1)
    return max(1, min(bounds.BATCH_RECORDS, int(bounds.CHUNK_BYTES / row_bytes)))


def _next(batches: Iterator["pa.RecordBatch"]) -> "pa.RecordBatch | None":
    import pyarrow as pa

    with _damage_named():
        batch = next(batches, None)
        if batch is None:
            return None
        schema = pa.schema([field.with_type(_held(field.type)) for field in batch.schema])
        return batch.cast(schema, safe=False)  # it cuts nanoseconds, and is asked for nothing else


def _held(type_: "pa.DataType") -> "pa.DataType":
    """The type that Python's own values have."""
    import pyarrow as pa

    if pa.types.is_timestamp(type_):
        return pa.timestamp(_unit(type_), "UTC" if type_.tz else None)
    if pa.types.is_time64(type_):
        return pa.time64("us")
    if pa.types.is_duration(type_):
        return pa.duration(_unit(type_))
    if pa.types.is_struct(type_):
        return pa.struct([field.with_type(_held(field.type)) for field in type_])
    if pa.types.is_map(type_):
        return pa.map_(_held(type_.key_type), type_.item_field.with_type(_held(type_.item_type)))
    if pa.types.is_list(type_):
        return pa.list_(type_.value_field.with_type(_held(type_.value_type)))
    if pa.types.is_large_list(type_):
        return pa.large_list(type_.value_field.with_type(_held(type_.value_type)))
    return type_


def _unit(type_: "pa.DataType") -> str:
    return "us" if type_.unit == "ns" else type_.unit


def _rows(batch: "pa.RecordBatch") -> list[Any]:
    try:
        return batch.to_pylist(maps_as_pydicts="lossy")
    except (ValueError, OverflowError):
        return [_row(batch.slice(number, 1)) for number in range(len(batch))]


def _row(row: "pa.RecordBatch") -> Any:
    try:
        return row.to_pylist(maps_as_pydicts="lossy")[0]
    except (ValueError, OverflowError):
        values = zip(row.schema.names, row.columns, strict=True)
        return Broken(", ".join(f"{name}: {column.to_string(skip_new_lines=True)}" for name, column in values).encode())
