"""intermediate.shipments: a row a shipment, flat, with its last event."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
from emr_jobs.reading import ARROW_AMOUNT, ARROW_INSTANT, amount, elements, field, instant, text
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

SHIPMENT = pa.schema(
    {
        **dict.fromkeys(("shipment_id", "order_id"), pa.string()),
        "ordered_at": ARROW_INSTANT,
        **dict.fromkeys(("carrier", "service"), pa.string()),
        **dict.fromkeys(("shipped_at", "promised_at", "delivered_at"), ARROW_INSTANT),
        "cost_amount": ARROW_AMOUNT,
        **dict.fromkeys(("cost_currency", "last_event_code"), pa.string()),
        "last_event_at": ARROW_INSTANT,
    }
)

_NEVER = datetime.min.replace(tzinfo=UTC)


def read_shipments(records: Sequence[Any]) -> pa.RecordBatch:
    """The API's objects as SHIPMENT. Run in the workers."""
    columns = list(zip(*map(_shipment, records), strict=True)) or [()] * len(SHIPMENT)
    arrays = [pa.array(column, type_) for column, type_ in zip(columns, SHIPMENT.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SHIPMENT)


def _shipment(record: Any) -> tuple[Any, ...]:
    cost = field(record, "cost")
    last_event_code, last_event_at = _last(elements(field(record, "events")))
    return (
        text(field(record, "shipment_id")),
        text(field(record, "order_id")),
        instant(field(record, "ordered_at")),
        text(field(record, "carrier")),
        text(field(record, "service")),
        instant(field(record, "shipped_at")),
        instant(field(record, "promised_at")),
        instant(field(record, "delivered_at")),
        amount(field(cost, "amount")),
        text(field(cost, "currency")),
        last_event_code,
        last_event_at,
    )


def _last(events: list[Any]) -> tuple[str | None, datetime | None]:
    """Code and instant of the latest; one without an instant is before all others, on a tie the later counts."""
    found = [(text(field(event, "code")), instant(field(event, "at"))) for event in events]
    backwards = reversed(found)  # max takes the first of equals
    return max(backwards, key=lambda event: (event[1] is not None, event[1] or _NEVER), default=(None, None))


def shipments(fetched: DataFrame, *, partition_date: date) -> DataFrame:
    """From SHIPMENT, in contract order."""
    return fetched.select(F.lit(partition_date).alias("partition_date"), *SHIPMENT.names)
