"""The generated deployment on the local AWS: deployed, compared, run with faults."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest

from emr_jobs.partition import Partition
from local_stack.simulation.scenarios import ORDERS, SCENARIOS
from local_stack.simulation.world import World, world
from pipeline_assets.production.diff import differences
from pipeline_assets.production.stacks import Stacks
from tests.running import pipeline

QUICK = ("stopped", "machine-times-out", "cluster-fails-to-start")


@pytest.fixture(scope="module")
def real_worlds() -> None:
    """Days with Spark, one after another."""


@pytest.fixture(scope="module")
def stub_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    latest = Partition.latest_complete(datetime.now(UTC))
    days = [Partition(latest.date - timedelta(days=number)) for number in range(len(QUICK))]
    with (
        mock.patch.dict(os.environ),  # this process's AWS clients go to it
        world(tmp_path_factory.mktemp("world"), days=days, orders=ORDERS) as made,
    ):
        yield made


@pytest.mark.parametrize("name", QUICK)
def test_end_that_no_catch_sees_leaves_nothing_behind(stub_world: World, name: str) -> None:
    stub_world.said()
    SCENARIOS[name].run(stub_world)
    stub_world.settle()


def test_deployed_is_what_was_generated(stub_world: World) -> None:
    assert differences(stub_world.deployment, Stacks()) == []


def test_one_changed_retry_is_the_one_difference(stub_world: World) -> None:
    jobs = stub_world.with_jobs(lambda job: replace(job, max_retries=2) if job.name == "master" else job)
    changed = jobs(
        replace(stub_world.deployment, daily_timeout_s=stub_world.deployment.definitions["daily"]["TimeoutSeconds"])
    )
    retry = "States.Master.Retry[1].MaxAttempts"
    assert [(each.place, each.deployed, each.generated) for each in differences(changed, Stacks())] == [
        (f"Resources.DailyMachine.Properties.Definition.{retry}", "1", "2"),
        (f"DailyMachine as it runs.{retry}", "1", "2"),
    ]


def test_change_behind_the_stacks_back_is_seen(stub_world: World) -> None:
    """Somebody disables the schedule in the console."""
    scheduler = stub_world.client("scheduler")
    found = scheduler.get_schedule(Name="pipeline-assets-daily", GroupName="pipeline-assets")
    given = {
        key: found[key]
        for key in (
            "Name",
            "GroupName",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "FlexibleTimeWindow",
            "Target",
        )
    }
    scheduler.update_schedule(**given, State="DISABLED")
    try:
        (only,) = differences(stub_world.deployment, Stacks())
        assert (only.place, only.deployed, only.generated) == (
            "DailySchedule as it runs.State",
            '"DISABLED"',
            '"ENABLED"',
        )
    finally:
        scheduler.update_schedule(**given, State="ENABLED")


@pytest.mark.usefixtures("real_worlds")
@pytest.mark.timeout(1800)
def test_every_scenario_holds(tmp_path: Path) -> None:
    ended = pipeline("simulate", "all", "--json", home=tmp_path)
    assert ended.code == 0, ended.output
    assert [each["scenario"] for each in json.loads(ended.output.splitlines()[-1])] == list(SCENARIOS)
