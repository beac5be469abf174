"""Seeded inputs with every defect and every oddity that DOMAIN.md names, a line of these tables each.

Written as a folder of inputs, among plain orders, and so many test orders that the rejects stay below the share that
blocks.
"""

import gzip
import json
import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.shop.reference.orders import NEW_YORK
from tests.shop.reference.snowflake import end_of

Json = dict[str, Any]
ABSENT = object()
REJECTED_SHARE = 0.009
MICROSECOND = timedelta(microseconds=1)
RATES = {"USD": "1", "EUR": "1.08214500", "JPY": "0.00672100", "CAD": "0.73000369", "AAA": "0.00000001"}
TIERS = (-5, 0, 999, 1000, 4999, 5000, 19999, 20000)
CUSTOMERS = 40
PLAIN = 600


def start_of(partition: date) -> datetime:
    return datetime.combine(partition, time(0), NEW_YORK).astimezone(UTC)


def iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def make_item(**changes: Any) -> Json:
    base = {
        "line_no": 1,
        "sku": "SKU-1",
        "name": "Lamp",
        "category": "light",
        "quantity": 2,
        "unit_price": 19.99,
        "discount": 1.5,
    }
    return {name: value for name, value in (base | changes).items() if value is not ABSENT}


def make_order(key: str, at: datetime, /, **changes: Any) -> Json:
    base = {
        "order_id": key,
        "customer_id": "C-1",
        "placed_at": iso(at),
        "updated_at": iso(at + timedelta(minutes=5)),
        "status": "paid",
        "currency": "EUR",
        "channel": "web",
        "shipping_address": {
            "line1": "1 Road",
            "city": "Lyon",
            "region": "RA",
            "postal_code": "69001",
            "country": "FR",
        },
        "items": [make_item()],
        "payments": [{"method": "card", "amount": 38.48, "paid_at": iso(at)}],
        "tags": ["gift"],
    }
    return {name: value for name, value in (base | changes).items() if value is not ABSENT}


def items(*changes: Json) -> Json:
    return {"items": [make_item(**each) for each in changes]}


def one(**changes: Any) -> Json:
    return items(changes)


def address(**changes: Any) -> Json:
    base = {"line1": "x", "city": "Lyon", "region": "RA", "postal_code": "69001", "country": "FR"}
    return {"shipping_address": base | changes}


def paid(*amounts: Any) -> Json:
    return {"payments": [{"method": "card", "amount": each} for each in amounts]}


MANY_DIGITS = (f"RAW:1.004{'9' * 40}", f"1.004{'9' * 40}", "RAW:12345678.0049999999", "12345678.0049999999")

