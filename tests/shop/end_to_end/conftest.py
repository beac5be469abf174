"""A day of the shop that tests may change: services in this process, jobs in the tests' Spark."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.own_days import as_delivered, published_whole, served
from tests.running import Day, InProcess
from tests.shop import SHOP

PARTITION = "2026-11-20"
ORDERS = 100
DATABASE = "SHOP"  # of the local Snowflake


@pytest.fixture(scope="package")
def _rules_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with served(tmp_path_factory.mktemp("rules"), SHOP, PARTITION, rows=ORDERS) as day:
        yield day


@pytest.fixture
def own_day(_rules_day: Day, run_job: InProcess) -> Day:
    """Its orders are extracted as delivered; published in some state."""
    published_whole(run_job, _rules_day, SHOP, database=DATABASE)
    as_delivered(run_job, _rules_day, "intermediate.orders", "extract_orders", rows=ORDERS)
    return _rules_day


def good_lines(day: Day) -> list[dict[str, object]]:
    """The day's own orders as delivered, those that are one object."""
    lines = [
        line
        for path in sorted((day.data / "orders" / f"dt={day.partition}").glob("*.json.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    orders = []
    for line in lines:
        try:
            parsed = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(parsed, dict) and parsed.get("status") == "paid" and parsed.get("order_id"):
            orders.append(parsed)
    return orders


def deliver(day: Day, folder: Path, orders: list[dict[str, object]], *, raw: bytes = b"") -> str:
    """These orders, and raw lines, as another delivery of the day; returns settings that read it."""
    target = folder / "orders" / f"dt={day.partition}"
    target.mkdir(parents=True)
    content = b"\n".join([*map(orjson.dumps, orders), raw])
    (target / "part-0.json.gz").write_bytes(gzip.compress(content))
    return day.settings_with(folder, connections_export={"uri": str(folder)})
