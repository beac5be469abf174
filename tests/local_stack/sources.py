"""Contracts of a library's sources, as tests of what is derived from them need them."""

from typing import Any

from pydantic import TypeAdapter

from emr_jobs.contracts.model import Column, Contract, Medium
from emr_jobs.contracts.read import Read

READ: TypeAdapter[Any] = TypeAdapter(Read)
API = {
    "kind": "rest",
    "connection": "desk",
    "path": "/loans",
    "params": {"since": "{start}", "before": "{end}"},
    "records": "$.data",
    "pages": {"kind": "cursor", "field": "$.next"},
    "complete": {"total": "$.total"},
    "day_column": "$.lent_at",
}
FILES = {"kind": "files", "connection": "export", "path": "loans/{partition:%Y/%m%d}-*.jsonl", "format": "json_lines"}
TABLE = {"kind": "snowflake", "connection": "office"}

COLUMNS = (
    Column("loan_id", "string", required=True),
    Column("member_id", "string", required=True),
    Column("lent_at", "timestamp", required=True),
    Column("due", "date"),
    Column("fee", "number"),
    Column("shelf", "integer"),
    Column("renewed", "boolean"),
    Column("kind", "string", accepted=("book", "film")),
    Column("tags", "array"),
    Column("copies", "array", fields=(Column("copy_id", "string"), Column("weight", "number"))),
    Column("desk", "object"),
)


def source(read: dict[str, Any], *columns: Column, name: str = "loans", physical_name: str | None = None) -> Contract:
    return Contract(
        id=f"lending.{name}",
        version="1.0.0",
        medium=Medium.SOURCE,
        physical_name=physical_name or name,
        description="",
        granularity=None,
        owner="desk",
        columns=columns or COLUMNS,
        checks=(),
        available_by=None,
        read=READ.validate_python(read),
    )
