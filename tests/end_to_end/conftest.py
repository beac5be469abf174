"""A day that tests may change: services in this process, jobs in the tests' Spark."""

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import requests
from pyspark.sql import SparkSession

from emr_jobs.core import settings as settings_module
from emr_jobs.core.settings import Settings
from pipeline_assets import lake
from tests.domains import LIBRARY, LOCAL
from tests.own_days import as_delivered, published_whole, served
from tests.running import Day, InProcess, readers_see, session_for

PARTITION = "2026-11-20"
LOANS = 40
DATABASE = "LIBRARY"  # of the local Snowflake

Loan = dict[str, str]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a lake of the test's own, with empty tables."""
    text = LOCAL.read_text().replace("../../../.pipeline", str(tmp_path))
    parsed = settings_module.parse(text, where="the test", base=LOCAL.parent)
    lake.apply(parsed)
    return parsed


@pytest.fixture
def own(spark: SparkSession, settings: Settings) -> SparkSession:
    return session_for(spark, settings)


@pytest.fixture(scope="session")
def _own_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with served(tmp_path_factory.mktemp("own"), LIBRARY, PARTITION, rows=LOANS) as day:
        yield day


@pytest.fixture
def whole_day(_own_day: Day, spark: SparkSession, run_job: InProcess) -> Day:
    """Extracted and published, in some state; every test may publish over it."""
    published_whole(run_job, _own_day, LIBRARY, database=DATABASE)
    return _own_day


@pytest.fixture
def own_day(whole_day: Day, run_job: InProcess) -> Day:
    """Its loans are extracted as delivered; published in some state."""
    as_delivered(run_job, whole_day, "staged.loans", "extract_loans", rows=LOANS)
    return whole_day


@pytest.fixture
def unchanged(own_day: Day) -> Iterator[None]:
    """Whatever the test does, readers see afterwards what they saw before."""
    before = readers_see(own_day.settings, own_day.partition)
    of_the_day = [dataset for job in LIBRARY.jobs for dataset in job.outputs if "rejected" not in dataset]
    assert all(before[dataset] for dataset in of_the_day), "there is an old day to lose"
    yield
    assert readers_see(own_day.settings, own_day.partition) == before


@pytest.fixture
def api_fault(own_day: Day) -> Iterator[Callable[..., None]]:
    """Switches a fault of the reviews' API on, until the test ends."""
    base = own_day.settings.connections["club"].url

    def switch(kind: str, **more: object) -> None:
        requests.put(f"{base}/faults", json={"kind": kind, **more}, timeout=10).raise_for_status()

    yield switch
    requests.delete(f"{base}/faults", timeout=10).raise_for_status()


def delivered_loans(day: Day) -> list[Loan]:
    """The day's own, as the desks have written them down."""
    files = sorted((day.data / "loans").rglob(f"{day.partition[5:].replace('-', '')}-*.csv.gz"))
    texts = [gzip.decompress(file.read_bytes()).decode("latin-1") for file in files]
    return [loan for text in texts for loan in csv.DictReader(io.StringIO(text, newline=""), delimiter=";")]


def deliver(day: Day, folder: Path, loans: Sequence[Loan], *, raw: str = "") -> str:
    """These loans, and raw lines, as another delivery of the day; returns settings that read it."""
    year, month, date = day.partition.split("-")
    target = folder / "loans" / year
    target.mkdir(parents=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(loans[0]), delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(loans)
    (target / f"{month}{date}-desk0.csv.gz").write_bytes(gzip.compress((text.getvalue() + raw).encode("latin-1")))
    return day.settings_with(folder, connections_desk={"uri": str(folder)})
