"""An order with its money, its customer and its delivery: whole rows, then rule by rule."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from shop.transforms.order_facts import order_facts
from tests.shop.transforms.frames import DAY, Frames, Row, rows_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def make_order(order_id: str = "A-1", **overrides: Any) -> Row:
    plain = {
        "partition_date": DAY.date,
        "order_id": order_id,
        "customer_id": "C-1",
        "placed_at": NOON,
        "updated_at": NOON,
        "status": "paid",
        "currency": "USD",
        "channel": "web",
        "shipping_city": "Lyon",
        "shipping_region": "RA",
        "shipping_postal_code": "69001",
        "shipping_country": "FR",
        "paid_amount": Decimal("90.00"),
        "tags": ["gift"],
    }
    return plain | overrides


def make_item(
    order_id: str = "A-1", *, line_no: int = 1, quantity: int = 2, gross: str = "100", off: str = "10"
) -> Row:
    """Of a net of 90.00."""
    amounts = {"line_gross": Decimal(gross), "discount": Decimal(off), "line_net": Decimal(gross) - Decimal(off)}
    return {"order_id": order_id, "line_no": line_no, "quantity": quantity, **amounts}


def make_customer(customer_id: str = "C-1", **overrides: Any) -> Row:
    plain = {
        "customer_id": customer_id,
        "name": "Ada Byron",
        "segment": "retail",
        "country": "GB",
        "created_at": datetime(2020, 1, 1, tzinfo=UTC),
        "loyalty_points": 1200,
    }
    return plain | overrides


def make_shipment(order_id: str | None = "A-1", **overrides: Any) -> Row:
    plain = {
        "shipment_id": "S-1",
        "order_id": order_id,
        "shipped_at": NOON + timedelta(hours=6),
        "promised_at": NOON + timedelta(days=3),
        "cost_amount": Decimal("7.50"),
        "cost_currency": "USD",
        "last_event_code": "in_transit",
    }
    return plain | overrides


def make_rate(currency: str, rate: str) -> Row:
    return {"currency": currency, "usd_rate": Decimal(rate)}


RATES = (make_rate("USD", "1"), make_rate("CAD", "0.73000369"), make_rate("EUR", "1.08214500"))


def facts(
    frames: Frames,
    *,
    orders: Sequence[Row],
    items: Sequence[Row] | None = None,
    customers: Sequence[Row] = (),
    shipments: Sequence[Row] = (),
) -> list[Row]:
    """By order_id; every order has a plain item unless a test says which."""
    plain_items = [make_item(order["order_id"]) for order in orders]
    frame = order_facts(
        orders=frames.of("intermediate.orders", orders),
        order_items=frames.of("intermediate.order_items", plain_items if items is None else items),
        customers=frames.of("intermediate.customers", customers),
        fx_rates=frames.of("intermediate.fx_rates", RATES),
        shipments=frames.of("intermediate.shipments", shipments),
        partition=DAY,
    )
    return rows_of(frame, "final.order_facts")


def only(rows: Sequence[Row], *names: str) -> dict[str, Any]:
    """These columns by order_id; a single one as its value."""
    return {row["order_id"]: row[names[0]] if len(names) == 1 else tuple(row[name] for name in names) for row in rows}


WHOLE = {
    "partition_date": DAY.date,
    "order_id": "A-1",
    "customer_id": "C-1",
    "placed_at": NOON,
    "status": "paid",
    "currency": "CAD",
    "channel": "web",
    "shipping_country": "FR",
    "shipping_region": "RA",
    "shipping_city": "Lyon",
    "tags": ["gift"],
    "item_count": 2,
    "units": 3,
    "gross_amount": Decimal("389.32"),
    "discount_amount": Decimal("10.00"),
    "net_amount": Decimal("379.32"),
    "net_amount_usd": Decimal("276.90"),
    "paid_amount": Decimal("379.32"),
    "payment_status": "paid",
    "customer_name": "Ada Byron",
    "customer_segment": "retail",
    "customer_country": "GB",
    "loyalty_points": 1200,
    "loyalty_tier": "silver",
    "is_new_customer": False,
    "shipment_count": 2,
    "shipped_at": NOON + timedelta(hours=6),
    "promised_at": NOON + timedelta(days=4),
    "delivered_at": NOON + timedelta(days=2),
    "delivery_status": "delivered",
    "is_late": False,
    "hours_to_ship": Decimal("6.00"),
    "shipping_cost_usd": Decimal("12.98"),
}


def test_an_order_has_its_items_its_customer_and_its_shipments(frames: Frames) -> None:
    first = make_shipment(delivered_at=NOON + timedelta(days=1), promised_at=NOON + timedelta(days=4))
    second = make_shipment(shipped_at=NOON + timedelta(hours=9), delivered_at=NOON + timedelta(days=2))
    found = facts(
        frames,
        orders=[make_order(currency="CAD", paid_amount=Decimal("379.32"))],
        items=[
            make_item(gross="200.12", off="0.12"),
            make_item(line_no=2, quantity=1, gross="189.20", off="9.88"),
            make_item("A-other"),
        ],
        customers=[make_customer(), make_customer("C-2", name="Another")],
        shipments=[first, second | {"cost_currency": "CAD"}, make_shipment("A-other"), make_shipment(None)],
    )
    assert found == [WHOLE]


def test_an_order_alone_has_no_customer_and_no_delivery(frames: Frames) -> None:
    names = ("customer_name", "customer_segment", "customer_country", "loyalty_points", "loyalty_tier")
    names += ("is_new_customer", "shipped_at", "promised_at", "delivered_at", "is_late", "hours_to_ship")
    nothing = {"shipment_count": 0, "delivery_status": "not_shipped", "shipping_cost_usd": Decimal("0.00")}
    assert facts(frames, orders=[make_order(currency="CAD")], items=[make_item()]) == [
        WHOLE
        | {"item_count": 1, "units": 2, "gross_amount": Decimal("100.00"), "net_amount": Decimal("90.00")}
        | {"net_amount_usd": Decimal("65.70"), "paid_amount": Decimal("90.00"), "payment_status": "paid"}
        | dict.fromkeys(names)
        | nothing
    ]


def test_payment_status_compares_what_was_paid_with_the_net(frames: Frames) -> None:
    paid = {
        "A-1": ("refunded", "0", "refunded"),
        "A-2": ("refunded", "90", "refunded"),
        "A-3": ("paid", "0", "unpaid"),
        "A-4": ("paid", "0.01", "partial"),
        "A-5": ("paid", "89.99", "partial"),
        "A-6": ("pending", "90", "paid"),
        "A-7": ("cancelled", "90.01", "overpaid"),
        "A-8": ("paid", "-5", "partial"),
    }
    orders = [
        make_order(order_id, status=status, paid_amount=Decimal(amount))
        for order_id, (status, amount, _) in paid.items()
    ]
    free = make_order("A-9", paid_amount=Decimal(0))
    items = [*(make_item(order_id) for order_id in paid), make_item("A-9", gross="10", off="10")]
    wanted = {order_id: payment for order_id, (_, _, payment) in paid.items()} | {"A-9": "unpaid"}
    assert only(facts(frames, orders=[*orders, free], items=items), "payment_status") == wanted


def test_dollars_need_a_rate_and_are_rounded_once(frames: Frames) -> None:
    orders = [make_order("A-1", currency="CAD"), make_order("A-2", currency="EUR"), make_order("A-3", currency="XAU")]
    items = [
        make_item("A-1", gross="379.32", off="0"),
        *(make_item("A-2", line_no=number, gross="0.01", off="0") for number in range(47)),  # 0.50861: no 47 x 0.01
        make_item("A-3"),
    ]
    assert only(facts(frames, orders=orders, items=items), "net_amount", "net_amount_usd") == {
        "A-1": (Decimal("379.32"), Decimal("276.90")),
        "A-2": (Decimal("0.47"), Decimal("0.51")),
        "A-3": (Decimal("90.00"), None),
    }


def test_loyalty_tiers_begin_at_their_limits(frames: Frames) -> None:
    tiers = {-5: "bronze", 0: "bronze", 999: "bronze", 1000: "silver", 4999: "silver", 5000: "gold", 19999: "gold"}
    tiers |= {20000: "platinum", 1_000_000: "platinum"}
    orders = [make_order(f"A-{points}", customer_id=f"C-{points}") for points in tiers]
    customers = [make_customer(f"C-{points}", loyalty_points=points) for points in tiers]
    found = facts(frames, orders=orders, customers=customers)
    assert only(found, "loyalty_points", "loyalty_tier") == {
        f"A-{points}": (points, tier) for points, tier in tiers.items()
    }


def test_a_customer_is_new_on_the_new_york_day_of_creation(frames: Frames) -> None:
    created = {
        "A-1": (DAY.start - MICROSECOND, False),
        "A-2": (DAY.start, True),
        "A-3": (DAY.end - MICROSECOND, True),
        "A-4": (DAY.end, False),
        "A-5": (None, None),
    }
    orders = [make_order(order_id, customer_id=order_id) for order_id in created]
    customers = [make_customer(order_id, created_at=at) for order_id, (at, _) in created.items()]
    found = facts(frames, orders=orders, customers=customers)
    assert only(found, "is_new_customer") == {order_id: new for order_id, (_, new) in created.items()}


def test_delivery_status_is_that_of_all_shipments_together(frames: Frames) -> None:
    not_shipped: Row = {"shipped_at": None, "last_event_code": None}
    delivered = {"delivered_at": NOON + timedelta(days=1), "last_event_code": "delivered"}
    moving: Row = {"last_event_code": None}
    shipments: dict[str, tuple[list[Row], str]] = {
        "A-1": ([], "not_shipped"),
        "A-2": ([not_shipped, not_shipped], "not_shipped"),
        "A-3": ([not_shipped | {"last_event_code": "exception"}], "not_shipped"),
        "A-4": ([not_shipped, moving], "in_transit"),
        "A-5": ([delivered, moving], "in_transit"),
        "A-6": ([delivered, delivered], "delivered"),
        "A-7": ([delivered, delivered | {"last_event_code": "returned"}], "exception"),
        "A-8": ([moving, not_shipped | {"last_event_code": "exception"}], "exception"),
        "A-9": ([not_shipped | delivered, delivered], "delivered"),
    }
    found = facts(
        frames,
        orders=[make_order(order_id) for order_id in shipments],
        shipments=[make_shipment(order_id, **each) for order_id, (several, _) in shipments.items() for each in several],
    )
    assert only(found, "shipment_count", "delivery_status") == {
        order_id: (len(several), status) for order_id, (several, status) in shipments.items()
    }
    done = {order_id: at is not None for order_id, at in only(found, "delivered_at").items()}
    assert [order_id for order_id, all_delivered in done.items() if all_delivered] == ["A-6", "A-7", "A-9"]


def test_an_order_is_late_when_it_came_or_is_missing_after_it_was_promised(frames: Frames) -> None:
    eight = datetime(2026, 11, 22, 13, tzinfo=UTC)  # 8:00 in New York
    assert eight == DAY.as_of
    promised: dict[str, tuple[datetime | None, datetime | None, bool | None]] = {
        "A-1": (None, None, None),
        "A-2": (None, NOON, None),
        "A-3": (NOON, NOON, False),
        "A-4": (NOON, NOON + MICROSECOND, True),
        "A-5": (eight, None, False),
        "A-6": (eight - MICROSECOND, None, True),
        "A-7": (eight + timedelta(days=1), eight + timedelta(hours=9), False),
    }
    shipments = [
        make_shipment(order_id, promised_at=due, delivered_at=came) for order_id, (due, came, _) in promised.items()
    ]
    waiting = [make_shipment("A-3", promised_at=None, delivered_at=NOON - MICROSECOND)]  # does not matter
    found = facts(frames, orders=[make_order(each) for each in promised], shipments=shipments + waiting)
    assert only(found, "is_late") == {order_id: late for order_id, (_, _, late) in promised.items()}


def test_hours_to_ship_are_of_the_earliest_shipment_rounded_half_away_from_zero(frames: Frames) -> None:
    after = {
        "A-1": (timedelta(seconds=18), "0.01"),
        "A-2": (timedelta(seconds=17, microseconds=999999), "0.00"),
        "A-3": (timedelta(seconds=-18), "-0.01"),
        "A-4": (timedelta(days=-3), "-72.00"),
        "A-5": (timedelta(hours=100, seconds=54), "100.02"),
    }
    first = [make_shipment(order_id, shipped_at=NOON + span) for order_id, (span, _) in after.items()]
    later = [make_shipment(order_id, shipped_at=NOON + timedelta(days=30)) for order_id in after]
    none = [make_shipment(order_id, shipped_at=None) for order_id in after]
    found = facts(frames, orders=[make_order(each) for each in after], shipments=[*later, *first, *none])
    assert only(found, "hours_to_ship") == {order_id: Decimal(hours) for order_id, (_, hours) in after.items()}


def test_each_shipping_cost_is_rounded_then_summed(frames: Frames) -> None:
    costs: dict[str, tuple[list[tuple[str | None, str | None]], str]] = {
        "A-1": ([("0.01", "CAD")] * 5, "0.05"),  # the sum is 0.0365
        "A-2": ([("379.32", "CAD"), ("-3.01", "EUR")], "273.64"),
        "A-3": ([(None, "XXX"), (None, None)], "0.00"),
        "A-4": ([("5.00", "XXX"), ("5.00", None), ("1.00", "USD")], "1.00"),
    }
    shipments = [
        make_shipment(order_id, cost_amount=amount and Decimal(amount), cost_currency=currency)
        for order_id, (several, _) in costs.items()
        for amount, currency in several
    ]
    found = facts(frames, orders=[make_order(each) for each in costs], shipments=shipments)
    assert only(found, "shipping_cost_usd") == {order_id: Decimal(usd) for order_id, (_, usd) in costs.items()}
