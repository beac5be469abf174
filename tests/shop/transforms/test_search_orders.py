"""A document an order, with its lines."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shop.transforms.search_orders import search_orders
from tests.shop import SHOP
from tests.shop.transforms.frames import DAY, Frames, Row, rows_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

FACT = {
    "partition_date": DAY.date,
    "order_id": "A-1",
    "status": "paid",
    "currency": "EUR",
    "channel": "web",
    "tags": ["gift"],
    "customer_id": "C-1",
    "customer_name": "Ada Byron",
    "customer_segment": "retail",
    "customer_country": "GB",
    "loyalty_tier": "gold",
    "shipping_country": "FR",
    "shipping_region": "RA",
    "shipping_city": "Lyon",
    "placed_at": NOON,
    "shipped_at": None,
    "promised_at": NOON,
    "delivered_at": None,
    "payment_status": "paid",
    "delivery_status": "not_shipped",
    "is_late": True,
    "units": 3,
    "net_amount": Decimal("38.48"),
    "net_amount_usd": Decimal("41.64"),
}
NOT_SEARCHED = {"item_count": 1, "gross_amount": Decimal("39.98"), "loyalty_points": 5000, "shipment_count": 0}


def make_item(order_id: str, line_no: int, **overrides: Any) -> Row:
    plain = {
        "sku": "SKU-1",
        "name": "Lamp",
        "category": "light",
        "quantity": 2,
        "unit_price": Decimal("19.99"),
        "line_net": Decimal("38.48"),
    }
    return {"order_id": order_id, "line_no": line_no, **(plain | overrides)}


def in_document(item: Row) -> Row:
    return {name: value for name, value in item.items() if name != "order_id"}


def test_a_document_is_the_order_with_its_items_by_line_no(frames: Frames) -> None:
    ten, two, bare = make_item("A-1", 10, sku="A"), make_item("A-1", 2, sku="B"), make_item("A-2", 1, name=None)
    unpriced = {"discount": Decimal("1.50"), "line_gross": Decimal("39.98")}
    items = [each | unpriced for each in (ten, two, bare, make_item("A-other", 1))]
    documents = search_orders(
        frames.of("final.order_facts", [FACT | NOT_SEARCHED, FACT | {"order_id": "A-2", "tags": []}]),
        frames.of("intermediate.order_items", items),
        contract=SHOP.contracts["search.orders"],
    )
    assert rows_of(documents, "search.orders") == [
        FACT | {"items": [in_document(two), in_document(ten)]},
        FACT | {"order_id": "A-2", "tags": [], "items": [in_document(bare)]},
    ]
