"""What is read of the API's shipments, by contract and by what picks the last event."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from emr_jobs.contracts.model import NewFields
from emr_jobs.contracts.reading import REPORT_COLUMNS, plan_of
from emr_jobs.reading import strict_json
from emr_jobs.reading.record_reader import RecordReader
from tests.shop import SHOP
from tests.shop.transforms.order_export import ABSENT, Json

Row = dict[str, Any]

PLAN = plan_of(
    SHOP.contracts["intermediate.shipments"],
    SHOP.contracts["web_api.shipments"],
    SHOP.job("extract_shipments").picks,
)
READER = RecordReader(PLAN, new_fields=NewFields.REPORT)

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


def read(*sent: Json) -> list[Row]:
    records = [strict_json.parse(json.dumps(each).encode(), in_doubt=False)[0] for each in sent]
    return READER.read(records).to_pylist()


def values(*sent: Json) -> list[Row]:
    """Of good shipments, without what is said of their reading."""
    rows = read(*sent)
    assert {row["reason"] for row in rows} == {None}
    return [{name: value for name, value in row.items() if name not in REPORT_COLUMNS} for row in rows]


def test_a_row_a_shipment() -> None:
    one, two = make_shipment(), make_shipment(shipment_id="S-2", order_id="A-2")
    three = make_shipment(shipment_id=" S-3 ", delivered_at="2026-11-23T09:00:00.1234567-05:00")
    assert values(one, two, three) == [
        row(),
        row(shipment_id="S-2", order_id="A-2"),
        row(shipment_id="S-3", delivered_at=datetime(2026, 11, 23, 14, 0, 0, 123456, tzinfo=UTC)),
    ]


NULLABLE = tuple(name for name in row() if name != "shipment_id")


def test_what_is_absent_or_of_a_wrong_type_is_null_and_the_wrong_types_are_named() -> None:
    names = ("order_id", "ordered_at", "carrier", "service", "shipped_at", "promised_at", "delivered_at", "cost")
    absent = make_shipment(**dict.fromkeys((*names, "events"), ABSENT))
    wrong = make_shipment(**dict.fromkeys((*names, "events"), 7))
    good = row(**dict.fromkeys(NULLABLE)) | {"reason": None, "raw": None, "unknown": None}
    assert read(absent, wrong) == [good | {"misread": None}, good | {"misread": list(NULLABLE)}]


@pytest.mark.parametrize("events", [{"0": EVENTS[0]}, "shipped", ["shipped"]])
def test_events_of_another_shape_are_wrong_types(events: Any) -> None:
    (told,) = read(make_shipment(events=events))
    assert told["misread"] == ["last_event_code", "last_event_at"]


@pytest.mark.parametrize("events", [None, " ", [], [None]])
def test_no_event_is_no_wrong_type(events: Any) -> None:
    (told,) = read(make_shipment(events=events))
    assert (told["last_event_code"], told["last_event_at"], told["misread"]) == (None, None, None)


def test_an_event_of_wrong_types_is_named_when_it_is_the_last() -> None:
    wrong = [{"code": 5, "at": "yesterday"}]
    (told,) = read(make_shipment(events=wrong))
    assert (told["last_event_code"], told["last_event_at"]) == (None, None)
    assert told["misread"] == ["last_event_code", "last_event_at"]
    assert read(make_shipment(events=wrong + EVENTS))[0]["misread"] is None


def test_fields_that_the_carrier_adds_are_named() -> None:
    cost = {"amount": 7.5, "currency": "USD", "tax": 1}
    sent = make_shipment(weight_g=300, cost=cost, events=[EVENTS[0] | {"by": "Ada"}, EVENTS[1]])
    assert set(read(sent)[0]["unknown"]) == {"weight_g", "cost.tax", "events[].by"}


def test_a_shipment_without_an_id_and_what_is_none_are_refused() -> None:
    nameless, long = make_shipment(shipment_id=" "), make_shipment(shipment_id="S" * 513)
    told = [(each["reason"], json.loads(each["raw"])) for each in read(nameless, [7], long)]  # type: ignore[arg-type]
    assert told == [("null_shipment_id", nameless), ("malformed", [7]), ("too_large", long)]


def test_a_cost_is_an_amount_and_a_currency_each_by_itself() -> None:
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
    assert values(*sent) == [
        row(shipment_id=shipment_id, cost_amount=None if amount is None else Decimal(amount), cost_currency=currency)
        for shipment_id, (_, amount, currency) in costs.items()
    ]


def test_the_last_event_is_the_latest_on_a_tie_the_later_in_the_array() -> None:
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
    assert values(*sent) == [
        row(shipment_id=shipment_id, last_event_code=code, last_event_at=at)
        for shipment_id, (_, code, at) in events.items()
    ]
