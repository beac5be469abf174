"""The generated deployment on the local AWS: deployed, compared, run with faults."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest

from local_stack.simulation.scenarios import SCENARIOS, days_of
from local_stack.simulation.world import Jobs, World, world
from pipeline_assets.emr.clusters import NAME_PREFIX
from pipeline_assets.production.apply.diff import differences
from pipeline_assets.production.apply.stacks import Stacks
from pipeline_assets.production.generate.tags import STACK_TAG
from tests.running import pipeline, typed, wait_for

REAL = ("search-down", "least-privilege")  # happy: tests/ui; those whose data matters, too: make simulate-all


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        (datetime(2027, 10, 31, 12, tzinfo=UTC), ["2027-10-30", "2027-03-27"]),
        (datetime(2027, 10, 29, 12, tzinfo=UTC), ["2027-03-27", "2026-10-24"]),  # 370 days ago
        (datetime(2025, 9, 1, 12, tzinfo=UTC), ["2025-03-29"]),  # there are days since March
    ],
)
def test_the_last_two_clock_changes_are_found_on_any_day(now: datetime, changes: list[str]) -> None:
    assert list(map(str, days_of(["clock-change"], now=now)["clock-change"])) == changes


@pytest.fixture(scope="module")
def real_worlds() -> None:
    """Days with Spark, one after another."""


@pytest.fixture(scope="module")
def stub_worlds() -> None:
    """Days without Spark, several at once."""


@pytest.fixture(scope="module")
def stub_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        mock.patch.dict(os.environ),  # this process's AWS clients go to it
        world(tmp_path_factory.mktemp("world"), days=[], jobs=Jobs.STUB) as made,
    ):
        yield made


def test_deployed_is_what_was_generated(stub_world: World) -> None:
    assert differences(stub_world.deployment, Stacks()) == []


def test_one_changed_retry_is_the_one_difference(stub_world: World) -> None:
    jobs = stub_world.with_jobs(lambda job: replace(job, max_retries=2) if job.name == "catalogue" else job)
    changed = jobs(
        replace(stub_world.deployment, daily_timeout_s=stub_world.deployment.definitions["daily"]["TimeoutSeconds"])
    )
    retry = "States.Catalogue.Retry[1].MaxAttempts"
    assert [(each.place, each.deployed, each.generated) for each in differences(changed, Stacks())] == [
        (f"Resources.DailyMachine.Properties.Definition.{retry}", "1", "2"),
        (f"DailyMachine as it runs.{retry}", "1", "2"),
    ]


def test_change_behind_the_stacks_back_is_seen(stub_world: World) -> None:
    """Somebody disables the schedule in the console."""
    scheduler = stub_world.client("scheduler")
    found = scheduler.get_schedule(Name="library-daily", GroupName="library")
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


def test_reaper_finds_the_cluster_of_its_execution_on_the_second_page(stub_world: World) -> None:
    """ListClusters gives fifty at a time, and no tags: one of the same name without them is another's."""
    emr, states = stub_world.client("emr"), stub_world.client("stepfunctions")
    stack = stub_world.deployment.production.name

    def made(name: str, **tags: str) -> str:
        request = {"Instances": {"KeepJobFlowAliveWhenNoSteps": True}, "Tags": as_tags(tags)}
        return str(emr.run_job_flow(Name=NAME_PREFIX + name, **request)["JobFlowId"])

    def alive() -> list[dict[str, str]]:
        pages = emr.get_paginator("list_clusters").paginate(ClusterStates=["STARTING", "RUNNING", "WAITING"])
        return [each for page in pages for each in page["Clusters"]]

    for number in range(55):
        made(f"lost-{number}", **{STACK_TAG: stack})
    lost = alive()[52]
    execution = lost["Name"].removeprefix(NAME_PREFIX)
    another = made(execution)
    before = {each["Id"] for each in alive()}
    try:
        event = {"detail": {"name": execution, "status": "SUCCEEDED", "input": "{}"}}
        machine = stub_world.executions.machine.removesuffix("daily") + "reaper"
        arn = states.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
        wait_for(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING")
        ended = states.describe_execution(executionArn=arn)
        assert ended["status"] == "SUCCEEDED", ended
        assert before - {each["Id"] for each in alive()} == {lost["Id"]}
        assert another in before
    finally:
        emr.terminate_job_flows(JobFlowIds=[each["Id"] for each in alive()])


def as_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.mark.usefixtures("stub_worlds")
def test_every_scenario_that_stubs_can_show_holds(tmp_path: Path) -> None:
    assert held(tmp_path, "all", "--jobs", "stub") == [name for name, each in SCENARIOS.items() if each.stubs]


@pytest.mark.usefixtures("real_worlds")
@pytest.mark.timeout(1800)
def test_scenarios_whose_data_matters_hold_with_real_jobs(tmp_path: Path) -> None:
    assert held(tmp_path, *REAL, "--worlds", "1") == list(REAL)


def test_scenario_that_stubs_cannot_show_is_refused(tmp_path: Path) -> None:
    refused = typed("simulate", "search-down", "--jobs", "stub", home=tmp_path)
    assert refused.code == 2
    assert "stubs cannot show search-down: leave out --jobs stub" in " ".join(refused.err.replace("│", "").split())


def held(home: Path, *arguments: str) -> list[str]:
    """The scenarios that were run; all hold."""
    ended = pipeline("simulate", *arguments, "--json", home=home)
    assert ended.code == 0, ended.output
    return [each["scenario"] for each in json.loads(ended.output.splitlines()[-1])]