# Read and kept: (name, what differs from a plain order).
KEPT: list[tuple[str, Json]] = [
    ("spaces around text", {"channel": "  app ", "status": " paid  ", "currency": " EUR "}),
    ("only U+0020 is trimmed", {"channel": "\tweb\u00a0", **address(city="\u00a0 Lyon\t")}),
    ("text is blank", {"channel": "   ", **address(city="", region=" ")}),
    ("text is null", {"channel": None, **address(city=None, country=None)}),
    ("text is absent", {"channel": ABSENT, "shipping_address": {}}),
    (
        "text is a number, a boolean, an array, an object",
        {"channel": 7, **address(city=True, region=["a"], country={})},
    ),
    ("address is null", {"shipping_address": None}),
    ("address is absent", {"shipping_address": ABSENT}),
    ("address is text", {"shipping_address": "1 Road, Lyon"}),
    ("address is an array", {"shipping_address": [{"city": "Lyon"}]}),
    ("escapes", {"channel": 'a"b\\c/\n\té😀', **address(city="S\u00e3o \u2028Paulo")}),
    ("escaped spaces are trimmed", {"channel": "ESCAPED"}),
    ("numbers as text", one(line_no="1", quantity="2", unit_price="10.10", discount="0.10")),
    ("numbers as text with spaces", one(line_no=" 1 ", quantity=" 2.0 ", unit_price=" 10.10 ", discount="  ")),
    ("whole numbers with decimals", one(line_no=1.0, quantity=3.0, unit_price=5)),
    ("whole numbers with exponent", one(quantity=1e2, unit_price="1e1", line_no="10e-1")),
    ("half a cent rounds up", one(unit_price=10.005, discount=0.005)),
    ("just below half a cent", one(unit_price=10.004999, discount="0.0049999")),
    ("2.00001 is not 2", one(unit_price=2.00001)),
    ("many digits", one(unit_price="1.23456789012345678901234567890", discount=0)),
    ("rounding comes before the rules", one(quantity=1, unit_price=9.995, discount=10)),
    ("a negative that rounds to zero", one(unit_price=-0.004, discount=0)),
    ("the greatest amount", one(quantity=1, unit_price="RAW:9999999999999999.99", discount="9999999999999999.98")),
    ("the greatest amount as text", one(quantity=1, unit_price="9999999999999999.99", discount="9999999999999999.00")),
    (
        "numbers written otherwise",
        one(line_no="RAW:-0", quantity="RAW:1E+2", unit_price="RAW:2.50e0", discount="RAW:-0.0"),
    ),
    ("more digits than a double has", one(unit_price="RAW:1234567890123.455", discount="RAW:0.00500000000000000001")),
    ("discount is all", one(quantity=2, unit_price=5, discount=10)),
    ("discount is absent", one(discount=ABSENT)),
    ("discount is null", one(discount=None)),
    ("discount is blank", one(discount="")),
    ("price is zero", one(unit_price=0, discount=0)),
    ("name and category of a wrong type", one(name=3, category=["a"])),
    ("no name and category", one(name=ABSENT, category=" ")),
    ("lines out of order", items({"line_no": 9}, {"line_no": -2, "sku": "B"}, {"line_no": 0, "sku": "C"})),
    ("tags are null", {"tags": None}),
    ("tags are absent", {"tags": ABSENT}),
    ("tags are text", {"tags": "gift"}),
    ("tags are an object", {"tags": {"a": "b"}}),
    ("tags are empty", {"tags": []}),
    ("tags with spaces, blanks and other types", {"tags": [" a ", "", "  ", None, 3, True, ["b"], {"c": 1}, "a"]}),
    ("payments are null", {"payments": None}),
    ("payments are absent", {"payments": ABSENT}),
    ("payments are an object", {"payments": {"amount": 5}}),
    ("payments are text", {"payments": "5"}),
    ("payments hold other things", {"payments": [None, 3, "x", [], {"amount": 7.005}]}),
    (
        "payment amounts that are no numbers",
        paid(True, "x", None, [], {}, "", "NaN", "1,5", "+1", "01", ".5", "5.", "5\n", "\n5"),
    ),
    ("payment amounts as text", paid("10.005", " 1 ", "1E1", "-2.345")),
    ("payment amount that does not fit", paid(99999999999999999, "1e20", 5)),
    ("a refund as a negative payment", paid(38.48, -38.48)),
    ("paid in part", paid(1)),
    ("overpaid", paid(1000.1)),
    ("unpaid", paid(0)),
    ("refunded", {"status": "refunded"}),
    ("cancelled", {"status": "cancelled"}),
    ("pending", {"status": "pending"}),
    ("the product before rounding", {"currency": "CAD", **one(quantity=1, unit_price=379.32, discount=0)}),
    ("a tiny rate", {"currency": "AAA", **one(quantity=1, unit_price=500000, discount=0)}),
    ("a negative net in dollars never is", {"currency": "JPY", **one(quantity=1, unit_price=1, discount=1)}),
    ("an unknown customer", {"customer_id": "C-nobody"}),
    ("a deleted customer", {"customer_id": "C-deleted"}),
    ("a customer with a null flag", {"customer_id": "C-null-flag"}),
    ("a customer without anything", {"customer_id": "C-bare"}),
    ("a customer created in the day's first instant", {"customer_id": "C-first-instant"}),
    ("a customer created just before the day", {"customer_id": "C-just-before"}),
    ("a customer created in the day's last instant", {"customer_id": "C-last-instant"}),
    ("a customer created just after the day", {"customer_id": "C-just-after"}),
    ("a customer's id with spaces", {"customer_id": " C-1 "}),
    ("unknown fields", {"coupon": {"code": [1, 2, {"x": None}]}}),
    ("1e400 in text fields", {"channel": "RAW:1e400", **address(country="RAW:-1e400"), "tags": ["RAW:1e400", "a"]}),
    ("1e400 in a field that nobody reads", {"weight": "RAW:1e400"}),
    ("1e400 where an amount is read", paid("RAW:1e400", "1e400", 5)),
    ("an undeclared field, 2,000 levels deep", {"deep": "RAW:" + "[" * 2000 + "]" * 2000}),
    ("a key of 60,000 bytes", {"k" * 60_000: 1}),
    ("half a surrogate", {"channel": "RAW:'\\ud800 web'"}),
    (
        "the same amount as number and as text",
        items(*({"line_no": number, "unit_price": price} for number, price in enumerate(MANY_DIGITS))),
    ),
    ("a discount below half a cent, by more digits than a double has", one(discount="RAW:12.0049999999999999999")),
    ("the greatest texts", {"customer_id": "C" * 32_766, "channel": "é" * 16_383, "tags": ["t" * 32_766]}),
    ("the greatest numbers", one(line_no=2**31 - 1, quantity=2**31 - 1, unit_price=0.01, discount=0)),
    ("the greatest sum of payments", paid("9999999999999999.98", 0.01)),
    ("updated_at of a wrong type", {"updated_at": 1763700000}),
    ("updated_at is a date", {"updated_at": "2026-01-01"}),
    ("updated_at is absent", {"updated_at": ABSENT}),
]

