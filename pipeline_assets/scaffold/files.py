"""The guess of delivered files: format, dialect and fields of one of them, read as a run reads it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emr_jobs.contracts.read import Csv, Files
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Partition
from pydantic import ValidationError

from pipeline_assets.scaffold.dialect import Dialect, dialect_of
from pipeline_assets.scaffold.guess import COLUMNS, READ, Doubt, Guess, skeleton
from pipeline_assets.scaffold.infer import Field, fields_of
from pipeline_assets.scaffold.table_types import parquet_fields

RECORDS = 10_000  # of a sample that are looked at
HEAD_BYTES = 2**20

_PHYSICAL_TYPES = {"json_lines": "json lines", "csv": "csv", "parquet": "parquet"}
_FORMATS = {
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "json": "json_lines",
    "jsonl": "json_lines",
    "ndjson": "json_lines",
}
_PACKED = re.compile(r"\.(gz|zst|zstd)$")


def placed(files: str) -> tuple[str | None, str]:
    """Bucket and path of the day's files; no bucket for a path below one. An example's day becomes {partition}."""
    bucket, path = None, files.removeprefix("/")
    if match := re.fullmatch(r"s3a?://([^/]+)/(.+)", files):
        bucket, path = match.groups()
    elif "://" in files:
        raise Misconfigured("--files: expected s3://bucket/path, or the path below the connection's address")
    if "{" not in path:
        path = re.sub(r"\d{4}-\d{2}-\d{2}", "{partition}", path, count=1)
    return bucket, path


@dataclass(frozen=True)
class Sampled:
    format: str
    csv: Mapping[str, Any]  # what is not usual of it
    records: Sequence[dict[str, Any]]
    fields: tuple[Field, ...]
    doubts: tuple[Doubt, ...]


def guess_of(path: str, sample: Path | None, *, source: str, partition: Partition) -> Guess:
    """`path`: with its {partition}. Raises Misconfigured, and what is wrong with the sample as a run would."""
    format_ = _format(path)
    declared = _declared(path, format_ or "json_lines")
    if sample is None:
        doubt = Doubt(f"{READ}.format", "a guess by the name of the files")
        return Guess(_read(declared, {}), _PHYSICAL_TYPES[declared.format], skeleton(), 0, [doubt])
    found = sampled(sample, format_=format_, source=source, partition=partition)
    read = _read(_declared(path, found.format), found.csv)
    return Guess(read, _PHYSICAL_TYPES[found.format], found.fields, len(found.records), found.doubts)


def _read(declared: Files, csv: Mapping[str, Any]) -> dict[str, Any]:
    read = {"kind": "files", "path": declared.path, "format": declared.format}
    return {**read, "csv": dict(csv)} if csv else read


def _declared(path: str, format_: str, csv: Mapping[str, Any] | None = None) -> Files:
    declared = {"kind": "files", "connection": "sample", "path": path, "format": format_}
    try:
        return Files.model_validate({**declared, "csv": csv} if csv else declared)
    except ValidationError as error:
        said = "; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())
        raise Misconfigured(f"--files {path}: {said}") from error


def sampled(sample: Path, *, format_: str | None, source: str, partition: Partition) -> Sampled:
    """`format_`: None where it is the sample's own business."""
    head, is_whole = _head(sample)
    format_ = format_ or _format(sample.name) or _format_by(head)
    dialect = dialect_of(head, is_whole=is_whole) if format_ == "csv" else None
    csv = _unusual(dialect) if dialect else {}
    declared = _declared("{partition}", format_, csv)
    records = _records(sample, declared, dialect, source=source, partition=partition)
    objects = [record for record in records if type(record) is dict]
    if not objects:
        raise Misconfigured(f"--sample {sample}: no record in it can be read as {format_}")
    fields = _fields(sample, format_, objects)
    doubts = [Doubt(f"{READ}.csv.{key}", says) for key, says in dialect.doubts] if dialect else []
    if broken := len(records) - len(objects):
        doubts.append(Doubt(COLUMNS, f"{broken} of {len(records)} records cannot be read: each is a reject"))
    return Sampled(format_, csv, objects, fields, tuple(doubts))


def _format(name: str) -> str | None:
    ending = _PACKED.sub("", name.lower()).rpartition(".")[2]
    return "parquet" if ending in ("parquet", "pq") else _FORMATS.get(ending)


def _format_by(head: bytes) -> str:
    if head.startswith(b"PAR1"):
        return "parquet"
    return "json_lines" if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else "csv"


def _unusual(dialect: Dialect) -> dict[str, Any]:
    usual = Csv()
    return {name: value for name in Csv.model_fields if (value := getattr(dialect, name)) != getattr(usual, name)}


def _head(sample: Path) -> tuple[bytes, bool]:
    """The first bytes, unpacked, and whether these are all."""
    from emr_jobs.sources.files.opening import packing_of, unpacked
    from emr_jobs.sources.files.refusals import Unreadable

    try:
        with sample.open("rb") as raw:
            content = unpacked(raw, packing_of(sample.name))
            head = b""
            while len(head) <= HEAD_BYTES and (more := content.read(HEAD_BYTES)):
                head += more
    except OSError as error:
        raise Misconfigured(f"--sample {sample}: not readable ({error.strerror or error})") from error
    except Unreadable as error:
        raise Misconfigured(f"--sample {sample}: a file {error}") from error
    if not head.strip():
        raise Misconfigured(f"--sample {sample}: there is nothing in it")
    return head, len(head) <= HEAD_BYTES


def _records(
    sample: Path, declared: Files, dialect: Dialect | None, *, source: str, partition: Partition
) -> Sequence[Any]:
    from emr_jobs.sources.files import File, first_records

    state = sample.stat()
    file = File(str(sample), state.st_size, "", datetime.fromtimestamp(state.st_mtime, UTC))
    return first_records(
        [file],
        declared,
        source=source,
        partition=partition,
        limit=RECORDS,
        columns=[f"column_{number}" for number in range(1, dialect.columns + 1)] if dialect else (),
    )


def _fields(sample: Path, format_: str, records: Sequence[dict[str, Any]]) -> tuple[Field, ...]:
    if format_ != "parquet":
        return fields_of(records, written=format_ == "csv")
    import pyarrow.parquet as pq

    return parquet_fields(pq.read_schema(sample), records)
