"""Which executions become runs: each once, whatever happened to Dagster in between."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from botocore.stub import Stubber
from dagster._core.test_utils import create_run_for_test

from emr_jobs.core.s3_uri import bucket_and_key
from pipeline_assets.assets.jobs import selection, warn_of_production
from pipeline_assets.definitions import definitions
from pipeline_assets.home import dagster_home
from pipeline_assets.partitions import daily
from pipeline_assets.production.running.executions import Executions, Started
from pipeline_assets.sensors.production import MAX_REQUESTS, Tick, longest_s, offered, supervision
from pipeline_assets.tags import EXECUTION_TAG, ORIGIN_TAG, PARTITION_TAG, RANGE_TAGS
from tests.deployed import LONG, Deployed
from tests.domains import LIBRARY
from tests.running import wait_for

WHOLE_DAY, ONE_JOB, RUNNING, TWICE, ENDED, REFUSED, LOOKED_AT = (f"2026-08-{day:02}" for day in range(1, 8))
ONE_BY_ONE, BESIDE, AGAIN, LOOKED_AT_EARLY = (f"2026-08-{day:02}" for day in range(20, 24))


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home(tmp_path)))
    with dg.DagsterInstance.get() as instance:
        yield instance


def tick(production: Deployed, instance: dg.DagsterInstance, *, since: datetime | None = None) -> Tick:
    settings = production.settings
    return offered(production.executions, instance, settings, daily(settings), since=since)


def follow(
    instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS
) -> dg.DagsterRun:
    """What the daemon does with a request."""
    tags = {**request.tags, PARTITION_TAG: str(request.partition_key)}
    return create_run_for_test(instance, tags=tags, status=status)


def follow_all(instance: dg.DagsterInstance, found: Tick) -> None:
    for request in found.requests:
        follow(instance, request)


def of(found: Tick, name: str) -> list[dg.RunRequest]:
    return [request for request in found.requests if request.run_key == name]


def start(production: Deployed, given: Any) -> str:
    import boto3

    states = boto3.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=production.executions.machine, input=json.dumps(given))["executionArn"]
    return str(arn.rpartition(":")[2])


def did_work_on(production: Deployed, day: str) -> str:
    """An ended execution that made a cluster, at once: it was refused, and the guard table says that it had one."""
    import boto3

    scheduled = f"{LIBRARY.calendar.partition(day).as_of:%Y-%m-%dT%H:%M:%SZ}"
    name = start(production, {"scheduled_time": scheduled, "only": ["extract_loans", "no_job"]})
    production.ended(name)
    boto3.client("dynamodb").put_item(
        TableName=production.executions.guard_table,
        Item={"pk": {"S": f"execution#{name}"}, "cluster": {"S": f"j-{uuid4().hex[:8]}"}},
    )
    return name


def drained(production: Deployed, instance: dg.DagsterInstance) -> datetime | None:
    """The cursor after everything that there is has its run."""
    found = tick(production, instance)
    while found.requests:
        follow_all(instance, found)
        found = tick(production, instance, since=found.cursor)
    return found.cursor


def test_execution_is_one_request_with_its_day_and_links(production: Deployed, instance: dg.DagsterInstance) -> None:
    since = drained(production, instance)
    execution = production.ran(ENDED, only=["extract_loans", "catalogue"])
    (request,) = tick(production, instance, since=since).requests
    cluster = production.executions.cluster(execution.name)
    assert production.settings.emr is not None
    bucket, prefix = bucket_and_key(production.settings.emr.log_uri)
    assert (request.run_key, request.partition_key) == (execution.name, ENDED)
    assert request.asset_selection == [
        dg.AssetKey(output.split(".")) for job in ("extract_loans", "catalogue") for output in LIBRARY.job(job).outputs
    ]
    assert {tag: value for tag, value in request.tags.items() if tag.startswith("pipeline/")} == {
        EXECUTION_TAG: execution.name,
        ORIGIN_TAG: "production",
        "pipeline/execution_url": production.executions.console(execution.arn),
        "pipeline/cluster_url": f"https://us-east-1.console.aws.amazon.com/emr/home?region=us-east-1#/clusterDetails/{cluster}",
        "pipeline/logs": f"https://us-east-1.console.aws.amazon.com/s3/buckets/{bucket}?region=us-east-1&prefix={prefix}/{cluster}/",
    }


def test_request_is_ended_and_launched_again_by_dagster_when_its_process_is_lost(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    since = drained(production, instance)
    did_work_on(production, BESIDE)
    (request,) = tick(production, instance, since=since).requests
    assert {key: request.tags[key] for key in supervision(production.settings, running=False)} == {
        "dagster/max_runtime": "1800",
        "dagster/max_retries": "2",
        "dagster/retry_on_asset_or_op_failure": "false",
        "dagster/retry_strategy": "ALL_STEPS",
    }


def test_request_can_be_launched_as_a_run_of_the_daily_job(production: Deployed, instance: dg.DagsterInstance) -> None:
    execution = production.ran(ONE_JOB, only=["extract_members"])
    defs = definitions(production.settings_uri)
    sensor = defs.resolve_sensor_def("production_executions")
    with dg.build_sensor_context(instance, definitions=defs) as context:
        found = sensor.evaluate_tick(context)
    assert found.run_requests
    (request,) = [each for each in found.run_requests if each.run_key == execution.name]
    job = defs.resolve_job_def("daily").get_subset(
        asset_selection=set(request.asset_selection or []), asset_check_selection=set(request.asset_check_keys or [])
    )
    assert [node.name for node in job.graph.nodes] == ["extract_members"]


def test_running_execution_is_offered_once_its_cluster_is_there(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    since = drained(production, instance)
    production.cloud.throttle("run_job_flow", 99)
    name = production.start(RUNNING, only=["extract_loans"])
    found = tick(production, instance, since=since)
    production.cloud.throttle("run_job_flow", 0)
    assert not found.requests
    assert found.cursor == production.executions.find(name).started_at, "the next tick looks at it again"
    wait_for(lambda: production.executions.cluster(name))
    (request,) = tick(production, instance, since=found.cursor).requests
    assert request.run_key == name
    assert int(request.tags["dagster/max_runtime"]) > longest_s(production.settings), "it goes on for as long"
    production.ended(name)


def test_refused_duplicates_never_are(production: Deployed, instance: dg.DagsterInstance) -> None:
    first = production.ran(TWICE, only=["extract_loans", "extract_members", "extract_reviews", "catalogue"])
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
    production.cloud.throttle("run_job_flow", 99)
    execution = production.ran(REFUSED)
    production.cloud.throttle("run_job_flow", 0)
    assert production.executions.cluster(execution.name) is None
    (request,) = tick(production, instance, since=since).requests
    assert request.run_key == execution.name


def test_malformed_inputs_are_reported_and_stop_nothing(production: Deployed, instance: dg.DagsterInstance) -> None:
    since = drained(production, instance)
    at = "2026-08-11T12:00:00Z"
    wrong = {
        start(production, {}): "expected an instant",
        start(production, [1]): "expected an instant",
        start(production, {"scheduled_time": "never"}): "expected an instant",
        start(production, {"scheduled_time": "0001-01-01T00:00:00Z"}): "expected an instant",
        start(production, {"scheduled_time": "2024-01-02T13:00:00Z", "only": ["extract_loans"]}): "is no partition",
        start(production, {"scheduled_time": at, "only": "catalogue"}): "`only` names no job",
        start(production, {"scheduled_time": at, "only": []}): "`only` names no job",
        start(production, {"scheduled_time": at, "only": ["no_job"]}): "`only` names no job",
        start(production, {"scheduled_time": at, "only": ["catalogue", "x"]}): "nothing: UnknownJob: ",
    }
    good = production.ran("2026-08-10", only=["extract_loans"], rerun=True)
    for name in wrong:
        production.ended(name)
    found = tick(production, instance, since=since)
    assert [request.run_key for request in found.requests] == [good.name]
    for name, said in wrong.items():
        (report,) = [each for each in found.reports if name in each]
        assert said in report
    assert not tick(production, instance, since=found.cursor).reports, "once"


def test_malformed_input_is_reported_once_also_while_an_earlier_execution_waits(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    since = drained(production, instance)
    did_work_on(production, AGAIN)
    (request,) = tick(production, instance, since=since).requests
    follow(instance, request, dg.DagsterRunStatus.STARTED)
    did_work_on(production, AGAIN)
    production.ended(start(production, {}))
    defs = definitions(production.settings_uri)
    sensor = defs.resolve_sensor_def("production_executions")
    cursor = since.isoformat() if since else None
    said = []
    for _ in range(3):
        with dg.build_sensor_context(instance, cursor=cursor, definitions=defs) as context:
            found = sensor.evaluate_tick(context)
        cursor = found.cursor
        said.append(found.skip_message)
    assert "expected an instant" in str(said[0])
    assert said[1:] == ["no execution without a run"] * 2


def test_lost_cursor_makes_no_second_run(production: Deployed, instance: dg.DagsterInstance) -> None:
    """Nor does a daemon that was killed after it made the runs: its cursor is the old one."""
    production.ran("2026-08-11", only=["extract_loans"], rerun=True)
    found = tick(production, instance)
    follow_all(instance, found)
    drained(production, instance)
    assert not tick(production, instance, since=None).requests
    assert not tick(production, instance, since=datetime(2025, 1, 1, tzinfo=UTC)).requests


def test_backlog_is_worked_off_oldest_first_a_tick_at_a_time(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    since = drained(production, instance)
    names = [did_work_on(production, f"2026-07-{day:02}") for day in range(1, MAX_REQUESTS + 3)]
    order: list[str] = []
    found = tick(production, instance, since=since)
    while found.requests:
        assert len(found.requests) <= MAX_REQUESTS
        order += [str(request.run_key) for request in found.requests]
        follow_all(instance, found)
        found = tick(production, instance, since=found.cursor)
    assert order == names


def test_executions_of_one_day_are_followed_one_after_the_other(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    """Those of another day do not wait for them."""
    since = drained(production, instance)
    first, second, third = (did_work_on(production, ONE_BY_ONE) for _ in range(3))
    other = did_work_on(production, BESIDE)
    seen: list[list[str]] = []
    cursor = since
    for _ in range(3):
        found = tick(production, instance, since=cursor)
        cursor = found.cursor
        seen.append([str(request.run_key) for request in found.requests])
        runs = [follow(instance, request, dg.DagsterRunStatus.STARTED) for request in found.requests]
        assert not tick(production, instance, since=cursor).requests, "while it is followed"
        for run in runs:
            instance.report_run_failed(run)
    assert seen == [[first, other], [second], [third]]


def test_day_waits_for_a_run_that_is_launched_again(production: Deployed, instance: dg.DagsterInstance) -> None:
    since = drained(production, instance)
    did_work_on(production, AGAIN)
    found = tick(production, instance, since=since)
    (request,) = found.requests
    crashed = follow(instance, request, dg.DagsterRunStatus.STARTED)
    did_work_on(production, AGAIN)
    instance.report_run_failed(crashed)
    instance.add_run_tags(crashed.run_id, {"dagster/will_retry": "true"})
    assert not tick(production, instance, since=found.cursor).requests
    instance.add_run_tags(crashed.run_id, {"dagster/auto_retry_run_id": "its own run now"})
    assert tick(production, instance, since=found.cursor).requests


def test_execution_that_is_listed_and_gone_is_reported_and_stops_nothing(
    production: Deployed, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step Functions forgets one 90 days after its end."""
    since = drained(production, instance)
    name = did_work_on(production, BESIDE)
    executions = production.executions
    gone = Started("gone", executions.find(name).started_at)
    listed = executions.since
    monkeypatch.setattr(executions, "since", lambda instant: [gone, *listed(instant)])
    settings = production.settings
    found = offered(executions, instance, settings, daily(settings), since=since)
    assert [request.run_key for request in found.requests] == [name]
    assert found.reports == [
        "execution gone cannot be followed: no execution gone: never started, or ended over 90 days ago. "
        "Which there are: pipeline runs"
    ]
    follow_all(instance, found)
    again = offered(executions, instance, settings, daily(settings), since=found.cursor)
    assert (again.requests, again.reports) == ([], [])


