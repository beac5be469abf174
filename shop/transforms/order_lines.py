"""The lines of an order export, read once and each given its outcome.

`parse` reads a line into typed columns and the first rule it breaks; `settle` decides among the lines of one
order_id. `outcome` is then a reason of intermediate.rejected_orders, or one of TEST, DUPLICATE, ORDER; null in a row
without a line, which is a source's report and goes through as it is.
Does not own: what is read of a line (order_line), the datasets made of it (orders, order_items, rejected_orders).
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa
from emr_jobs.core.partition import Partition
from emr_jobs.reading import strict_json
from emr_jobs.reading.values import ARROW_AMOUNT, ARROW_INSTANT
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_type

from shop.transforms import order_line
from shop.transforms.order_line import TEST, Item, Order

DUPLICATE = "duplicate"
ORDER = "order"

_ITEM = pa.struct(
    {
        "line_no": pa.int64(),
        "sku": pa.string(),
        "name": pa.string(),
        "category": pa.string(),
        "quantity": pa.int64(),
        "unit_price": ARROW_AMOUNT,
        "discount": ARROW_AMOUNT,
        "line_gross": ARROW_AMOUNT,
    }
)
LINE = pa.struct(
    {
        "reason": pa.string(),
        **dict.fromkeys(("order_id", "customer_id", "status", "currency", "channel"), pa.string()),
        **dict.fromkeys(("placed_at", "updated_at"), ARROW_INSTANT),
        **{f"shipping_{name}": pa.string() for name in ("city", "region", "postal_code", "country")},
        "paid_amount": ARROW_AMOUNT,
        "tags": pa.list_(pa.string()),
        "items": pa.list_(_ITEM),
    }
)


def parse(lines: DataFrame, *, partition: Partition) -> DataFrame:
    """One row a row of `lines` (value: binary); `reason` is null when its line breaks no rule.

    Python reads them in Arrow batches: a quarter of the CPU that Spark's own functions took, and exactly.
    """
    start, end = partition.start, partition.end

    @F.arrow_udf(returnType=from_arrow_type(LINE))  # type: ignore[misc]
    def read(values: pa.Array) -> pa.Array:
        return read_lines(values, start=start, end=end)

    others = [name for name in lines.columns if name != "value"]
    raw = F.make_valid_utf8(F.col("value").cast("string")).alias("raw")
    return lines.select(raw, *others, read("value").alias("line")).select("raw", *others, "line.*")


def read_lines(values: pa.Array, *, start: datetime, end: datetime) -> pa.StructArray:
    """LINE a line; without reason and values where there is none."""
    rows = [
        _row(None if line is None else order_line.read(line, in_doubt=bool(in_doubt), start=start, end=end))
        for line, in_doubt in zip(values.to_pylist(), strict_json.doubtful(values), strict=True)
    ]
    fields = list(LINE)
    *columns, items = zip(*rows, strict=True) if rows else [()] * len(fields)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=False)]
    return pa.StructArray.from_arrays([*arrays, _nested(items, LINE["items"].type)], fields=fields)


_NOTHING = (None,) * len(Order._fields)


def _row(read: Order | str | None) -> tuple[Any, ...]:
    return (None, *read) if isinstance(read, Order) else (read, *_NOTHING)


def _nested(items: Sequence[list[Item] | None], type_: pa.ListType) -> pa.ListArray:
    ends = list(accumulate((len(each or ()) for each in items), initial=0))
    fields = list(type_.value_type)
    columns = list(zip(*chain.from_iterable(each or () for each in items), strict=True)) or [()] * len(fields)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    structs = pa.StructArray.from_arrays(arrays, fields=fields)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), structs, type=type_)


def settle(parsed: DataFrame) -> DataFrame:
    """Adds `outcome`: rules first, then test orders, then one line per order_id.

    The line with the greatest updated_at stays (null last), then the greatest by bytes. Other lines than
    candidates rank among themselves, spread by their text so that no task gets them all.
    """
    settled = F.coalesce(F.col("reason"), F.when(F.col("status") == TEST, F.lit(TEST)))
    candidate = F.col("raw").isNotNull() & settled.isNull()
    same_order = Window.partitionBy("candidate", F.when(F.col("candidate"), F.col("order_id")).otherwise(F.col("raw")))
    latest_first = same_order.orderBy(F.col("updated_at").desc_nulls_last(), F.col("raw").desc())
    outcome = (
        F.when(F.col("reason").isNotNull(), F.col("reason"))
        .when(F.col("status") == TEST, F.lit(TEST))
        .when(F.col("raw").isNull(), F.lit(None))
        .when(F.col("rank") > 1, F.lit(DUPLICATE))
        .otherwise(F.lit(ORDER))
    )
    return (
        parsed.withColumn("candidate", candidate)
        .withColumn("rank", F.row_number().over(latest_first))
        .withColumn("outcome", outcome)
        .drop("candidate", "rank", "reason")
    )
