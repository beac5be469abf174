"""A day of the shop that tests may change: services in this process, jobs in the tests' Spark."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from local_stack.services import services
from local_stack.snowflake import load
from pipeline_assets import lake
from pipeline_assets.checks.tables import row_count
from shop import sample
from tests.end_to_end.conftest import succeeded
from tests.running import Day, InProcess, readers_see
from tests.shop import SHOP

PARTITION = "2026-11-20"
ORDERS = 100
DATABASE = "SHOP"  # of the local Snowflake


@pytest.fixture(scope="package")
def _rules_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    home = tmp_path_factory.mktemp("rules")
    data = home / "data"
    truth = sample.generate(data, partition=SHOP.calendar.partition(PARTITION), rows=ORDERS)
    with services(home, data) as running:
        yield Day(home, data, str(running.settings_file), PARTITION, truth)


@pytest.fixture
def own_day(_rules_day: Day, run_job: InProcess) -> Day:
    """Its orders are extracted as delivered; published in some state."""
    day = _rules_day
    load(day.data / "snowflake", database=DATABASE)  # another stack of this process may have put its tables there
    seen = readers_see(day.settings, day.partition)
    for job in SHOP.jobs:
        if not all(seen[dataset] for dataset in job.outputs[1:] or job.outputs):
            succeeded(run_job, job.name, day)
    orders = lake.catalog(day.settings).load_table("intermediate.orders")
    if row_count(orders, day.partition) != ORDERS:
        succeeded(run_job, "extract_orders", day)
    return day


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
