"""What is published of the API's pages."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from shop.transforms.shipments import read_shipments, shipments
from tests.shop.transforms.frames import DAY, Frames, Row, rows_of
from tests.shop.transforms.order_export import ABSENT, Json

EVENTS = [
    {"code": "picked_up", "at": "2026-11-21T18:00:00Z", "location": "Lyon"},
    {"code": "in_transit", "at": "2026-11-21T20:00:00Z", "location": "Paris"},
]


def make_shipment(**overrides: Any) -> Json:
    plain = {
        "shipment_id": "S-1",
        "order_id": "A-1",
        "ordered_at": "2026-11-21T12:00:00Z",
        "carrier": "UPS",
        "service": "ground",
        "shipped_at": "2026-11-21T18:00:00Z",
        "promised_at": "2026-11-24T05:00:00Z",
        "delivered_at": None,
        "cost": {"amount": 7.5, "currency": "USD"},
        "events": EVENTS,
    }
    return {name: value for name, value in (plain | overrides).items() if value is not ABSENT}


def row(**overrides: Any) -> Row:
    """What the plain shipment becomes."""
    plain = {
        "partition_date": DAY.date,
        "shipment_id": "S-1",
        "order_id": "A-1",
        "ordered_at": datetime(2026, 11, 21, 12, tzinfo=UTC),
        "carrier": "UPS",
        "service": "ground",
        "shipped_at": datetime(2026, 11, 21, 18, tzinfo=UTC),
        "promised_at": datetime(2026, 11, 24, 5, tzinfo=UTC),
        "delivered_at": None,
        "cost_amount": Decimal("7.50"),
        "cost_currency": "USD",
        "last_event_code": "in_transit",
        "last_event_at": datetime(2026, 11, 21, 20, tzinfo=UTC),
    }
    return plain | overrides


def published(frames: Frames, *pages: list[Json]) -> list[Row]:
    batches = [read_shipments(orjson.loads(json.dumps(page))) for page in pages]
    fetched = frames.spark.createDataFrame(pa.Table.from_batches(batches).combine_chunks())
    return rows_of(shipments(fetched, partition_date=DAY.date), "intermediate.shipments")


def test_a_row_a_shipment_of_every_page(frames: Frames) -> None:
    one, two = make_shipment(), make_shipment(shipment_id="S-2", order_id="A-2")
    three = make_shipment(shipment_id=" S-3 ", delivered_at="2026-11-23T09:00:00.1234567-05:00", location="undeclared")
    assert published(frames, [one, two], [], [three]) == [
        row(),
        row(shipment_id="S-2", order_id="A-2"),
        row(shipment_id="S-3", delivered_at=datetime(2026, 11, 23, 14, 0, 0, 123456, tzinfo=UTC)),
    ]


def test_what_is_absent_or_of_a_wrong_type_is_null(frames: Frames) -> None:
    names = ("order_id", "ordered_at", "carrier", "service", "shipped_at", "promised_at", "delivered_at", "cost")
    absent = make_shipment(**dict.fromkeys((*names, "events"), ABSENT))
    wrong = make_shipment(**{"shipment_id": 2, **dict.fromkeys((*names, "events"), 7)})
    nothing = dict.fromkeys(name for name in row() if name not in ("partition_date", "shipment_id"))
    assert published(frames, [absent, wrong]) == [row(shipment_id=None, **nothing), row(**nothing)]


def test_a_cost_is_an_amount_and_a_currency_each_by_itself(frames: Frames) -> None:
    costs: dict[str, tuple[Any, str | None, str | None]] = {
        "S-1": ({"amount": " 7.505 ", "currency": " CAD "}, "7.51", "CAD"),
        "S-2": ({"amount": -3.005, "currency": "EUR"}, "-3.01", "EUR"),
        "S-3": ({"amount": "abc", "currency": "EUR"}, None, "EUR"),
        "S-4": ({"amount": True, "currency": 7}, None, None),
        "S-5": ({"amount": "99999999999999999", "currency": ""}, None, None),
        "S-6": ({}, None, None),
        "S-7": ("7.50", None, None),
    }
    sent = [make_shipment(shipment_id=shipment_id, cost=cost) for shipment_id, (cost, _, _) in costs.items()]
    assert published(frames, sent) == [
        row(shipment_id=shipment_id, cost_amount=None if amount is None else Decimal(amount), cost_currency=currency)
        for shipment_id, (_, amount, currency) in costs.items()
    ]


def test_the_last_event_is_the_latest_on_a_tie_the_later_in_the_array(frames: Frames) -> None:
    early, late = "2026-11-21T20:00:00.000001Z", "2026-11-21T15:00:00.000002-05:00"
    at = datetime(2026, 11, 21, 20, tzinfo=UTC)
    events: dict[str, tuple[Any, str | None, datetime | None]] = {
        "S-1": ([], None, None),
        "S-2": ([{"code": "z", "at": early}, {"code": "a", "at": late}], "a", at.replace(microsecond=2)),
        "S-3": ([{"code": "a", "at": late}, {"code": "z", "at": early}], "a", at.replace(microsecond=2)),
        "S-4": ([{"code": "z", "at": late}, {"code": "a", "at": late}], "a", at.replace(microsecond=2)),
        "S-5": ([{"code": "b", "at": early}, {"code": "z", "at": "yesterday"}], "b", at.replace(microsecond=1)),
        "S-6": ([{"code": "z", "at": None}, {"code": "a"}], "a", None),
        "S-7": ([{"code": "z", "at": early}, {"code": 7, "at": late}], None, at.replace(microsecond=2)),
        "S-8": ([None, 3, "x"], None, None),
        "S-9": ([{"code": "a", "at": "0001-01-01T00:00:00Z"}, {"code": "z"}], "a", datetime(1, 1, 1, tzinfo=UTC)),
    }
    sent = [make_shipment(shipment_id=shipment_id, events=value) for shipment_id, (value, _, _) in events.items()]
    assert published(frames, sent) == [
        row(shipment_id=shipment_id, last_event_code=code, last_event_at=at)
        for shipment_id, (_, code, at) in events.items()
    ]
