"""intermediate.orders: the order's own fields, address flattened, payments summed."""

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from shop.transforms.order_lines import ORDER


def orders(order_lines: DataFrame, *, partition_date: date) -> DataFrame:
    """A row an order, in contract order."""
    return order_lines.where(F.col("outcome") == ORDER).select(
        F.lit(partition_date).alias("partition_date"),
        "order_id",
        "customer_id",
        "placed_at",
        "updated_at",
        "status",
        "currency",
        "channel",
        "shipping_city",
        "shipping_region",
        "shipping_postal_code",
        "shipping_country",
        "paid_amount",
        "tags",
    )
