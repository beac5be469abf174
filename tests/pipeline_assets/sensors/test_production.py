"""Which executions become runs: each once, whatever happened to Dagster in between."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
import requests
from dagster._core.test_utils import create_run_for_test

from emr_jobs.catalog import job_named
from pipeline_assets.assets.jobs import warn_of_production
from pipeline_assets.definitions import definitions
from pipeline_assets.home import dagster_home
from pipeline_assets.partitions import daily
from pipeline_assets.sensors.production import MAX_REQUESTS, Tick, offered
from pipeline_assets.tags import EXECUTION_TAG, ORIGIN_TAG
from tests.deployed import LONG, Deployed
from tests.running import wait_for

WHOLE_DAY, ONE_JOB, RUNNING, TWICE, ENDED, REFUSED, LOOKED_AT = (f"2026-08-{day:02}" for day in range(1, 8))


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home(tmp_path)))
    with dg.DagsterInstance.get() as instance:
        yield instance


def tick(production: Deployed, instance: dg.DagsterInstance, *, since: datetime | None = None) -> Tick:
    settings = production.settings
    return offered(production.executions, instance, settings, daily(settings), since=since)


def follow_all(instance: dg.DagsterInstance, found: Tick) -> None:
    """What the daemon does with the requests of a tick."""
    for request in found.requests:
        create_run_for_test(instance, tags=dict(request.tags))


def of(found: Tick, name: str) -> list[dg.RunRequest]:
    return [request for request in found.requests if request.run_key == name]


def start(production: Deployed, given: Any) -> str:
    import boto3

    states = boto3.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=production.executions.machine, input=json.dumps(given))["executionArn"]
    return str(arn.rpartition(":")[2])


def drained(production: Deployed, instance: dg.DagsterInstance) -> datetime | None:
    """The cursor after everything that there is has its run."""
    found = tick(production, instance)
    while found.requests:
        follow_all(instance, found)
        found = tick(production, instance, since=found.cursor)
    return found.cursor


def test_execution_is_one_request_with_its_day_and_links(production: Deployed, instance: dg.DagsterInstance) -> None:
    since = drained(production, instance)
    execution = production.ran(ENDED, only=["extract_orders", "master"])
    (request,) = tick(production, instance, since=since).requests
    cluster = production.executions.cluster(execution.name)
    assert (request.run_key, request.partition_key) == (execution.name, ENDED)
    assert request.asset_selection == [
        dg.AssetKey(output.split(".")) for job in ("extract_orders", "master") for output in job_named(job).outputs
    ]
    assert {tag: value for tag, value in request.tags.items() if tag.startswith("pipeline/")} == {
        EXECUTION_TAG: execution.name,
        ORIGIN_TAG: "production",
        "pipeline/execution_url": production.executions.console(execution.arn),
        "pipeline/cluster_url": f"https://us-east-1.console.aws.amazon.com/emr/home?region=us-east-1#/clusterDetails/{cluster}",
        "pipeline/logs": f"{production.settings.emr.log_uri}/{cluster}",  # type: ignore[union-attr]
    }


def test_request_can_be_launched_as_a_run_of_the_daily_job(production: Deployed, instance: dg.DagsterInstance) -> None:
    execution = production.ran(ONE_JOB, only=["extract_customers"])
    defs = definitions(production.settings_uri)
    sensor = defs.resolve_sensor_def("production_executions")
    with dg.build_sensor_context(instance, definitions=defs) as context:
        found = sensor.evaluate_tick(context)
    assert found.run_requests
    (request,) = [each for each in found.run_requests if each.run_key == execution.name]
    job = defs.resolve_job_def("daily").get_subset(
        asset_selection=set(request.asset_selection or []), asset_check_selection=set(request.asset_check_keys or [])
    )
    assert [node.name for node in job.graph.nodes] == ["extract_customers"]


def test_running_execution_is_offered_once_its_cluster_is_there(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    since = drained(production, instance)
    requests.put(production.cloud.faults, json={"throttle": "run_job_flow", "times": 1}, timeout=10).raise_for_status()
    name = production.start(RUNNING, only=["extract_orders"])
    found = tick(production, instance, since=since)
    assert not found.requests
    assert found.cursor == production.executions.find(name).started_at, "the next tick looks at it again"
    wait_for(lambda: production.executions.cluster(name))
    (request,) = tick(production, instance, since=found.cursor).requests
    assert request.run_key == name
    production.ended(name)


def test_refused_duplicates_never_are(production: Deployed, instance: dg.DagsterInstance) -> None:
    first = production.ran(TWICE, only=["extract_orders", "extract_customers", "extract_shipments", "master"])
    assert first.status == "SUCCEEDED"
    scheduled = first.given["scheduled_time"]
    by_schedule = production.ended(start(production, {"scheduled_time": scheduled, "trigger": "schedule"}))
    by_hand = production.ran(TWICE)
    assert (by_schedule.status, by_hand.error) == ("SUCCEEDED", "AlreadyDone")
    found = tick(production, instance)
    while found.requests:
        assert not of(found, by_schedule.name)
        assert not of(found, by_hand.name)
        follow_all(instance, found)
        found = tick(production, instance, since=found.cursor)


def test_execution_that_failed_before_it_had_a_cluster_is_offered(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    """It began and ended between two ticks; its run fails with its cause."""
    since = drained(production, instance)
    requests.put(production.cloud.faults, json={"throttle": "run_job_flow", "times": 99}, timeout=10).raise_for_status()
    execution = production.ran(REFUSED)
    requests.put(production.cloud.faults, json={"throttle": "run_job_flow", "times": 0}, timeout=10).raise_for_status()
    assert production.executions.cluster(execution.name) is None
    (request,) = tick(production, instance, since=since).requests
    assert request.run_key == execution.name


def test_malformed_inputs_are_reported_and_stop_nothing(production: Deployed, instance: dg.DagsterInstance) -> None:
    since = drained(production, instance)
    wrong = {
        start(production, {}): "expected an instant",
        start(production, [1]): "expected an instant",
        start(production, {"scheduled_time": "never"}): "expected an instant",
        start(production, {"scheduled_time": "0001-01-01T00:00:00Z"}): "expected an instant",
        start(production, {"scheduled_time": "2024-01-02T13:00:00Z", "only": ["extract_orders"]}): "is no partition",
    }
    good = production.ran("2026-08-10", only=["extract_orders"], rerun=True)
    for name in wrong:
        production.ended(name)
    found = tick(production, instance, since=since)
    assert [request.run_key for request in found.requests] == [good.name]
    for name, said in wrong.items():
        (report,) = [each for each in found.reports if name in each]
        assert said in report
    assert not tick(production, instance, since=found.cursor).reports, "once"


def test_lost_cursor_makes_no_second_run(production: Deployed, instance: dg.DagsterInstance) -> None:
    """Nor does a daemon that was killed after it made the runs: its cursor is the old one."""
    production.ran("2026-08-11", only=["extract_orders"], rerun=True)
    found = tick(production, instance)
    follow_all(instance, found)
    drained(production, instance)
    assert not tick(production, instance, since=None).requests
    assert not tick(production, instance, since=datetime(2025, 1, 1, tzinfo=UTC)).requests


def test_backlog_is_worked_off_oldest_first_a_tick_at_a_time(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    """Ended executions that made a cluster: refused ones, with an item in the guard table as if they had."""
    import boto3

    since = drained(production, instance)
    production.ran(
        "2026-08-12", only=["extract_orders", "extract_customers", "extract_shipments", "master"], rerun=True
    )
    names = [production.start("2026-08-12") for _ in range(MAX_REQUESTS + 2)]
    for name in names:
        production.ended(name)
        boto3.client("dynamodb").put_item(
            TableName=production.executions.guard_table,
            Item={"pk": {"S": f"execution#{name}"}, "cluster": {"S": f"j-{uuid4().hex[:8]}"}},
        )
    order: list[str] = []
    found = tick(production, instance, since=since)
    while found.requests:
        assert len(found.requests) <= MAX_REQUESTS
        order += [str(request.run_key) for request in found.requests]
        follow_all(instance, found)
        found = tick(production, instance, since=found.cursor)
    assert set(names) < set(order)
    began = [production.executions.find(name).started_at for name in order]
    assert began == sorted(began)
    assert len(order) == len(set(order))


def test_deployed_code_location_observes_the_sources_and_starts_no_production(production: Deployed) -> None:
    repository = definitions(production.settings_uri).get_repository_def()
    assert {schedule.name for schedule in repository.schedule_defs} == {"observe_sources_schedule"}
    assert {sensor.name for sensor in repository.sensor_defs} >= {"production_executions", "checks_after_production"}
    started = {target.job_name for each in repository.sensor_defs for target in each.targets}
    assert started <= {"daily", "checks", None}
    specs = [spec for each in repository.asset_graph.assets_defs for spec in each.specs]
    assert specs
    assert not [spec.key for spec in specs if spec.automation_condition]


def test_day_is_looked_at_only_while_it_is_what_that_execution_published(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    sensor = definitions(production.settings_uri).resolve_sensor_def("checks_after_production")

    def looked(execution: str) -> Any:
        run = create_run_for_test(
            instance,
            tags={EXECUTION_TAG: execution, "dagster/partition": LOOKED_AT},
            status=dg.DagsterRunStatus.SUCCESS,
        )
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "daily")
        context = dg.build_run_status_sensor_context(sensor.name, event, instance, run)
        return sensor(context)

    part = production.ran(LOOKED_AT, only=["extract_orders"])
    skipped = looked(part.name)
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == f"{LOOKED_AT} is incomplete by {part.name}, not published by {part.name}"
    whole = production.ran(LOOKED_AT)
    request = looked(whole.name)
    assert request.partition_key == LOOKED_AT
    assert {key.name for key in request.asset_check_keys} == {"published"}
    assert isinstance(looked(part.name), dg.SkipReason)


def test_a_day_that_production_runs_right_now_is_warned_of(
    production: Deployed, capfd: pytest.CaptureFixture[str]
) -> None:
    name = production.start(LONG, only=["extract_orders"], rerun=True)
    wait_for(lambda: production.executions.cluster(name))
    assert production.settings.production is not None
    warn_of_production(dg.build_asset_context(partition_key=LONG), production.settings.production.name)
    link = production.executions.console(production.executions.arn(name))
    assert f"production runs {LONG} right now: execution {name}, {link}" in capfd.readouterr().err
    production.executions.abort(name)
    production.ended(name)
