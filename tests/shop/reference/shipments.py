"""Shipments of a day, from the API's records, and the records that are none."""

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.shop.reference.reading import amount, field, instant, items_of, parse, text

Row = dict[str, Any]
NEVER = datetime.min.replace(tzinfo=UTC)


def extract(data: Path, partition: date) -> dict[str, list[Row]]:
    content = gzip.decompress((data / "shipments" / f"dt={partition}.jsonl.gz").read_bytes())
    lines = [line for line in content.split(b"\n") if line.strip()]
    reasons = [reason_of(line) for line in lines]
    return {
        "intermediate.shipments": [
            row(parse(line) or {}, partition) for line, reason in zip(lines, reasons, strict=True) if reason is None
        ],
        "intermediate.rejected_shipments": [
            {"partition_date": partition, "reason": reason, "raw": compact(line)}
            for line, reason in zip(lines, reasons, strict=True)
            if reason is not None
        ],
    }


def reason_of(line: bytes) -> str | None:
    """Why a record is no shipment."""
    shipment = parse(line)
    if shipment is None:
        return "malformed"
    shipment_id = text(shipment.get("shipment_id"))
    return "null_shipment_id" if shipment_id is None else None


def compact(line: bytes) -> str:
    return json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":"))


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