# Instants that are none: each as updated_at (null), and as placed_at (rejected).
NO_INSTANTS: list[Any] = [
    *("2026-01-01T10:00:00", "2026-01-01", "10:00:00", "10:00:00Z", "today", "now", "epoch", "1763700000", "", "  "),
    *("2026-01-01 10:00:00Z", "2026-01-01t10:00:00Z", "2026-01-01T10:00:00z", "2026-01-01T10:00Z"),
    *("2026-02-30T10:00:00Z", "2026-13-01T10:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T10:60:00Z"),
    *("2026-01-01T10:00:60Z", "2026-01-01T10:00:00+0100", "2026-01-01T10:00:00+01", "2026-01-01T10:00:00.Z"),
    *("2026-01-01T10:00:00,5Z", "2026-01-01T10:00:00Z[UTC]", "2026-01-01T10:00:00UTC", "+2026-01-01T10:00:00Z"),
    *(1763700000, 1763700000.5, True, None, [], {}, "2026-1-1T10:00:00Z", "12026-01-01T10:00:00Z"),
    *("\t2026-01-01T10:00:00Z", "2026-01-01T10:00:00+18:01", "2026-01-01T10:00:00+10:60"),
    "2026-01-01T10:00:00Z\n",
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-18:00"),
]

# Offsets and fractions of one instant, `{}` stands for its part without them.
INSTANTS = [
    *("{}Z", "{}+00:00", "{}-00:00", " {}Z  ", "{}.1Z", "{}.12Z", "{}.123Z", "{}.123456Z", "{}.1234567Z"),
    *("{}.999999999Z", "{}.000000Z", "{}.12345678901234567890Z"),
]

