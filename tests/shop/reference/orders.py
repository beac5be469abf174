"""Orders, their items and the rejects of a day, from the lines of its files."""

import gzip
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.shop.reference.reading import ROOMY, amount, depth, field, instant, items_of, money, parse, text, whole

NEW_YORK = ZoneInfo("America/New_York")
STATUSES = {"pending", "paid", "cancelled", "refunded", "test"}
Row = dict[str, Any]


def lines(folder: Path) -> list[bytes]:
    """Without the blank ones."""
    found = [
        line for path in sorted(folder.glob("*.json.gz")) for line in gzip.decompress(path.read_bytes()).split(b"\n")
    ]
    return [line for line in found if line.strip(b" \t\r")]


def extract(data: Path, partition: date) -> dict[str, list[Row]]:
    candidates: dict[str, list[tuple[bytes, Row]]] = {}
    rejected = []
    for line in lines(data / "orders" / f"dt={partition}"):
        order = parse(line)
        reason = "malformed_json" if order is None else first_broken_rule(order, partition, line)
        if reason is not None:
            raw = line.decode("utf-8", errors="replace")
            rejected.append({"partition_date": partition, "reason": reason, "raw": raw})
        elif text(field(order, "status")) != "test":
            candidates.setdefault(text(field(order, "order_id")) or "", []).append((line, order or {}))
    kept = [max(found, key=_latest)[1] for found in candidates.values()]
    return {
        "intermediate.orders": [order_row(order, partition) for order in kept],
        "intermediate.order_items": [row for order in kept for row in item_rows(order, partition)],
        "intermediate.rejected_orders": rejected,
    }


def _latest(delivered: tuple[bytes, Row]) -> tuple[bool, float, int, bytes]:
    line, order = delivered
    updated = instant(field(order, "updated_at"))
    if updated is None:
        return (False, 0.0, 0, line)
    return (True, updated.replace(microsecond=0).timestamp(), updated.microsecond, line)


def first_broken_rule(order: Row, partition: date, line: bytes) -> str | None:
    placed_at = instant(field(order, "placed_at"))
    items = field(order, "items")
    if text(field(order, "order_id")) is None:
        return "missing_order_id"
    if text(field(order, "customer_id")) is None:
        return "missing_customer_id"
    if placed_at is None:
        return "bad_placed_at"
    if placed_at.astimezone(NEW_YORK).date() != partition:
        return "placed_outside_partition"
    if text(field(order, "status")) not in STATUSES:
        return "unknown_status"
    if not re.fullmatch("[A-Z]{3}", text(field(order, "currency")) or ""):
        return "bad_currency"
    if not isinstance(items, list) or not items:
        return "no_items"
    numbers = [whole(field(item, "line_no")) for item in items]
    if any(map(is_bad_item, items)) or None in numbers or len(set(numbers)) < len(numbers):
        return "bad_item"
    if depth(line) > 10_000 or is_too_large(order):
        return "too_large"
    return None


def is_too_large(order: Row) -> bool:
    address, items = field(order, "shipping_address"), field(order, "items")
    tags = [text(tag) for tag in items_of(field(order, "tags")) if text(tag)]
    keywords = [text(field(order, name)) for name in ("customer_id", "channel")]
    keywords += [text(field(address, name)) for name in ("city", "region", "postal_code", "country")]
    keywords += [text(field(item, name)) for item in items for name in ("sku", "category")]
    if size_of(text(field(order, "order_id"))) > 512 or any(size_of(each) > 32766 for each in keywords + tags):
        return True
    if len(items) > 10_000 or len(tags) > 10_000:
        return True
    for item in items:
        numbers = whole(field(item, "quantity")), whole(field(item, "line_no"))
        if any(each is None or not -(2**31) <= each < 2**31 for each in numbers):
            return True
    try:
        paid_amount(order)
        for item in items:
            gross(item)
    except ArithmeticError:  # OverflowError is one
        return True
    return False


def size_of(value: str | None) -> int:
    return len((value or "").encode())


def gross(item: Any) -> Any:
    """Raises OverflowError when it does not fit."""
    return money(ROOMY.multiply(whole(item["quantity"]), amount(item["unit_price"])))


def paid_amount(order: Row) -> Any:
    """Raises OverflowError when it does not fit."""
    amounts = [amount(field(payment, "amount")) for payment in items_of(field(order, "payments"))]
    return money(sum((each for each in amounts if each is not None), money_zero()))


def is_bad_item(item: Any) -> bool:
    quantity, price, discount = whole(field(item, "quantity")), amount(field(item, "unit_price")), discount_of(item)
    if text(field(item, "sku")) is None or quantity is None or price is None or discount is None:
        return True
    if quantity <= 0 or price < 0 or discount < 0:
        return True
    return discount > ROOMY.multiply(quantity, price)


def discount_of(item: Any) -> Any:
    value = field(item, "discount")
    if value is None or (isinstance(value, str) and not value.strip(" ")):
        return money_zero()
    return amount(value)


def money_zero() -> Any:
    return amount("0")


def order_row(order: Row, partition: date) -> Row:
    address = field(order, "shipping_address")
    return {
        "partition_date": partition,
        "order_id": text(field(order, "order_id")),
        "customer_id": text(field(order, "customer_id")),
        "placed_at": instant(field(order, "placed_at")),
        "updated_at": instant(field(order, "updated_at")),
        "status": text(field(order, "status")),
        "currency": text(field(order, "currency")),
        "channel": text(field(order, "channel")),
        "shipping_city": text(field(address, "city")),
        "shipping_region": text(field(address, "region")),
        "shipping_postal_code": text(field(address, "postal_code")),
        "shipping_country": text(field(address, "country")),
        "paid_amount": paid_amount(order),
        "tags": [tag for tag in map(text, items_of(field(order, "tags"))) if tag is not None],
    }


def item_rows(order: Row, partition: date) -> list[Row]:
    rows = []
    for item in order["items"]:
        quantity, price, discount = whole(item["quantity"]), amount(item["unit_price"]), discount_of(item)
        assert quantity is not None
        rows.append(
            {
                "partition_date": partition,
                "order_id": text(order["order_id"]),
                "line_no": int(whole(item["line_no"]) or 0),
                "sku": text(item["sku"]),
                "name": text(field(item, "name")),
                "category": text(field(item, "category")),
                "quantity": int(quantity),
                "unit_price": price,
                "discount": discount,
                "line_gross": gross(item),
                "line_net": gross(item) - discount,
            }
        )
    return rows


def day_of(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()
