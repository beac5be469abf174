"""Rows as the frames that transforms take, and frames as the rows that they give: columns and types are the contract's.

Does not own: rows; every test builds its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from emr_jobs.contracts.table import spark_ddl
from emr_jobs.core.partition import Partition
from shop.transforms.order_lines import parse, settle
from tests.shop import SHOP

DAY = SHOP.calendar.partition("2026-11-21")  # 5:00 UTC to 5:00 UTC

Row = dict[str, Any]


@dataclass(frozen=True)
class Frames:
    spark: SparkSession

    def of(self, dataset: str, rows: Sequence[Row]) -> DataFrame:
        """A dataset's rows; a column that a row does not name is null."""
        return self.typed(spark_ddl(SHOP.contracts[dataset]), rows)

    def typed(self, ddl: str, rows: Sequence[Row]) -> DataFrame:
        schema = to_arrow_schema(StructType.fromDDL(ddl))
        return self.spark.createDataFrame(pa.Table.from_pylist(list(rows), schema), ddl)

    def lines(self, *lines: bytes) -> DataFrame:
        """As a source's raw lines are: undecoded."""
        return self.typed("value binary", [{"value": line} for line in lines])

    def settled(self, *lines: bytes, partition: Partition = DAY) -> DataFrame:
        return settle(parse(self.lines(*lines), partition=partition))

    def values(self, column: Column, ddl: str, rows: Sequence[Row]) -> list[Any]:
        """What an expression gives for each of these rows, in their order."""
        return self.typed(ddl, rows).select(column.alias("value")).toArrow()["value"].to_pylist()


def rows_of(frame: DataFrame, dataset: str | None = None) -> list[Row]:
    """All rows, ordered by their columns from left to right. Of a dataset: its columns and types, whole."""
    if dataset is not None:
        wanted = StructType.fromDDL(spark_ddl(SHOP.contracts[dataset]))
        assert [(each.name, each.dataType.simpleString()) for each in frame.schema] == [
            (each.name, each.dataType.simpleString()) for each in wanted
        ]
    return sorted(frame.toArrow().to_pylist(), key=lambda row: [str(value) for value in row.values()])