def test_list_of_executions_is_read_to_its_end(production: Deployed) -> None:
    executions = production.executions
    with Stubber(executions._states) as stub:
        page(executions, stub, [5, 4], answers="a")
        page(executions, stub, [3, 2], asks="a", answers="b")
        page(executions, stub, [1], asks="b")
        assert [each.name for each in executions.since(None)] == ["e1", "e2", "e3", "e4", "e5"]
        stub.assert_no_pending_responses()


def test_list_of_executions_is_read_no_further_than_it_was_asked_for(production: Deployed) -> None:
    executions = production.executions
    with Stubber(executions._states) as stub:
        page(executions, stub, [5, 4], answers="a")
        page(executions, stub, [3, 2], asks="a", answers="b")
        assert [each.name for each in executions.since(at(3))] == ["e3", "e4", "e5"]


def at(minute: int) -> datetime:
    return datetime(2026, 8, 1, 12, minute, tzinfo=UTC)


def page(
    executions: Executions, stub: Stubber, minutes: list[int], *, asks: str | None = None, answers: str | None = None
) -> None:
    """One answer of ListExecutions: those that started in these minutes."""
    listed = [
        {
            "name": f"e{minute}",
            "executionArn": executions.arn(f"e{minute}"),
            "stateMachineArn": executions.machine,
            "status": "SUCCEEDED",
            "startDate": at(minute),
        }
        for minute in minutes
    ]
    stub.add_response(
        "list_executions",
        {"executions": listed, **({"nextToken": answers} if answers else {})},
        {"stateMachineArn": executions.machine, **({"nextToken": asks} if asks else {})},
    )


