"""intermediate.shipments: a row a shipment, flat, with its last event."""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from emr_jobs.transforms.reading import amount, elements, field, instant, literal, number, text

TEXTS = ("shipment_id", "order_id", "carrier", "service")
INSTANTS = ("ordered_at", "shipped_at", "promised_at", "delivered_at")


def shipments(pages: DataFrame, *, partition_date: date) -> DataFrame:
    """From pages (body: the API's JSON), in contract order."""
    return (
        pages.select(F.explode(F.from_json("body", "data array<variant>")["data"]).alias("shipment"))
        .select(*[column.alias(name) for name, column in _literals(F.col("shipment")).items()])
        .withColumn("last_event", F.array_max(F.transform("events", _event)))
        .select(
            F.lit(partition_date).alias("partition_date"),
            text(F.col("shipment_id")).alias("shipment_id"),
            text(F.col("order_id")).alias("order_id"),
            instant(F.col("ordered_at")).alias("ordered_at"),
            text(F.col("carrier")).alias("carrier"),
            text(F.col("service")).alias("service"),
            instant(F.col("shipped_at")).alias("shipped_at"),
            instant(F.col("promised_at")).alias("promised_at"),
            instant(F.col("delivered_at")).alias("delivered_at"),
            amount(number(F.col("cost_amount"))).alias("cost_amount"),
            text(F.col("cost_currency")).alias("cost_currency"),
            F.col("last_event")["code"].alias("last_event_code"),
            F.col("last_event")["at"].alias("last_event_at"),
        )
    )


def _literals(shipment: Column) -> dict[str, Column]:
    cost = field(shipment, "cost")
    return {
        **{name: literal(field(shipment, name)) for name in TEXTS + INSTANTS},
        "cost_amount": literal(field(cost, "amount")),
        "cost_currency": literal(field(cost, "currency")),
        "events": F.transform(
            elements(field(shipment, "events")),
            lambda event: F.struct(
                literal(field(event, "at")).alias("at"), literal(field(event, "code")).alias("code")
            ),
        ),
    }


def _event(event: Column, position: Column) -> Column:
    """Structs compare field by field, null smallest: the greatest is the latest, on a tie the later in the array."""
    return F.struct(instant(event["at"]).alias("at"), position.alias("position"), text(event["code"]).alias("code"))