# Rejected: (reason, what differs).
REJECTED: list[tuple[str, Json]] = [
    *[("missing_order_id", {"order_id": value}) for value in (ABSENT, None, "", "  ", 17, True, ["a"])],
    *[("missing_customer_id", {"customer_id": value}) for value in (ABSENT, None, " ", 4, {})],
    *[("bad_placed_at", {"placed_at": value}) for value in [ABSENT, *NO_INSTANTS]],
    *[("unknown_status", {"status": value}) for value in (ABSENT, None, "", "PAID", "shipped", 1)],
    *[
        ("bad_currency", {"currency": each})
        for each in (ABSENT, None, "", "eur", "EURO", "EU", "E1R", "ÉUR", 978, "EUR\n")
    ],
    *[("no_items", {"items": value}) for value in (ABSENT, None, [], {}, "x", 1)],
    *[("bad_item", {"items": [value]}) for value in (None, 1, "x", [], {}, True)],
    *[("bad_item", {"items": [make_item(), None]})],
    *[("bad_item", one(sku=value)) for value in (ABSENT, None, "", " ", 5)],
    *[("bad_item", one(quantity=v)) for v in (ABSENT, None, 0, -1, 1.5, "1.5", "two", True, "", [], "1e-1", "1\n")],
    *[
        ("bad_item", one(unit_price=value))
        for value in (ABSENT, None, -0.01, "free", True, "", "1e17", 99999999999999999)
    ],
    *[("bad_item", one(discount=v)) for v in ("x", True, [], {}, -0.01, 39.99, 1e17, "1e17", "NaN", "\t")],
    *[("bad_item", one(line_no=value)) for value in (ABSENT, None, 1.5, "a", True, "", [])],
    ("bad_item", items({"line_no": 1}, {"line_no": 1})),
    ("bad_item", items({"line_no": 1}, {"line_no": "1"})),
    ("bad_item", items({"line_no": 1}, {"line_no": 1.0})),
    ("bad_item", items({"line_no": 2}, {"line_no": " 2.00 "})),
    *[("too_large", {"order_id": value}) for value in ("X" * 513, "é" * 257)],
    *[("too_large", {name: "x" * 32_767}) for name in ("customer_id", "channel")],
    *[("too_large", address(**{name: "é" * 16_384})) for name in ("city", "region", "postal_code", "country")],
    *[("too_large", one(**{name: "x" * 32_767})) for name in ("sku", "category")],
    *[("too_large", {"tags": tags}) for tags in (["a", "x" * 32_767], ["x"] * 10_001)],
    ("too_large", items(*({"line_no": number} for number in range(10_001)))),
    *[("too_large", one(quantity=v)) for v in (2**31, 1e30, "RAW:1e400", "1e99999999999999999999")],
    *[("too_large", one(line_no=v)) for v in (2**31, -(2**31) - 1, 1e19, "RAW:1e400", 2**63)],
    ("too_large", one(quantity=10, unit_price="9999999999999999.99", discount=0)),
    *[("too_large", paid(*values)) for values in (("9999999999999999.99", 0.01), (*["-9999999999999999.99"] * 2,))],
    ("too_large", {"deep": "RAW:" + "[" * 10_000 + "]" * 10_000}),
    ("too_large", {"status": "test", "order_id": "X" * 513}),
    ("bad_item", items({"line_no": "RAW:1e400"}, {"line_no": "RAW:10e399"})),
    ("bad_item", one(quantity="RAW:1e400", discount=-1)),
    ("no_items", {"items": [], "order_id": "X" * 513}),
    # Several rules at once: the first counts.
    ("missing_order_id", {"order_id": None, "customer_id": None, "items": []}),
    ("missing_customer_id", {"customer_id": None, "placed_at": "x", "status": "?"}),
    ("bad_placed_at", {"placed_at": "x", "status": "?", "currency": "?"}),
    ("unknown_status", {"status": "?", "currency": "?", "items": None}),
    ("bad_currency", {"currency": "?", "items": None}),
    ("bad_item", {"status": "test", **one(quantity=0)}),
]

GOOD = b'{"order_id":"M-1","customer_id":"C-1"}'
MALFORMED = [
    GOOD + GOOD,
    GOOD + b" " + GOOD,
    GOOD + b",",
    GOOD + b" trailing",
    GOOD + b"] [" + GOOD,
    b"[" + GOOD + b"]",
    b"[]",
    b"1",
    b"true",
    b"null",
    b'"text"',
    b"not json",
    b"{",
    b"}",
    b"{}}",
    b"{'order_id': 'M-1'}",
    b"{order_id: 1}",
    b'{"order_id": NaN}',
    b'{"order_id": Infinity}',
    b'{"order_id": -Infinity}',
    b'{"order_id": 01}',
    b'{"order_id": +1}',
    b'{"order_id": 1.}',
    b'{"order_id": .5}',
    b'{"order_id": "M-1",}',
    b'{"tags": [1,]}',
    b'{"tags": [undefined]}',
    b'{"tags": ["x", +1]}',
    b'{"payments": [{"amount": 1}, 1e]}',
    b'{"items": [NaN]}',
    b'{"deep": ' + b"[" * 2000 + b"tru" + b"]" * 2000 + b"}",
    b'{"deep": ' + b"[" * 20_000 + b"]" * 19_999 + b"}",
    b'{"order_id" "M-1"}',
    b'{"order_id": "a\tb"}',
    b'{"order_id": "\\x41"}',
    b'{"order_id": "unfinished',
    GOOD[:-1],
    b'{"order_id": "Jos\xe9 M"}',
    b"\xef\xbb\xbf" + GOOD,
    b"\xc2\xa0",
    b"/* comment */ " + GOOD,
]
BLANK = [b"", b"   ", b"\r", b" \t \r"]


