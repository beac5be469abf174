"""intermediate.rejected_orders: the lines that broke a rule, with the first one they broke."""

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from shop.transforms.order_line import TEST
from shop.transforms.order_lines import DUPLICATE, ORDER


def rejected_orders(order_lines: DataFrame, *, partition_date: date) -> DataFrame:
    """A row a rejected line, in contract order."""
    return order_lines.where(~F.col("outcome").isin(TEST, DUPLICATE, ORDER)).select(
        F.lit(partition_date).alias("partition_date"),
        F.col("outcome").alias("reason"),
        "raw",
    )
