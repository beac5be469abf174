"""Lines of an order export, as the shop writes them; a test names only what it is about."""

import json
from typing import Any

Json = dict[str, Any]
ABSENT = object()


def _without_absent(value: Json) -> Json:
    return {name: each for name, each in value.items() if each is not ABSENT}


def make_item(**overrides: Any) -> Json:
    plain = {
        "line_no": 1,
        "sku": "SKU-1",
        "name": "Lamp",
        "category": "light",
        "quantity": 2,
        "unit_price": 19.99,
        "discount": 1.5,
    }
    return _without_absent(plain | overrides)


def make_order(**overrides: Any) -> Json:
    plain = {
        "order_id": "A-1",
        "customer_id": "C-1",
        "placed_at": "2026-11-21T12:00:00Z",
        "updated_at": "2026-11-21T12:05:00Z",
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
        "payments": [{"method": "card", "amount": 38.48, "paid_at": "2026-11-21T12:01:00Z"}],
        "tags": ["gift"],
    }
    return _without_absent(plain | overrides)


def line(**overrides: Any) -> bytes:
    return encoded(make_order(**overrides))


def encoded(order: Json) -> bytes:
    return json.dumps(order, ensure_ascii=False).encode()
