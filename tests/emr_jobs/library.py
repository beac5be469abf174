"""Contracts of a library, built in code: what members wrote about books, as a source has it and as it is read."""

from dataclasses import replace
from datetime import time
from typing import Any

from emr_jobs.contracts.model import Column, Contract, Medium
from emr_jobs.contracts.read import Files, OnePage, Read, Rest, Snowflake

SOURCE = "web_api.reviews"
_ANY: dict[str, Any] = {"version": "1.0.0", "description": "", "granularity": None, "checks": (), "available_by": None}

API = Rest(
    kind="rest",
    connection="library",
    path="/reviews",
    pages=OnePage(kind="none"),
    records="$.items",
    complete="unproven",
)
JSON_LINES = Files(kind="files", connection="library", path="reviews/{partition}.jsonl", format="json_lines")
CSV = Files(kind="files", connection="library", path="reviews/{partition}.csv", format="csv")
PARQUET = Files(kind="files", connection="library", path="reviews/{partition}.parquet", format="parquet")
WAREHOUSE = Snowflake(kind="snowflake", connection="warehouse")

PARTITION = Column("partition_date", "date", required=True)


def make_source(*columns: Column, read: Read = JSON_LINES) -> Contract:
    return Contract(
        id=SOURCE, medium=Medium.SOURCE, physical_name="reviews", owner="members", columns=columns, read=read, **_ANY
    )


def make_dataset(*columns: Column, **overrides: Any) -> Contract:
    """Of these columns behind the partition's."""
    plain = Contract(
        id="raw.reviews",
        medium=Medium.TABLE,
        physical_name="reviews",
        owner="catalogue",
        columns=(PARTITION, *columns),
        **_ANY | {"available_by": time(10)},
    )
    return replace(plain, **overrides)


def of(field: str | None, name: str, logical_type: str = "string", **more: Any) -> Column:
    """A column that comes from this field of the source; None: from all of it."""
    return Column(name, logical_type, lineage=((SOURCE, field),), **more)
