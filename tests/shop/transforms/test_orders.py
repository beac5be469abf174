"""What is published of an order's line."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shop.transforms.orders import orders
from tests.shop.transforms.frames import DAY, Frames, Row, rows_of
from tests.shop.transforms.order_export import ABSENT, line


def row(**overrides: Any) -> Row:
    """What order_export's plain order becomes."""
    plain = {
        "partition_date": DAY.date,
        "order_id": "A-1",
        "customer_id": "C-1",
        "placed_at": datetime(2026, 11, 21, 12, tzinfo=UTC),
        "updated_at": datetime(2026, 11, 21, 12, 5, tzinfo=UTC),
        "status": "paid",
        "currency": "EUR",
        "channel": "web",
        "shipping_city": "Lyon",
        "shipping_region": "RA",
        "shipping_postal_code": "69001",
        "shipping_country": "FR",
        "paid_amount": Decimal("38.48"),
        "tags": ["gift"],
    }
    return plain | overrides


def published(frames: Frames, *lines: bytes) -> list[Row]:
    return rows_of(orders(frames.settled(*lines), partition_date=DAY.date), "intermediate.orders")


def test_only_lines_that_became_orders_are_published(frames: Frames) -> None:
    lines = [line(), line(channel="app"), line(order_id="A-2", status="test"), line(order_id="A-3", items=[]), b"{"]
    assert published(frames, *lines) == [row()]


def test_text_is_trimmed_instants_are_utc_and_what_is_neither_is_null(frames: Frames) -> None:
    nothing = {"shipping_city": None, "shipping_region": None, "shipping_postal_code": None, "shipping_country": None}
    assert published(
        frames,
        line(
            order_id=" A-1 ",
            customer_id=" C-2 ",
            status=" pending",
            currency="USD ",
            channel="  app ",
            shipping_address={"city": " S\u00e3o Paulo ", "region": " ", "postal_code": 4711, "country": "BR"},
        ),
        line(order_id="A-10")[:-1] + b',"status":"pending","tags":["a"],"tags":["b"]}',  # the last one counts
        line(order_id="A-11", placed_at="2026-11-21T07:00:00-05:00", updated_at="2026-11-21T12:00:00.1234567Z"),
        line(order_id="A-2", channel=ABSENT, updated_at=ABSENT, shipping_address=ABSENT),
        line(order_id="A-3", channel=7, updated_at=1763700000, shipping_address=[{"city": "Lyon"}]),
    ) == [
        row(
            customer_id="C-2",
            status="pending",
            currency="USD",
            channel="app",
            shipping_city="S\u00e3o Paulo",
            shipping_region=None,
            shipping_postal_code=None,
            shipping_country="BR",
        ),
        row(order_id="A-10", status="pending", tags=["b"]),
        row(order_id="A-11", updated_at=datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)),
        row(order_id="A-2", channel=None, updated_at=None, **nothing),
        row(order_id="A-3", channel=None, updated_at=None, **nothing),
    ]


def test_payments_are_summed_each_rounded_and_what_is_no_amount_counts_nothing(frames: Frames) -> None:
    payments: dict[str, tuple[Any, str]] = {
        "A-1": (ABSENT, "0.00"),
        "A-2": (None, "0.00"),
        "A-3": ({"amount": 5}, "0.00"),
        "A-4": ([None, 3, "x", [], {}, {"amount": 7.005}, {"amount": "NaN"}, {"amount": True}], "7.01"),
        "A-5": ([{"amount": "10.005"}, {"amount": " 1 "}, {"amount": -2.345}], "8.66"),
        "A-6": ([{"amount": 38.48}, {"amount": -38.48}], "0.00"),
        "A-7": ([{"amount": "9999999999999999.99"}], "9999999999999999.99"),
        "A-9": ([{"amount": 99999999999999999}, {"amount": 5}], "5.00"),
    }
    lines = [line(order_id=order_id, payments=value) for order_id, (value, _) in payments.items()]
    assert published(frames, *lines) == [
        row(order_id=order_id, paid_amount=Decimal(paid)) for order_id, (_, paid) in payments.items()
    ]


def test_tags_keep_their_order_without_what_is_no_text(frames: Frames) -> None:
    tags: dict[str, tuple[Any, list[str]]] = {
        "A-1": (ABSENT, []),
        "A-2": (None, []),
        "A-3": ("gift", []),
        "A-4": ({"a": "b"}, []),
        "A-5": (["z", " a ", "", "  ", None, 3, True, ["b"], {"c": 1}, "a"], ["z", "a", "a"]),
    }
    lines = [line(order_id=order_id, tags=value) for order_id, (value, _) in tags.items()]
    assert published(frames, *lines) == [row(order_id=order_id, tags=kept) for order_id, (_, kept) in tags.items()]
