"""A line of an order export: its values, or the first rule that it breaks.

Plain Python, run in the workers. Does not own: what is decided among several lines (order_lines).
"""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from emr_jobs.reading import strict_json
from emr_jobs.reading.values import amount, elements, field, fits, instant, is_blank, text, whole

TEST = "test"
STATUSES = ("pending", "paid", "cancelled", "refunded", TEST)

# As the contract of intermediate.rejected_orders has them: a line's reason is the first that applies.
REASONS = (
    *("malformed_json", "missing_order_id", "missing_customer_id", "bad_placed_at", "placed_outside_partition"),
    *("unknown_status", "bad_currency", "no_items", "bad_item", "too_large"),
)

# What the search index or a column holds.
ORDER_ID_BYTES = 512
KEYWORD_BYTES = 32_766
ELEMENTS = 10_000  # nested documents, and as many tags
GREATEST_INTEGER, LEAST_INTEGER = 2**31 - 1, -(2**31)

_CURRENCY = re.compile("[A-Z]{3}")
_ZERO = Decimal("0.00")
_MANY = 10**18  # of anything that costs a cent is more than any discount


class Item(NamedTuple):
    line_no: int | Decimal
    sku: str
    name: str | None
    category: str | None
    quantity: int | Decimal
    unit_price: Decimal
    discount: Decimal
    line_gross: Decimal


class Order(NamedTuple):
    order_id: str | None
    customer_id: str | None
    status: str | None
    currency: str | None
    channel: str | None
    placed_at: datetime | None
    updated_at: datetime | None
    shipping_city: str | None
    shipping_region: str | None
    shipping_postal_code: str | None
    shipping_country: str | None
    paid_amount: Decimal
    tags: list[str]
    items: list[Item]  # without bad ones


def read(line: bytes, *, in_doubt: bool, start: datetime, end: datetime) -> Order | str:
    """An order placed in [start, end), or one of REASONS. `in_doubt`: see strict_json."""
    try:
        value, too_deep = strict_json.parse(line, in_doubt=in_doubt)
    except strict_json.Malformed:
        return "malformed_json"
    if type(value) is not dict:
        return "malformed_json"
    order = _order(value)
    broken = _broken_rule(order, len(elements(value.get("items"))), start, end)
    if broken is None and (too_deep or _is_too_large(order, len(line))):
        return "too_large"
    return broken or order


def _order(value: dict[str, Any]) -> Order:
    address = value.get("shipping_address")
    paid = [amount(field(payment, "amount")) for payment in elements(value.get("payments"))]
    return Order(
        order_id=text(value.get("order_id")),
        customer_id=text(value.get("customer_id")),
        status=text(value.get("status")),
        currency=text(value.get("currency")),
        channel=text(value.get("channel")),
        placed_at=instant(value.get("placed_at")),
        updated_at=instant(value.get("updated_at")),
        shipping_city=text(field(address, "city")),
        shipping_region=text(field(address, "region")),
        shipping_postal_code=text(field(address, "postal_code")),
        shipping_country=text(field(address, "country")),
        paid_amount=sum((each for each in paid if each is not None), _ZERO),
        tags=[tag for tag in map(text, elements(value.get("tags"))) if tag is not None],
        items=[item for item in map(_item, elements(value.get("items"))) if item is not None],
    )


def _item(item: Any) -> Item | None:
    """None for a bad one. What is too large is none of them."""
    if type(item) is not dict:
        return None
    line_no, sku = whole(item.get("line_no")), text(item.get("sku"))
    quantity, unit_price = whole(item.get("quantity")), amount(item.get("unit_price"))
    discount = _ZERO if is_blank(item.get("discount")) else amount(item.get("discount"))
    if line_no is None or sku is None or quantity is None or unit_price is None or discount is None:
        return None
    if quantity <= 0 or unit_price < 0 or discount < 0:
        return None
    line_gross = min(quantity, _MANY) * unit_price
    if discount > line_gross:
        return None
    return Item(
        line_no, sku, text(item.get("name")), text(item.get("category")), quantity, unit_price, discount, line_gross
    )


def _broken_rule(order: Order, items: int, start: datetime, end: datetime) -> str | None:
    """But for the first and the last. `items`: how many there are, bad ones included."""
    if order.order_id is None:
        return "missing_order_id"
    if order.customer_id is None:
        return "missing_customer_id"
    if order.placed_at is None:
        return "bad_placed_at"
    if not start <= order.placed_at < end:
        return "placed_outside_partition"
    if order.status not in STATUSES:
        return "unknown_status"
    if order.currency is None or not _CURRENCY.fullmatch(order.currency):
        return "bad_currency"
    if not items:
        return "no_items"
    if len({item.line_no for item in order.items}) < items:
        return "bad_item"
    return None


def _is_too_large(order: Order, size_bytes: int) -> bool:
    """`size_bytes`: of the line. One of fewer bytes than ELEMENTS holds neither so many nor a longer keyword."""
    return (
        _is_longer(order.order_id, ORDER_ID_BYTES)
        or (size_bytes > ELEMENTS and _holds_too_much(order))
        or not fits(order.paid_amount)
        or any(
            item.quantity > GREATEST_INTEGER
            or not LEAST_INTEGER <= item.line_no <= GREATEST_INTEGER
            or not fits(item.line_gross)
            for item in order.items
        )
    )


def _holds_too_much(order: Order) -> bool:
    return max(len(order.items), len(order.tags)) > ELEMENTS or any(
        _is_longer(each, KEYWORD_BYTES) for each in _keywords(order)
    )


def _keywords(order: Order) -> Iterator[str | None]:
    yield from (order.customer_id, order.channel, *order.tags)
    yield from (order.shipping_city, order.shipping_region, order.shipping_postal_code, order.shipping_country)
    for item in order.items:
        yield from (item.sku, item.category)


def _is_longer(text: str | None, size_bytes: int) -> bool:
    """A character has four bytes at most."""
    return text is not None and len(text) * 4 > size_bytes and len(text.encode()) > size_bytes
