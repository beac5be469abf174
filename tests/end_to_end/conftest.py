"""A day that tests may change: services in this process, jobs in the tests' Spark."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
import requests
from pyspark.sql import SparkSession

from emr_jobs import settings as settings_module
from emr_jobs.settings import Settings
from local_stack.services import services
from local_stack.snowflake import load
from pipeline_assets import lake
from pipeline_assets.checks.tables import row_count
from pipeline_assets.home import ROOT
from shop import sample
from tests.running import Day, InProcess, readers_see, session_for
from tests.shop import SHOP

PARTITION = "2026-11-20"
ORDERS = 300


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a lake of the test's own, with empty tables."""
    text = (ROOT / "settings" / "local.toml").read_text().replace("../.pipeline", str(tmp_path))
    parsed = settings_module.parse(text, where="the test", base=ROOT / "settings")
    lake.apply(parsed)
    return parsed


@pytest.fixture
def own(spark: SparkSession, settings: Settings) -> SparkSession:
    return session_for(spark, settings)


@pytest.fixture(scope="session")
def _own_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    home = tmp_path_factory.mktemp("own")
    data = home / "data"
    truth = sample.generate(data, partition=SHOP.calendar.partition(PARTITION), rows=ORDERS)
    with services(home, data) as running:
        yield Day(home, data, str(running.settings_file), PARTITION, truth)


@pytest.fixture
def whole_day(_own_day: Day, spark: SparkSession, run_job: InProcess) -> Day:
    """Extracted and published, in some state; every test may publish over it."""
    load(_own_day.data / "snowflake", database="SHOP")  # another stack of this process may have put its tables there
    seen = readers_see(_own_day.settings, _own_day.partition)
    for job in SHOP.jobs:
        if not all(seen[dataset] for dataset in job.outputs[1:] or job.outputs):
            succeeded(run_job, job.name, _own_day)
    return _own_day


@pytest.fixture
def own_day(whole_day: Day, run_job: InProcess) -> Day:
    """Its orders are extracted as delivered; published in some state."""
    orders = lake.catalog(whole_day.settings).load_table("intermediate.orders")
    if row_count(orders, whole_day.partition) != ORDERS:
        succeeded(run_job, "extract_orders", whole_day)
    return whole_day


def succeeded(run_job: InProcess, job: str, day: Day, settings_uri: str | None = None) -> None:
    """Runs it."""
    ended = run_job(job, settings_uri=settings_uri or day.settings_uri, partition=day.partition)
    assert ended.code == 0, ended.output


@pytest.fixture
def unchanged(own_day: Day) -> Iterator[None]:
    """Whatever the test does, readers see afterwards what they saw before."""
    before = readers_see(own_day.settings, own_day.partition)
    of_the_day = [dataset for job in SHOP.jobs for dataset in job.outputs if dataset != "intermediate.rejected_orders"]
    assert all(before[dataset] for dataset in of_the_day), "there is an old day to lose"
    yield
    assert readers_see(own_day.settings, own_day.partition) == before


@pytest.fixture
def api_fault(own_day: Day) -> Iterator[Callable[..., None]]:
    """Switches a fault of the shipments API on, until the test ends."""
    base = own_day.settings.connections["carrier"].url

    def switch(kind: str, **more: object) -> None:
        requests.put(f"{base}/faults", json={"kind": kind, **more}, timeout=10).raise_for_status()

    yield switch
    requests.delete(f"{base}/faults", timeout=10).raise_for_status()


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
