"""What is published of the lines that broke a rule."""

from shop.transforms.rejected_orders import rejected_orders
from tests.shop.transforms.frames import DAY, Frames, rows_of
from tests.shop.transforms.order_export import line


def test_rejects_are_published_as_they_came_with_their_reason(frames: Frames) -> None:
    no_items, latin = line(order_id="A-2", items=[]), line(order_id="A-4", channel="caf?").replace(b"?", b"\xe9")
    lines = [line(), line(channel="app"), line(order_id="A-3", status="test"), no_items, latin, b"{\r", b"{\r"]
    found = rows_of(rejected_orders(frames.settled(*lines), partition_date=DAY.date), "intermediate.rejected_orders")
    assert [(row["partition_date"], row["reason"], row["raw"]) for row in found] == [
        (DAY.date, "malformed_json", "{\r"),
        (DAY.date, "malformed_json", "{\r"),
        (DAY.date, "malformed_json", latin.decode(errors="replace")),
        (DAY.date, "no_items", no_items.decode()),
    ]
