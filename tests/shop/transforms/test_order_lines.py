"""Which line becomes an order, and why another does not."""

from collections.abc import Sequence

import pytest

from emr_jobs.core.partition import Partition
from shop.transforms.order_line import TEST
from shop.transforms.order_lines import DUPLICATE, ORDER, parse, settle
from tests.shop import SHOP
from tests.shop.transforms.frames import DAY, Frames, rows_of
from tests.shop.transforms.order_export import ABSENT, Json, encoded, line, make_item, make_order


def outcomes(frames: Frames, lines: Sequence[bytes], *, partition: Partition = DAY) -> list[tuple[str, str]]:
    """(raw line, outcome), sorted."""
    settled = frames.settled(*lines, partition=partition).select("raw", "outcome")
    return sorted((row["raw"], row["outcome"]) for row in rows_of(settled))


def assert_outcomes(frames: Frames, wanted: Sequence[tuple[bytes, str]], *, partition: Partition = DAY) -> None:
    found = outcomes(frames, [raw for raw, _ in wanted], partition=partition)
    assert found == sorted((raw.decode(errors="replace"), outcome) for raw, outcome in wanted)


def orders_with(*overrides: Json, outcome: str) -> list[tuple[bytes, str]]:
    """A line for each, with an order_id of its own unless it is about that."""
    return [(line(**({"order_id": f"{outcome}-{number}"} | each)), outcome) for number, each in enumerate(overrides)]


def items_with(*overrides: Json, outcome: str = "bad_item") -> list[tuple[bytes, str]]:
    """Orders of one item each."""
    return orders_with(*({"items": [make_item(**each)]} for each in overrides), outcome=outcome)


BROKEN = {
    "missing_order_id": {"order_id": None},
    "missing_customer_id": {"customer_id": " "},
    "bad_placed_at": {"placed_at": "2026-11-21"},
    "placed_outside_partition": {"placed_at": "2026-11-22T12:00:00Z"},
    "unknown_status": {"status": "shipped"},
    "bad_currency": {"currency": "eur"},
    "no_items": {"items": []},
    "bad_item": {"items": [make_item(quantity=0)]},
    "too_large": {"channel": "x" * 32_767},
}


def test_the_reason_is_the_first_rule_that_a_line_breaks(frames: Frames) -> None:
    rules = list(BROKEN)
    (declared,) = [
        column.accepted for column in SHOP.contracts["intermediate.rejected_orders"].columns if column.accepted
    ]
    assert declared == ("malformed_json", *rules)
    wanted = [
        (line(**{name: value for rule in reversed(rules[number:]) for name, value in BROKEN[rule].items()}), reason)
        for number, reason in enumerate(rules)
    ]
    assert_outcomes(frames, [(encoded(make_order(order_id=None))[:-1], "malformed_json"), *wanted])


def test_what_is_not_exactly_one_json_object_is_malformed(frames: Frames) -> None:
    good = line()
    malformed = [
        good + good,
        good + b" " + good,
        good + b" trailing",
        good + b"," + good,
        good + b',{"_seal":"0"}] trailing',
        b"[" + good + b"]",
        b"[]",
        b"null",
        b"1",
        b'"text"',
        good[:-1],
        good + b"}",
        good.replace(b'"', b"'"),
        b"{order_id: 1}",
        good.replace(b"19.99", b"NaN"),
        good.replace(b"19.99", b"Infinity"),
        good.replace(b"19.99", b"+1"),
        good.replace(b'"web"', b'"a\tb"'),
        good.replace(b"Lyon", b"Ly\xf6n"),
        b"\xef\xbb\xbf" + good,
    ]
    assert_outcomes(frames, [(each, "malformed_json") for each in malformed])


def test_odd_json_is_no_reason_to_reject(frames: Frames) -> None:
    odd = [
        line(order_id="A-1", coupon={"code": [1, {"x": None}]}),
        b" \t" + line(order_id="A-2") + b" \r",
        line(order_id="A-3").replace(b"Lamp", "\\u00e9 😀 \\ud83d\\ude00".encode()),
        b'{"order_id":"A-0","order_id":"A-4",' + line(order_id=ABSENT)[1:],
        line(order_id="A-5", placed_at="2026-11-21T23:59:59.999999-05:00", updated_at=1763700000),
        line(order_id="A-6", shipping_address="1 Road", tags="gift", payments={"amount": 1}, channel=["web"]),
    ]
    assert_outcomes(frames, [(each, ORDER) for each in odd])


def test_a_row_without_a_line_goes_through_as_it_is(frames: Frames) -> None:
    rows = [{"value": None, "file": 1, "records": 0}, {"value": None, "file": 2, "records": 1}, {"value": line()}]
    settled = settle(parse(frames.typed("value binary, file int, records bigint", rows), partition=DAY))
    found = rows_of(settled.select("file", "records", "order_id", "outcome"))
    assert [tuple(row.values()) for row in found] == [
        (1, 0, None, None),
        (2, 1, None, None),
        (None, None, "A-1", ORDER),
    ]


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        ("2026-11-21", "2026-11-21T05:00:00Z", "2026-11-22T04:59:59.999999Z"),
        ("2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T03:59:59.999999Z"),
        ("2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T04:59:59.999999Z"),
    ],
    ids=["24 hours", "23 hours", "25 hours"],
)
def test_the_day_is_that_of_new_york(frames: Frames, day: str, first: str, last: str) -> None:
    partition = SHOP.calendar.partition(day)
    before = f"{first[:11]}{int(first[11:13]) - 1:02}:59:59.999999Z"
    after = partition.end.strftime("%Y-%m-%dT%H:%M:%SZ")
    inside = orders_with({"placed_at": first}, {"placed_at": last}, outcome=ORDER)
    outside = orders_with({"placed_at": before}, {"placed_at": after}, outcome="placed_outside_partition")
    no_instant = orders_with({"placed_at": ABSENT}, {"placed_at": day}, {"placed_at": 1}, outcome="bad_placed_at")
    assert_outcomes(frames, inside + outside + no_instant, partition=partition)