def test_deployed_code_location_observes_the_sources_and_starts_no_production(production: Deployed) -> None:
    repository = definitions(production.settings_uri).get_repository_def()
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "days_that_are_due_schedule",
        "observe_sources_schedule",
    }
    assert {sensor.name for sensor in repository.sensor_defs} >= {
        "production_executions",
        "checks_after_production",
        "late_days",
    }
    started = {target.job_name for each in repository.sensor_defs for target in each.targets}
    assert started <= {"daily", "checks", "days_that_are_due", None}
    specs = [spec for each in repository.asset_graph.assets_defs for spec in each.specs]
    assert specs
    assert not [spec.key for spec in specs if spec.automation_condition]


def looked(
    production: Deployed, instance: dg.DagsterInstance, execution: str, day: str, *jobs: str, until: str = ""
) -> Any:
    """The answer to a run of these jobs, of all by default, that has followed the execution; `until`: over a range."""
    days = {PARTITION_TAG: day} if not until else dict(zip(RANGE_TAGS, (day, until), strict=True))
    defs = definitions(production.settings_uri)
    sensor = defs.resolve_sensor_def("checks_after_production")
    assets, _ = selection(LIBRARY, jobs or [job.name for job in LIBRARY.jobs])
    run = create_run_for_test(
        instance,
        tags={EXECUTION_TAG: execution, **days},
        status=dg.DagsterRunStatus.SUCCESS,
        asset_selection=frozenset(assets),
    )
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "daily")
    context = dg.build_run_status_sensor_context(
        sensor.name, event, instance, run, repository_def=defs.get_repository_def()
    )
    return sensor(context)


