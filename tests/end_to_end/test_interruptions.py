"""Jobs that are killed at random moments: readers see whole days only, and a rerun is right. More: `make torture`.

Two runs at once, and a run that ends between lake and index: test_two_runs.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pyspark.sql import SparkSession

from emr_jobs.core.settings import load
from pipeline_assets import lake
from tests.running import Day, InProcess
from tests.torture.bench import Bench, bench
from tests.torture.kills import Kill, play

SEED = 32  # while it begins, while it stages, while it publishes
PARTITION = "2026-11-18"  # the index is shared


@pytest.fixture(scope="module")
def torn_day(_own_day: Day, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """In a lake of the module's own, on the stack's services."""
    folder = tmp_path_factory.mktemp("torture")
    uri = _own_day.settings_with(folder, lake={"uri": f"{folder}/catalog.db", "warehouse": f"file://{folder}/lake"})
    lake.apply(load(uri))
    with bench(replace(_own_day, settings_uri=uri, partition=PARTITION), folder, InProcess(spark)) as made:
        yield made


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_job_is_killed_at_a_random_moment(torn_day: Bench, number: int) -> None:
    play(torn_day, Kill.drawn(SEED, number, torn_day.phases), seed=SEED)
