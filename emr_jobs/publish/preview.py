"""A few rows of a staged day, as Dagster shows a table: for whoever wants to see what a run published.

It goes into logs and event stores that more people read than the lake, so a column that its contract classifies is
left out, as is the partition's date, which the materialization says itself. Does not own: reading the rows (lake).
"""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from emr_jobs.contracts import PARTITION_COLUMN, Column
from emr_jobs.contracts.table import spark_type
from emr_jobs.publish import lake
from emr_jobs.publish.lake import Staged

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = 5
SIZE_BYTES = 4000  # of a preview as JSON: every reader of the run's events carries it
CELL_SIZE = 40


def of(spark: "SparkSession", day: Staged) -> dict[str, Any]:
    """Value of a Pipes metadata entry of type table."""
    shown = [column for column in day.contract.columns if is_shown(column)]
    rows = lake.first_rows(spark, day, [column.name for column in shown], limit=ROWS)
    return table(shown, [{name: cell(value) for name, value in row.items()} for row in rows])


def is_shown(column: Column) -> bool:
    return column.classification is None and column.name != PARTITION_COLUMN


def cell(value: object) -> str | None:
    """Text, or null: a browser rounds large numbers and shows no booleans."""
    if value is None:
        return None
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, Sequence) and not isinstance(value, str):
        text = ", ".join(map(str, value))
    else:
        text = str(value)
    return text if len(text) <= CELL_SIZE else f"{text[: CELL_SIZE - 1]}…"


def table(columns: Iterable[Column], rows: Iterable[dict[str, str | None]]) -> dict[str, Any]:
    """As many of the rows as fit. Dagster wants every column in every row. Pure."""
    records = list(rows)
    made = {"schema": [{"name": column.name, "type": spark_type(column)} for column in columns], "records": records}
    while records and len(json.dumps(made)) > SIZE_BYTES:
        records.pop()
    return made
