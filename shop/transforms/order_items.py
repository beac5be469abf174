"""intermediate.order_items: a row an item of an order that stayed."""

from datetime import date

from emr_jobs.reading.values import AMOUNT
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from shop.transforms.order_lines import ORDER


def order_items(order_lines: DataFrame, *, partition_date: date) -> DataFrame:
    """A row an item, in contract order. The rules let no discount above line_gross through."""
    return (
        order_lines.where(F.col("outcome") == ORDER)
        .select("order_id", F.inline("items"))
        .select(
            F.lit(partition_date).alias("partition_date"),
            "order_id",
            "line_no",
            "sku",
            "name",
            "category",
            "quantity",
            "unit_price",
            "discount",
            "line_gross",
            (F.col("line_gross") - F.col("discount")).cast(AMOUNT).alias("line_net"),
        )
    )
