"""The guess of a Snowflake table: from a list of its columns, or from rows of it as Parquet."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Partition

from pipeline_assets.scaffold import files
from pipeline_assets.scaffold.guess import COLUMNS, READ, Doubt, Guess, skeleton
from pipeline_assets.scaffold.infer import Field, day_column_of
from pipeline_assets.scaffold.table_types import in_snowflake, snowflake_fields

PHYSICAL_TYPE = "snowflake table"


def named(table: str) -> tuple[str | None, str]:
    """Database, if one is named, and SCHEMA.TABLE. Raises Misconfigured."""
    parts = table.split(".")
    if len(parts) not in (2, 3) or not all(parts):
        raise Misconfigured(f"--snowflake {table}: expected SCHEMA.TABLE, or DATABASE.SCHEMA.TABLE")
    return (parts[0] if len(parts) == 3 else None), ".".join(parts[-2:])


def guess_of(table: str, sample: Path | None, *, source: str, partition: Partition) -> Guess:
    """`table`: SCHEMA.TABLE."""
    read: dict[str, Any] = {"kind": "snowflake"}
    doubts: list[Doubt] = []
    if sample is None:
        fields, records = tuple(replace(each, name="ID", physical="TEXT") for each in skeleton()), 0
    else:
        fields, records = _sampled(sample, source=source, partition=partition)
        if not records:
            doubts.append(Doubt(COLUMNS, "a list of columns has no values: key and day column are guessed by name"))
    if day := day_column_of(fields, records=records):
        read["day_column"] = day.name
    else:
        doubts.append(Doubt(READ, "which rows are of a day is not known: day_column, or sql"))
    return Guess(read, PHYSICAL_TYPE, fields, records, doubts, physical_name=table)


def _sampled(sample: Path, *, source: str, partition: Partition) -> tuple[tuple[Field, ...], int]:
    found = files.sampled(sample, format_=None, source=source, partition=partition)
    if found.format == "parquet":
        return in_snowflake(found.fields), len(found.records)
    if found.format == "csv":
        return snowflake_fields(found.records), 0
    raise Misconfigured(f"--sample {sample}: expected the table's columns as CSV, or rows of it as Parquet")
