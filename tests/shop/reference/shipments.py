"""Shipments of a day, from the API's objects."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.shop.reference.reading import amount, field, instant, items_of, parse, text

Row = dict[str, Any]
NEVER = datetime.min.replace(tzinfo=UTC)


def extract(data: Path, partition: date) -> dict[str, list[Row]]:
    content = gzip.decompress((data / "shipments" / f"dt={partition}.jsonl.gz").read_bytes())
    objects = [parse(line) or {} for line in content.split(b"\n") if line.strip()]
    return {"intermediate.shipments": [row(each, partition) for each in objects]}


def row(shipment: Row, partition: date) -> Row:
    cost = field(shipment, "cost")
    events = [(instant(field(event, "at")), text(field(event, "code"))) for event in items_of(shipment.get("events"))]
    ranked = [(at is not None, at or NEVER, number) for number, (at, _) in enumerate(events)]
    last = events[max(ranked)[2]] if events else (None, None)
    return {
        "partition_date": partition,
        **{name: text(shipment.get(name)) for name in ("shipment_id", "order_id")},
        "ordered_at": instant(shipment.get("ordered_at")),
        **{name: text(shipment.get(name)) for name in ("carrier", "service")},
        **{name: instant(shipment.get(name)) for name in ("shipped_at", "promised_at", "delivered_at")},
        "cost_amount": amount(field(cost, "amount")),
        "cost_currency": text(field(cost, "currency")),
        "last_event_code": last[1],
        "last_event_at": last[0],
    }