def order_lines(partition: date, seed: int, *, every_reject: bool) -> list[bytes]:
    rng = random.Random(f"{seed} {partition}")
    start, end = start_of(partition), end_of(partition)
    noon = start + timedelta(hours=12)
    odd: list[bytes] = []
    for number, (_name, changes) in enumerate(KEPT):
        odd.append(encoded(make_order(f"K-{number}", noon, **changes)).replace(b"ESCAPED", b"\\u0020app\\u0020"))
    odd += instants(partition)
    odd += redelivered(noon)
    odd += [
        encoded(make_order("G" * 512, noon)),
        encoded(make_order("test-1", noon, status="test")),
        encoded(make_order("test-2", noon, status=" test ")),
        b'{"order_id":"D-first","order_id":" D-last ",' + encoded(make_order("", noon, order_id=ABSENT))[1:],
        encoded(make_order("D-2", noon))[:-1] + b',"status":"pending","tags":["a"],"tags":["b"]}',
        b" \t" + encoded(make_order("W-1", noon)) + b" \r",
        encoded(make_order("R-1", noon)).replace(b"1 Road", b"1\\u0020Road\\ud83d\\ude00"),
    ]
    rejects = [encoded(make_order("X-early", start - MICROSECOND)), encoded(make_order("X-late", end))]
    if every_reject:
        rejects += [encoded(make_order(f"X-{number}", noon, **changes)) for number, (_, changes) in enumerate(REJECTED)]
        rejects += MALFORMED
    plain = [plain_order(rng, number, start, end) for number in range(PLAIN)]
    dropped = int(len(rejects) / REJECTED_SHARE) - len(odd) - len(plain)
    lines = odd + rejects + BLANK + plain
    lines += [encoded(make_order(f"T-{number}", noon, status="test")) for number in range(dropped)]
    rng.shuffle(lines)
    return lines


def encoded(order: Json) -> bytes:
    """As JSON; `RAW:1E+2` stands for a value that Python would write in another way."""
    written = re.sub(rb'"RAW:([^"]*)"', rb"\1", json.dumps(order, ensure_ascii=False).encode())
    return written.replace(rb"'\\ud800 web'", rb'"\ud800 web"')


