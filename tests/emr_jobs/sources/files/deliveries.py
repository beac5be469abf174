"""What a library delivers, as the tests of files read it: as one worker does, without Spark."""

import gzip
import os
from datetime import date, time
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import Row

from emr_jobs.contracts.read import Files
from emr_jobs.core.partition import Calendar
from emr_jobs.sources.files import File, fetching, require_whole
from emr_jobs.sources.files.listing import listing
from emr_jobs.sources.files.reports import with_report

DAY = Calendar("Europe/Berlin", time(6, 30), date(2025, 3, 1)).partition("2026-11-21")
SOURCE = "desk.loans"
OF: Any = {"dataset": SOURCE, "partition": DAY}
BY: Any = {"source": SOURCE, "partition": DAY}
LOAN = b'{"loan_id": "L-1"}\n'

TEXTS = pa.schema({"text": pa.string()})


def declared(format: str, **more: Any) -> Files:
    return Files(kind="files", connection="desk", path="{partition}/*", format=format, **more)  # type: ignore[arg-type]


def write(folder: Path, name: str, content: bytes) -> Path:
    """Gzipped."""
    path = folder / name
    path.write_bytes(gzip.compress(content))
    return path


def file_of(path: Path) -> File:
    return File(str(path), path.stat().st_size, "1", DAY.start)


def as_texts(records: list[Any]) -> pa.RecordBatch:
    """TEXTS: what each record is, in Python's words."""
    return pa.RecordBatch.from_pydict({"text": pa.array(map(repr, records), pa.string())})


def rows_of_lines(files: list[File]) -> list[dict[str, Any]]:
    return _rows(files, partial(fetching.lines_of, **BY), fetching.as_lines, pa.schema({"value": pa.binary()}))


def rows_of(files: list[File], read_as: Files, *, read: fetching.Read = as_texts) -> list[dict[str, Any]]:
    """TEXTS and reports."""
    return _rows(files, partial(fetching.records_of, declared=read_as, columns=(), **BY), read, TEXTS)


def _rows(files: list[File], records: fetching.Records, read: fetching.Read, schema: pa.Schema) -> list[dict[str, Any]]:
    part = fetching.Part(tuple(enumerate(files)), records, read, with_report(schema, source=SOURCE))
    return [row for batch in fetching.read_part(part) for row in batch.to_pylist()]


def counts(rows: list[dict[str, Any]], files: list[File]) -> dict[str, int]:
    """Records by the name of the file. Raises what the workers met."""
    reports = [Row(**row) for row in rows if row["file"] is not None]
    by_file = require_whole(reports, files, len(rows) - len(reports), **OF)
    return {os.path.basename(name): count for name, count in by_file.items()}


def listed(folder: Path, pattern: str = "*") -> list[File]:
    return listing(f"{folder}/{pattern}")
