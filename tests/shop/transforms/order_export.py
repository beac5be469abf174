"""Lines of an order export, as the shop writes them; a test names only what it is about."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.shop.reference import odd_inputs
from tests.shop.reference.odd_inputs import ABSENT, Json, make_item

__all__ = ["ABSENT", "Json", "encoded", "line", "make_item", "make_order"]


def make_order(**overrides: Any) -> Json:
    """One that breaks no rule."""
    own = {
        "placed_at": "2026-11-21T12:00:00Z",
        "updated_at": "2026-11-21T12:05:00Z",
        "payments": [{"method": "card", "amount": 38.48, "paid_at": "2026-11-21T12:01:00Z"}],
    }
    return odd_inputs.make_order("A-1", datetime(2026, 11, 21, 12, tzinfo=UTC), **(own | overrides))


def line(**overrides: Any) -> bytes:
    return encoded(make_order(**overrides))


def encoded(order: Json) -> bytes:
    return json.dumps(order, ensure_ascii=False).encode()
