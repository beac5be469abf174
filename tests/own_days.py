"""A day that tests may change: served by services of this process, published by jobs in the tests' Spark."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emr_jobs.domain import Domain
from local_stack import sample
from local_stack.services import services
from local_stack.snowflake import load
from pipeline_assets import lake
from pipeline_assets.checks.tables import row_count
from tests.running import Day, InProcess, readers_see

Change = Callable[[pa.Table], pa.Table]


@contextmanager
def served(home: Path, domain: Domain, partition: str, *, rows: int) -> Iterator[Day]:
    """A sample day of the domain that the profiles name."""
    data = home / "data"
    truth = sample.generate(data, partition=domain.calendar.partition(partition), rows=rows)
    with services(home, data) as running:
        yield Day(home, data, str(running.settings_file), partition, truth)


def succeeded(run_job: InProcess, job: str, day: Day, settings_uri: str | None = None) -> None:
    """Runs it."""
    ended = run_job(job, settings_uri=settings_uri or day.settings_uri, partition=day.partition)
    assert ended.code == 0, ended.output


def published_whole(run_job: InProcess, day: Day, domain: Domain, *, database: str) -> None:
    """Extracted and published, in some state. `database`: of the local Snowflake."""
    load(day.data / "snowflake", database=database)  # another stack of this process may have put its tables there
    seen = readers_see(day.settings, day.partition)
    for job in domain.jobs:
        if not all(seen[dataset] for dataset in job.outputs[1:] or job.outputs):  # the first of many may be rejects
            succeeded(run_job, job.name, day)


def as_delivered(run_job: InProcess, day: Day, dataset: str, job: str, *, rows: int) -> None:
    """A test may have published another delivery."""
    if row_count(lake.catalog(day.settings).load_table(dataset), day.partition) != rows:
        succeeded(run_job, job, day)


@contextmanager
def changing(day: Day, folder: Path, *, database: str) -> Iterator[Callable[[str, Change], None]]:
    """Changes tables of the served Snowflake until the end of the block."""

    def change(name: str, how: Change) -> None:
        pq.write_table(how(pq.read_table(day.data / "snowflake" / f"{name}.parquet")), folder / f"{name}.parquet")
        load(folder, database=database)

    yield change
    load(day.data / "snowflake", database=database)
