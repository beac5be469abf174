"""final.daily_sales: the day's sales by country, segment and channel, over orders that are pending or paid."""

from emr_jobs.reading.values import AMOUNT
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

COUNTED = ("pending", "paid")
GROUPS = ("shipping_country", "customer_segment", "channel")


def daily_sales(order_facts: DataFrame) -> DataFrame:
    """In contract order."""
    groups = [F.coalesce(name, F.lit("unknown")).alias(name) for name in GROUPS]
    return (
        order_facts.where(F.col("status").isin(*COUNTED))
        .groupBy("partition_date", *groups)
        .agg(
            F.count("*").alias("orders"),
            F.count_distinct("customer_id").alias("customers"),
            F.try_sum("units").alias("units"),
            F.sum("net_amount_usd").try_cast(AMOUNT).alias("net_amount_usd"),
            F.count_if("is_late").alias("late_orders"),
        )
        .select(
            "partition_date",
            *GROUPS,
            "orders",
            "customers",
            "units",
            "net_amount_usd",
            _quotient(F.col("net_amount_usd"), F.col("orders"), decimals=2)
            .cast(AMOUNT)
            .alias("average_order_value_usd"),
            "late_orders",
            _quotient(F.col("late_orders"), F.col("orders"), decimals=4).cast("decimal(5,4)").alias("late_share"),
        )
    )


def _quotient(total: Column, count: Column, *, decimals: int) -> Column:
    """Rounded half away from zero. `avg` would round twice; twelve decimals and more before the rounding do not."""
    return F.round(total.cast("decimal(20,2)") / count.cast("decimal(12,0)"), decimals)
