"""final.order_facts: a row an order, with its money, its customer and its delivery."""

from emr_jobs.core.partition import Partition
from emr_jobs.reading.values import AMOUNT
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from shop.transforms.money import to_usd

EXCEPTIONS = ("exception", "returned")


def order_facts(
    orders: DataFrame,
    order_items: DataFrame,
    customers: DataFrame,
    fx_rates: DataFrame,
    shipments: DataFrame,
    *,
    partition: Partition,
) -> DataFrame:
    """In contract order. Items, customers, rates and deliveries each have at most one row per order joined."""
    return (
        orders.join(_totals(order_items), on="order_id", how="left")
        .join(_customers(customers, partition), on="customer_id", how="left")
        .join(fx_rates.select("currency", "usd_rate"), on="currency", how="left")
        .join(_deliveries(shipments, fx_rates), on="order_id", how="left")
        .withColumn("net_amount", (F.col("gross_amount") - F.col("discount_amount")).cast(AMOUNT))
        .select(
            F.lit(partition.date).alias("partition_date"),
            "order_id",
            "customer_id",
            "placed_at",
            "status",
            "currency",
            "channel",
            "shipping_country",
            "shipping_region",
            "shipping_city",
            "tags",
            "item_count",
            "units",
            "gross_amount",
            "discount_amount",
            "net_amount",
            to_usd(F.col("net_amount"), F.col("usd_rate")).alias("net_amount_usd"),
            "paid_amount",
            _payment_status().alias("payment_status"),
            "customer_name",
            "customer_segment",
            "customer_country",
            "loyalty_points",
            "loyalty_tier",
            "is_new_customer",
            F.coalesce("shipment_count", F.lit(0)).cast("bigint").alias("shipment_count"),
            "shipped_at",
            "promised_at",
            "delivered_at",
            F.coalesce("delivery_status", F.lit("not_shipped")).alias("delivery_status"),
            (F.coalesce("delivered_at", F.lit(partition.as_of)) > F.col("promised_at")).alias("is_late"),
            _hours(F.col("placed_at"), F.col("shipped_at")).alias("hours_to_ship"),
            F.coalesce("shipping_cost_usd", F.lit(0)).cast(AMOUNT).alias("shipping_cost_usd"),
        )
    )


def _totals(order_items: DataFrame) -> DataFrame:
    return order_items.groupBy("order_id").agg(
        F.count("*").alias("item_count"),
        F.try_sum("quantity").alias("units"),
        F.sum("line_gross").try_cast(AMOUNT).alias("gross_amount"),
        F.sum("discount").try_cast(AMOUNT).alias("discount_amount"),
    )


def _customers(customers: DataFrame, partition: Partition) -> DataFrame:
    points = F.col("loyalty_points")
    tier = (
        F.when(points >= 20000, F.lit("platinum"))
        .when(points >= 5000, F.lit("gold"))
        .when(points >= 1000, F.lit("silver"))
        .otherwise(F.lit("bronze"))
    )
    created_on = F.to_date(F.from_utc_timestamp("created_at", partition.calendar.timezone))
    return customers.select(
        "customer_id",
        F.col("name").alias("customer_name"),
        F.col("segment").alias("customer_segment"),
        F.col("country").alias("customer_country"),
        "loyalty_points",
        tier.alias("loyalty_tier"),
        (created_on == F.lit(partition.date)).alias("is_new_customer"),
    )


def _deliveries(shipments: DataFrame, fx_rates: DataFrame) -> DataFrame:
    """A row an order that has shipments. Each cost is rounded, then summed; one without amount costs 0."""
    rates = fx_rates.select(F.col("currency").alias("cost_currency"), "usd_rate")
    cost_usd = F.coalesce(to_usd(F.col("cost_amount"), F.col("usd_rate")), F.lit(0).cast(AMOUNT))
    all_delivered = F.count("delivered_at") == F.count("*")
    status = (
        F.when(F.count("shipped_at") == 0, F.lit("not_shipped"))
        .when(F.coalesce(F.bool_or(F.col("last_event_code").isin(*EXCEPTIONS)), F.lit(False)), F.lit("exception"))
        .when(all_delivered, F.lit("delivered"))
        .otherwise(F.lit("in_transit"))
    )
    return (
        shipments.join(rates, on="cost_currency", how="left")
        .withColumn("cost_usd", cost_usd)
        .groupBy("order_id")
        .agg(
            F.count("*").alias("shipment_count"),
            F.min("shipped_at").alias("shipped_at"),
            F.max("promised_at").alias("promised_at"),
            F.when(all_delivered, F.max("delivered_at")).alias("delivered_at"),
            status.alias("delivery_status"),
            F.sum("cost_usd").try_cast(AMOUNT).alias("shipping_cost_usd"),
        )
    )


def _payment_status() -> Column:
    paid, net = F.col("paid_amount"), F.col("net_amount")
    return (
        F.when(F.col("status") == "refunded", F.lit("refunded"))
        .when(paid == 0, F.lit("unpaid"))
        .when(paid < net, F.lit("partial"))
        .when(paid == net, F.lit("paid"))
        .when(paid > net, F.lit("overpaid"))
    )


def _hours(start: Column, end: Column) -> Column:
    """From exact microseconds; the quotient has more decimals than half a cent of an hour needs."""
    micros = (F.unix_micros(end) - F.unix_micros(start)).cast("decimal(20,0)")
    return F.round(micros / F.lit(3_600_000_000).cast("decimal(10,0)"), 2).cast("decimal(10,2)")