def instants(partition: date) -> list[bytes]:
    """Orders at the edges of the day and in every hour of it, in every way to write an instant."""
    start, end = start_of(partition), end_of(partition)
    found = [make_order("I-first", start), make_order("I-last", end - MICROSECOND)]
    hours = int((end - start) / timedelta(hours=1))
    for hour in range(hours):
        at = start + timedelta(hours=hour, minutes=30)
        local = at.astimezone(NEW_YORK).isoformat(timespec="microseconds")
        found.append(make_order(f"I-local-{hour}", at, placed_at=local))
    bare = (start + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%S")
    for number, form in enumerate(INSTANTS):
        found.append(make_order(f"I-form-{number}", start, placed_at=form.format(bare), updated_at=form.format(bare)))
    for number, value in enumerate(NO_INSTANTS):
        found.append(make_order(f"I-none-{number}", start, updated_at=value))
    found.append(make_order("I-offset", start, placed_at=far_offset(start), updated_at="1999-12-31T23:59:59+18:00"))
    return [encoded(order) for order in found]


def far_offset(at: datetime) -> str:
    """The instant as clocks show it 14 hours east."""
    return (at + timedelta(hours=14)).strftime("%Y-%m-%dT%H:%M:%S") + "+14:00"


def redelivered(noon: datetime) -> list[bytes]:
    """Orders that come more than once: the latest stays, then the greatest line."""
    early, late = iso(noon), iso(noon + timedelta(hours=1))
    orders = [
        *[make_order("R-latest", noon, updated_at=each, channel=each) for each in (early, late, early)],
        *[make_order("R-null-last", noon, updated_at=each, channel="c") for each in (None, early, "x")],
        *[make_order("R-only-nulls", noon, updated_at=None, channel=each) for each in ("a", "c", "b")],
        *[make_order("R-tie", noon, channel=each) for each in ("é", "z", "Z", "😀", "\uff5e")],
        *[make_order("R-micros", noon, updated_at=late[:-1] + each + "Z", channel=each) for each in ("1", "9")],
        *[make_order("R-same", noon) for _ in range(3)],
        make_order("R-later-is-test", noon, updated_at=late, status="test"),
        make_order("R-later-is-test", noon, updated_at=early),
        make_order(" R-trimmed ", noon, updated_at=early, channel="first"),
        make_order("R-trimmed", noon, updated_at=late, channel="second"),
    ]
    return [encoded(order) for order in orders]


def plain_order(rng: random.Random, number: int, start: datetime, end: datetime) -> bytes:
    at = start + rng.random() * (end - start)
    lines = [
        make_item(
            line_no=line + 1,
            sku=f"SKU-{rng.randrange(30)}",
            quantity=rng.randint(1, 5),
            unit_price=round(rng.uniform(1, 500), rng.choice((0, 1, 2, 2, 3))),
            discount=rng.choice((0, 0.5, "1.00", None)),
        )
        for line in range(rng.randint(1, 4))
    ]
    changes = {
        "customer_id": f"C-{rng.randrange(CUSTOMERS)}",
        "currency": rng.choice(list(RATES)),
        "status": rng.choice(("paid", "paid", "pending", "cancelled", "refunded")),
        "channel": rng.choice(("web", "app", None)),
        **address(country=rng.choice(("FR", "US", "JP", None))),
        "items": lines,
        **paid(round(rng.uniform(0, 900), 2)),
    }
    return encoded(make_order(f"P-{number:05}", at, **changes))


def make_shipment(key: str, order: str, at: datetime, /, **changes: Any) -> Json:
    base = {
        "shipment_id": key,
        "order_id": order,
        "ordered_at": iso(at),
        "carrier": "DHL",
        "service": "express",
        "shipped_at": iso(at + timedelta(hours=3)),
        "promised_at": iso(at + timedelta(days=2)),
        "delivered_at": None,
        "cost": {"amount": 7.5, "currency": "EUR"},
        "events": [event(at, "picked_up")],
    }
    return {name: value for name, value in (base | changes).items() if value is not ABSENT}


def event(at: datetime | str, code: Any) -> Json:
    return {"code": code, "at": at if isinstance(at, str) else iso(at), "location": "Lyon"}


def odd_shipments(noon: datetime, as_of: datetime) -> list[list[Json]]:
    """For one order each: what differs from a plain shipment, a dict a shipment."""
    later = noon + timedelta(hours=1)
    done = iso(noon + timedelta(hours=9))
    return [
        [{"events": [event(noon, "a"), event(noon, "b"), event(noon - MICROSECOND, "c")]}],
        [{"events": [event(later, "last"), event(noon, "first")]}],
        [{"events": [event("unreadable", "x"), event(noon, "readable")]}],
        [{"events": [event("x", "first"), event("y", "second")]}],
        [{"events": [event(noon, 5), event(noon, None)]}],
        [{"events": []}],
        [{"events": None}],
        [{"events": ABSENT}],
        [{"events": "picked_up"}],
        [{"events": [None, 3, "x", [], {"at": iso(noon)}]}],
        [{"events": [event(noon, " exception ")]}],
        [{"events": [event(noon, "exception")], "shipped_at": None}],
        [{"events": [event(noon, "returned")], "delivered_at": done}],
        [{"events": [event(noon, "exception"), event(later, "delivered")], "delivered_at": done}],
        [{"delivered_at": done}, {"delivered_at": iso(later)}],
        [{"delivered_at": done}, {"delivered_at": None}],
        [{"shipped_at": None}, {"shipped_at": iso(later), "promised_at": None}],
        [{"shipped_at": None}, {"shipped_at": "no instant"}],
        [{"promised_at": None}],
        [{"promised_at": iso(as_of)}],
        [{"promised_at": iso(as_of - MICROSECOND)}],
        [{"promised_at": done, "delivered_at": done}],
        [{"promised_at": iso(noon + timedelta(hours=9) - MICROSECOND), "delivered_at": done}],
        [{"shipped_at": iso(noon - timedelta(seconds=18))}],
        [{"shipped_at": iso(noon + timedelta(seconds=18))}],
        [{"shipped_at": iso(noon + timedelta(seconds=17, microseconds=999999))}],
        [{"shipped_at": iso(noon - timedelta(days=3))}],
        [{"cost": None}],
        [{"cost": ABSENT}, {"cost": {}}],
        [{"cost": {"amount": None, "currency": "ZZZ"}}],
        [{"cost": {"amount": "abc", "currency": "ZZZ"}}],
        [{"cost": {"amount": True, "currency": None}}],
        [{"cost": "7.50"}],
        [{"cost": {"amount": " 7.505 ", "currency": " CAD "}}],
        [{"cost": {"amount": 0.01, "currency": "CAD"}}] * 5,
        [{"cost": {"amount": 379.32, "currency": "CAD"}}, {"cost": {"amount": -3.005, "currency": "EUR"}}],
        [{"carrier": 7, "service": ["x"], "promised_at": 12345, "delivered_at": True}],
        [{"carrier": "  UPS ", "service": " "}],
        [{"order_id": "O-not-of-the-day", "cost": {"amount": 5, "currency": "ZZZ"}}],
        [{"order_id": None}],
        [{"order_id": 5}],
    ]


def shipments(partition: date, seed: int, orders: list[Json], *, every_reject: bool) -> list[Any]:
    rng = random.Random(f"shipments {seed} {partition}")
    start, end = start_of(partition), end_of(partition)
    noon = start + timedelta(hours=12)
    as_of = datetime.combine(partition + timedelta(days=1), time(8), NEW_YORK).astimezone(UTC)
    found = [make_shipment("S-first", "I-first", start), make_shipment("S-last", "I-last", end - MICROSECOND)]
    for number, several in enumerate(odd_shipments(noon, as_of)):
        for part, changes in enumerate(several):
            found.append(make_shipment(f"S-{number}-{part}", f"K-{number}", noon, **changes))
    for number, order in enumerate(rng.sample(orders, len(orders) // 3)):
        at = start + rng.random() * (end - start)
        delivered = iso(at + timedelta(hours=rng.randint(5, 90))) if rng.random() < 0.5 else None
        cost = {"amount": round(rng.uniform(1, 30), rng.choice((1, 2, 3))), "currency": rng.choice(list(RATES))}
        changes = {"delivered_at": delivered, "promised_at": iso(at + timedelta(hours=40)), "cost": cost}
        found.append(make_shipment(f"S-plain-{number}", order["order_id"], at, **changes))
    rng.shuffle(found)
    rejected = [["S-array", "O-1"], make_shipment(" ", "I-first", noon, carrier="Ünited")]
    return [*found, *(rejected if every_reject else [])]


def customers(partition: date) -> list[Json]:
    start, end = (at.replace(tzinfo=None) for at in (start_of(partition), end_of(partition)))
    long_ago = datetime(2020, 1, 1)

    def customer(number: str, **changes: Any) -> Json:
        base = {
            "CUSTOMER_ID": f"C-{number}",
            "NAME": f"Name {number}",
            "EMAIL": f"  Mixed.Case-{number}@Example.COM ",
            "SEGMENT": "retail",
            "COUNTRY": "FR",
            "CREATED_AT": long_ago,
            "IS_DELETED": False,
        }
        return base | changes

    return [
        *[customer(str(number), SEGMENT=("retail", "pro", None)[number % 3]) for number in range(CUSTOMERS)],
        customer("deleted", IS_DELETED=True),
        customer("null-flag", IS_DELETED=None),
        customer("bare", NAME=None, EMAIL=None, SEGMENT=None, COUNTRY=None, CREATED_AT=None),
        customer("blank", NAME=" ", EMAIL="   ", SEGMENT="", COUNTRY="  "),
        customer("spaces", NAME="  Ada  Byron ", EMAIL="\tTab@x.org"),
        customer("first-instant", CREATED_AT=start),
        customer("just-before", CREATED_AT=start - MICROSECOND),
        customer("last-instant", CREATED_AT=end - MICROSECOND),
        customer("just-after", CREATED_AT=end),
    ]


def ledger(partition: date) -> list[Json]:
    end = end_of(partition).replace(tzinfo=None)
    entries = [(f"C-{number}", points, end - timedelta(days=9)) for number, points in enumerate(TIERS)]
    entries += [
        *[("C-8", 600, end - timedelta(days=day)) for day in (1, 2)],
        ("C-9", 1000, end - MICROSECOND),
        ("C-10", 1000, end),
        *[("C-11", points, end - timedelta(days=1)) for points in (20000, -1)],
        ("C-nobody", 5000, end - timedelta(days=1)),
    ]
    return [{"CUSTOMER_ID": each[0], "POINTS": each[1], "RECORDED_AT": each[2]} for each in entries]


def rates(partition: date) -> list[Json]:
    def rate(currency: str, value: str, days: int) -> Json:
        day = partition - timedelta(days=days)
        return {"RATE_DATE": day, "CURRENCY": currency, "USD_RATE": Decimal(value).quantize(Decimal("1e-8"))}

    return [
        *[
            rate(currency, value, ("USD", "EUR", "JPY", "CAD", "AAA").index(currency))
            for currency, value in RATES.items()
        ],
        *[rate(currency, "9.99", 6) for currency in RATES],
        *[rate(currency, "8.88", -1) for currency in RATES],
        rate("SEV", "1.5", 7),
        rate("OLD", "1.5", 8),
    ]


TABLES: dict[str, tuple[Callable[[date], list[Json]], pa.Schema]] = {
    "CRM.CUSTOMERS": (
        customers,
        pa.schema(
            [
                *((name, pa.string()) for name in ("CUSTOMER_ID", "NAME", "EMAIL", "SEGMENT", "COUNTRY")),
                ("CREATED_AT", pa.timestamp("us")),
                ("IS_DELETED", pa.bool_()),
            ]
        ),
    ),
    "CRM.LOYALTY_LEDGER": (
        ledger,
        pa.schema([("CUSTOMER_ID", pa.string()), ("POINTS", pa.int64()), ("RECORDED_AT", pa.timestamp("us"))]),
    ),
    "FINANCE.FX_RATES": (
        rates,
        pa.schema([("RATE_DATE", pa.date32()), ("CURRENCY", pa.string()), ("USD_RATE", pa.decimal128(18, 8))]),
    ),
}


def write(data: Path, partition: date, *, every_reject: bool, seed: int = 7) -> None:
    """The orders and shipments of one day, beside those of other days; each reject costs a hundred other lines."""
    folder = data / "orders" / f"dt={partition}"
    folder.mkdir(parents=True)
    lines = order_lines(partition, seed, every_reject=every_reject)
    for part in range(3):
        (folder / f"part-{part}.json.gz").write_bytes(gzip.compress(b"\n".join(lines[part::3]), 1))
    plain = [json.loads(line) for line in lines if line.startswith(b'{"order_id": "P-')]
    (data / "shipments").mkdir(exist_ok=True)
    content = b"\n".join(
        json.dumps(each).encode() for each in shipments(partition, seed, plain, every_reject=every_reject)
    )
    (data / "shipments" / f"dt={partition}.jsonl.gz").write_bytes(gzip.compress(content))


def write_tables(data: Path, partition: date) -> None:
    """Snowflake as it is on one day, in the place of any other."""
    (data / "snowflake").mkdir(exist_ok=True)
    for name, (rows, schema) in TABLES.items():
        pq.write_table(pa.Table.from_pylist(rows(partition), schema), data / "snowflake" / f"{name}.parquet")
