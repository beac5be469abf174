"""The day's sales of orders that count, by country, segment and channel."""

from decimal import Decimal
from typing import Any

from shop.transforms.daily_sales import daily_sales
from tests.shop.transforms.frames import DAY, Frames, Row, rows_of


def make_fact(**overrides: Any) -> Row:
    plain = {
        "partition_date": DAY.date,
        "order_id": "A-1",
        "customer_id": "C-1",
        "status": "paid",
        "channel": "web",
        "shipping_country": "FR",
        "customer_segment": "retail",
        "units": 2,
        "net_amount_usd": Decimal("10.00"),
        "is_late": False,
    }
    return plain | overrides


def row(**overrides: Any) -> Row:
    """Of the plain fact alone."""
    plain = {
        "partition_date": DAY.date,
        "shipping_country": "FR",
        "customer_segment": "retail",
        "channel": "web",
        "orders": 1,
        "customers": 1,
        "units": 2,
        "net_amount_usd": Decimal("10.00"),
        "average_order_value_usd": Decimal("10.00"),
        "late_orders": 0,
        "late_share": Decimal("0.0000"),
    }
    return plain | overrides


def published(frames: Frames, *facts: Row) -> list[Row]:
    return rows_of(daily_sales(frames.of("final.order_facts", facts)), "final.daily_sales")


def test_pending_and_paid_orders_count(frames: Frames) -> None:
    facts = [make_fact(status=status, channel=status) for status in ("pending", "paid", "cancelled", "refunded")]
    assert published(frames, *facts) == [row(channel="paid"), row(channel="pending")]


def test_a_group_is_unknown_where_it_is_null(frames: Frames) -> None:
    facts = [
        make_fact(),
        make_fact(shipping_country=None),
        make_fact(customer_segment=None),
        make_fact(channel=None),
        make_fact(shipping_country=None, customer_segment=None, channel=None),
        make_fact(channel="unknown"),
    ]
    assert published(frames, *facts) == [
        row(channel="unknown", orders=2, units=4, net_amount_usd=Decimal("20.00")),
        row(),
        row(customer_segment="unknown"),
        row(shipping_country="unknown"),
        row(shipping_country="unknown", customer_segment="unknown", channel="unknown"),
    ]


def test_a_group_sums_its_orders_and_counts_each_customer_once(frames: Frames) -> None:
    facts = [
        make_fact(units=1, net_amount_usd=Decimal("0.01"), is_late=True),
        make_fact(customer_id="C-2", units=5, net_amount_usd=Decimal("20.00"), is_late=None),
        make_fact(status="pending", units=1, net_amount_usd=Decimal("0.00")),
        make_fact(customer_id="C-3", status="refunded", is_late=True),
    ]
    assert published(frames, *facts) == [
        row(
            orders=3,
            customers=2,
            units=7,
            net_amount_usd=Decimal("20.01"),
            average_order_value_usd=Decimal("6.67"),
            late_orders=1,
            late_share=Decimal("0.3333"),
        )
    ]


def test_averages_and_shares_are_rounded_once_half_away_from_zero(frames: Frames) -> None:
    half = [make_fact(net_amount_usd=Decimal(amount)) for amount in ("0.01", "0.00")]
    negative = [make_fact(channel="app", net_amount_usd=Decimal(amount)) for amount in ("-0.01", "0.00")]
    below = [make_fact(channel="pos", net_amount_usd=Decimal("0.00"), is_late=number == 0) for number in range(32)]
    late = [make_fact(channel="tel", net_amount_usd=Decimal("0.00"), is_late=number > 0) for number in range(3)]
    assert [
        (found["channel"], found["average_order_value_usd"], found["late_share"])
        for found in published(frames, *half, *negative, *below, *late)
    ] == [
        ("app", Decimal("-0.01"), Decimal("0.0000")),
        ("pos", Decimal("0.00"), Decimal("0.0313")),  # 1 of 32 is 0.03125
        ("tel", Decimal("0.00"), Decimal("0.6667")),
        ("web", Decimal("0.01"), Decimal("0.0000")),
    ]


def test_without_orders_that_count_the_day_is_empty(frames: Frames) -> None:
    assert published(frames, make_fact(status="cancelled")) == []