def test_ids_status_currency_and_items_of_another_form_are_refused(frames: Frames) -> None:
    refused = {
        "missing_order_id": ("order_id", [ABSENT, None, "", "  ", 17, True, ["a"]]),
        "missing_customer_id": ("customer_id", [ABSENT, None, "", 4, {}]),
        "unknown_status": ("status", [ABSENT, None, "", "PAID", "shipped", 1]),
        "bad_currency": ("currency", [ABSENT, None, "", "eur", "EURO", "EU", "E1R", "ÉUR", 978, "EUR\n"]),
        "no_items": ("items", [ABSENT, None, [], {}, "x", 1]),
        "bad_item": ("items", [[None], [1], ["x"], [[]], [{}], [make_item(), None]]),
    }
    bad = [
        each
        for reason, (name, values) in refused.items()
        for each in orders_with(*({name: value} for value in values), outcome=reason)
    ]
    statuses = [{"status": value} for value in ("pending", "paid", "cancelled", "refunded", " paid ")]
    currencies = [{"currency": value} for value in ("ZZZ", " USD ")]
    assert_outcomes(frames, bad + orders_with(*statuses, *currencies, outcome=ORDER))


def test_an_item_has_a_sku_a_quantity_a_price_and_a_discount_that_it_covers(frames: Frames) -> None:
    bad: list[Json] = [{"sku": value} for value in (ABSENT, None, " ", 5)]
    bad += [{"quantity": value} for value in (ABSENT, None, 0, -1, 1.5, "two", True)]
    bad += [{"quantity": value, "unit_price": 0, "discount": 0} for value in (0, -1)]
    bad += [{"unit_price": value} for value in (ABSENT, None, "", -0.01, "free", True, "1e17")]
    bad += [{"discount": value} for value in ("x", True, [], {}, -0.01, "1e17", "NaN", "\t")]
    bad += [{"quantity": 2, "unit_price": 5, "discount": 10.01}]
    good: list[Json] = [{"quantity": value} for value in (1, "2", " 2.0 ", 3.0, 1e2)]
    good += [{"discount": value} for value in (ABSENT, None, "", "  ", 0, "39.98")]
    good += [{"quantity": 2, "unit_price": 5, "discount": 10}]
    good += [{"quantity": 1, "unit_price": 9.995, "discount": 10}]  # rounded before it is compared
    good += [{"unit_price": 0, "discount": 0}, {"unit_price": -0.004, "discount": 0}]
    assert_outcomes(frames, items_with(*bad) + items_with(*good, outcome=ORDER))


def test_a_line_number_is_whole_and_used_once_in_its_order(frames: Frames) -> None:
    missing = items_with(*({"line_no": value} for value in (ABSENT, None, 1.5, "a", True, "")))
    pairs: list[tuple[object, object]] = [(1, 1), (1, "1"), (1, 1.0), (2, " 2.00 ")]
    twice = [
        (line(order_id=f"twice-{number}", items=[make_item(line_no=each) for each in pair]), "bad_item")
        for number, pair in enumerate(pairs)
    ]
    good = items_with({"line_no": 0}, {"line_no": -2}, {"line_no": " 7 "}, outcome=ORDER)
    several = (line(order_id="several", items=[make_item(line_no=number) for number in (9, -2, 0)]), ORDER)
    assert_outcomes(frames, [*missing, *twice, *good, several])


def test_test_orders_are_dropped_after_the_rules_and_before_duplicates(frames: Frames) -> None:
    later = "2026-11-21T18:00:00Z"
    assert_outcomes(
        frames,
        [
            (line(order_id="A-1"), ORDER),
            (line(order_id="A-1", status="test", updated_at=later), TEST),
            (line(order_id="A-1", status=" test ", updated_at=later), TEST),
            (line(order_id="A-1", status="test", items=[]), "no_items"),
        ],
    )


def test_of_an_order_delivered_again_the_latest_stays(frames: Frames) -> None:
    early, late = "2026-11-21T12:00:00.000001Z", "2026-11-21T12:00:00.000002Z"
    assert_outcomes(
        frames,
        [
            (line(order_id="A-1", updated_at=early, channel="z"), DUPLICATE),
            (line(order_id=" A-1 ", updated_at=late, channel="a"), ORDER),
            (line(order_id="A-1", updated_at=None, channel="zz"), DUPLICATE),
            (line(order_id="A-1", updated_at="2026-11-23T00:00:00Z", status="?"), "unknown_status"),
            (line(order_id="A-2", updated_at=None), ORDER),
        ],
    )


def test_of_an_order_delivered_again_at_once_the_greatest_line_by_bytes_stays(frames: Frames) -> None:
    assert_outcomes(
        frames,
        [
            (line(order_id="A-1", channel="B"), DUPLICATE),
            (line(order_id="A-1", channel="a"), DUPLICATE),
            (line(order_id="A-1", channel="￿"), DUPLICATE),  # three bytes; greater in UTF-16
            (line(order_id="A-1", channel="😀"), ORDER),
            (line(order_id="A-2", updated_at="x", channel="a"), DUPLICATE),
            (line(order_id="A-2", updated_at=None, channel="b"), DUPLICATE),
            (line(order_id="A-2", updated_at=None, channel="b") + b" ", ORDER),
            (line(order_id="A-2", updated_at="x", channel="b"), DUPLICATE),
            (line(order_id="A-3"), ORDER),
            (line(order_id="A-3"), DUPLICATE),
        ],
    )
