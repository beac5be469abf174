"""What is published of the items of an order's line."""

from decimal import Decimal
from typing import Any

from shop.transforms.order_items import order_items
from tests.shop.transforms.frames import DAY, Frames, Row, rows_of
from tests.shop.transforms.order_export import ABSENT, line, make_item

AMOUNTS = ("unit_price", "discount", "line_gross", "line_net")


def row(**overrides: Any) -> Row:
    """What order_export's plain item becomes; amounts as text."""
    plain = {
        "partition_date": DAY.date,
        "order_id": "A-1",
        "line_no": 1,
        "sku": "SKU-1",
        "name": "Lamp",
        "category": "light",
        "quantity": 2,
        "unit_price": "19.99",
        "discount": "1.50",
        "line_gross": "39.98",
        "line_net": "38.48",
    }
    given = plain | overrides
    return given | {name: Decimal(given[name]) for name in AMOUNTS}


def published(frames: Frames, *lines: bytes) -> list[Row]:
    return rows_of(order_items(frames.settled(*lines), partition_date=DAY.date), "intermediate.order_items")


def test_only_items_of_lines_that_became_orders_are_published(frames: Frames) -> None:
    rejected = line(order_id="A-3", items=[make_item(), make_item(line_no=2, quantity=0)])
    lines = [line(), line(channel="app"), line(order_id="A-2", status="test"), rejected, b"{"]
    assert published(frames, *lines) == [row()]


def test_a_row_an_item_of_each_order(frames: Frames) -> None:
    lamp, desk = make_item(), make_item(line_no=-2, sku=" SKU-2 ", name=ABSENT, category=["a"], quantity=1)
    assert published(frames, line(items=[lamp, desk]), line(order_id="A-2")) == [
        row(line_no=-2, sku="SKU-2", name=None, category=None, quantity=1, line_gross="19.99", line_net="18.49"),
        row(),
        row(order_id="A-2"),
    ]


def test_numbers_are_read_however_they_are_written(frames: Frames) -> None:
    text = make_item(line_no="1", quantity=" 2.0 ", unit_price=" 10.10 ", discount="0.10")
    rounded = make_item(line_no=2.0, quantity=1e2, unit_price=10.005, discount=0.005)
    plain = make_item(line_no=3, quantity=1, unit_price="1e1", discount=10)
    greatest = make_item(line_no=4, quantity=1, unit_price="9999999999999999.99", discount="9999999999999999.98")
    assert published(frames, line(items=[text, rounded, plain, greatest])) == [
        row(line_no=1, quantity=2, unit_price="10.10", discount="0.10", line_gross="20.20", line_net="20.10"),
        row(line_no=2, quantity=100, unit_price="10.01", discount="0.01", line_gross="1001.00", line_net="1000.99"),
        row(line_no=3, quantity=1, unit_price="10.00", discount="10.00", line_gross="10.00", line_net="0.00"),
        row(
            line_no=4,
            quantity=1,
            unit_price="9999999999999999.99",
            discount="9999999999999999.98",
            line_gross="9999999999999999.99",
            line_net="0.01",
        ),
    ]


def test_without_a_discount_it_is_zero(frames: Frames) -> None:
    items = [make_item(line_no=number, discount=value) for number, value in enumerate((ABSENT, None, "", "  ", 0))]
    assert published(frames, line(items=items)) == [
        row(line_no=number, discount="0.00", line_net="39.98") for number in range(5)
    ]