def test_day_is_looked_at_only_while_it_is_what_that_execution_published(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    part = production.ran(LOOKED_AT, only=["extract_loans"])
    skipped = looked(production, instance, part.name, LOOKED_AT, "extract_loans")
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == f"{LOOKED_AT} is incomplete by {part.name}, not published by {part.name}"
    whole = production.ran(LOOKED_AT)
    request = looked(production, instance, whole.name, LOOKED_AT)
    assert request.partition_key == LOOKED_AT
    assert {key.name for key in request.asset_check_keys} == {"published", "of_one_run"}
    assert isinstance(looked(production, instance, part.name, LOOKED_AT), dg.SkipReason)


def test_day_that_the_machine_has_not_marked_yet_is_looked_at(
    production: Deployed, instance: dg.DagsterInstance
) -> None:
    """The followed run has ended with the last job; the state that marks the day comes after it."""
    has_the_day(production, LOOKED_AT_EARLY, execution="it", status="running")
    for jobs in ((), ("catalogue",)):
        assert looked(production, instance, "it", LOOKED_AT_EARLY, *jobs).partition_key == LOOKED_AT_EARLY
    over_a_range = looked(production, instance, "it", LOOKED_AT_EARLY, until=LOOKED_AT_EARLY)
    assert over_a_range.partition_key == LOOKED_AT_EARLY
    assert isinstance(looked(production, instance, "it", LOOKED_AT_EARLY, until="2999-01-01"), dg.SkipReason)
    part = looked(production, instance, "it", LOOKED_AT_EARLY, "extract_loans")
    assert isinstance(part, dg.SkipReason), "the machine will mark it as incomplete"
    assert isinstance(looked(production, instance, "another", LOOKED_AT_EARLY), dg.SkipReason)
    has_the_day(production, LOOKED_AT_EARLY, execution="it", status="failed")
    assert isinstance(looked(production, instance, "it", LOOKED_AT_EARLY), dg.SkipReason)


def has_the_day(production: Deployed, day: str, **item: str) -> None:
    import boto3

    boto3.client("dynamodb").put_item(
        TableName=production.executions.guard_table,
        Item={
            "pk": {"S": f"day#{LIBRARY.calendar.partition(day).as_of.date()}"},
            **{key: {"S": item[key]} for key in item},
        },
    )


def test_a_day_that_production_runs_right_now_is_warned_of(
    production: Deployed, capfd: pytest.CaptureFixture[str]
) -> None:
    name = production.start(LONG, only=["extract_loans"], rerun=True)
    wait_for(lambda: production.executions.cluster(name))
    warn_of_production(dg.build_asset_context(partition_key=LONG), production.settings)
    link = production.executions.console(production.executions.arn(name))
    assert f"production runs {LONG} right now: execution {name}, {link}" in capfd.readouterr().err
    production.executions.abort(name)
    production.ended(name)
