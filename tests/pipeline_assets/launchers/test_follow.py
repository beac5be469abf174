"""A Dagster run that follows an execution: the same results, logs and failures, and nothing that it could disturb."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import requests
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError
from urllib3 import HTTPResponse

from emr_jobs.core.settings import Lineage, Settings
from pipeline_assets.assets.jobs import all_jobs
from pipeline_assets.emr import clusters
from pipeline_assets.home import dagster_home
from pipeline_assets.launchers.follow import _Followed
from pipeline_assets.launchers.heartbeat import heartbeat
from pipeline_assets.partitions import daily
from pipeline_assets.production.running.executions import Execution
from pipeline_assets.production.running.patience import PATIENCE_S, patiently
from pipeline_assets.tags import EXECUTION_TAG, ORIGIN_TAG
from tests.deployed import (
    ALL,
    FAILS,
    GOOD,
    KILLED,
    LAST_LOST,
    LONG,
    NO_CLUSTER,
    OLDER,
    OTHER,
    PATIENT,
    SECOND,
    WHOLE,
    Deployed,
    facts,
)
from tests.domains import LIBRARY
from tests.lineage_events import assert_valid, assert_whole, read
from tests.running import wait_for

JOB = LIBRARY.job("extract_loans")
NAMES = {"staged.rejected_loans", "staged.loans"}

# A run worker of its own, which a test can kill.
FOLLOW = """
import sys, dagster as dg
from pipeline_assets.assets.jobs import all_jobs
from pipeline_assets.home import load_settings
from pipeline_assets.partitions import daily
uri, execution, partition = sys.argv[1:]
settings = load_settings(uri)
job, *_ = all_jobs(settings, uri, daily(settings))
instance = dg.DagsterInstance.get()
tags = {"pipeline/execution": execution}
dg.materialize([job], partition_key=partition, instance=instance, tags=tags, raise_on_error=False)
"""


@pytest.fixture(autouse=True)
def _no_long_wait_for_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster waits ten seconds more for a closing message that never comes."""
    monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 1)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home(tmp_path)))
    with dg.DagsterInstance.get() as instance:
        yield instance


@pytest.fixture
def follow(production: Deployed, instance: dg.DagsterInstance) -> Callable[..., dg.ExecuteInProcessResult]:
    def run(
        execution: str, partition: str, *, jobs: int = 1, settings: Settings = production.settings
    ) -> dg.ExecuteInProcessResult:
        assets = all_jobs(settings, production.settings_uri, daily(settings))
        return dg.materialize(
            assets[:jobs],
            partition_key=partition,
            instance=instance,
            tags={EXECUTION_TAG: execution, ORIGIN_TAG: "production"},
            raise_on_error=False,
        )

    return run


def ran(production: Deployed, partition: str) -> Execution:
    return production.ran(partition, only=["extract_loans"])


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    found = [
        event.step_materialization_data.materialization for event in result.all_events if event.is_step_materialization
    ]
    return {".".join(each.asset_key.path): facts(each.metadata) for each in found}


def failure_of(result: dg.ExecuteInProcessResult, step: str = "extract_loans") -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure and event.step_key == step]
    said = event.step_failure_data.user_failure_data
    assert said is not None
    return str(said.description)


def logged(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(run_id)]


def test_results_are_those_of_production_and_say_so(production: Deployed, follow: Any) -> None:
    execution = ran(production, GOOD)
    result = follow(execution.name, GOOD)
    assert result.success
    found = materialized(result)
    assert set(found) == NAMES
    metadata = found["staged.loans"]
    assert (metadata["origin"], metadata["dagster/row_count"], metadata["attempt"]) == ("production", 7, 0)
    assert metadata["cluster"] == production.executions.cluster(execution.name)
    assert metadata["cluster_console"] == clusters.console(metadata["cluster"])
    assert metadata["execution"].endswith(execution.arn)
    evaluated = {(".".join(each.asset_key.path), each.check_name) for each in result.get_asset_check_evaluations()}
    assert evaluated == {(dataset, check.name) for dataset, check in LIBRARY.checks_of(JOB)}
    assert {each.partition for each in result.get_asset_check_evaluations()} == {GOOD}


def test_openlineage_events_are_those_of_production_however_often_it_is_followed(
    production: Deployed, follow: Any, tmp_path: Path
) -> None:
    settings = production.settings.model_copy(update={"lineage": Lineage(url=f"file://{tmp_path / 'events'}")})
    execution = production.ran(ALL)
    assert follow(execution.name, ALL, jobs=len(LIBRARY.jobs), settings=settings).success
    events = read(tmp_path / "events")
    assert_whole(events, LIBRARY)
    within = [execution.started_at, execution.ended_at]
    assert all(within[0] <= datetime.fromisoformat(each["eventTime"]) <= within[1] for each in events)
    assert follow(execution.name, ALL, settings=settings).success
    assert read(tmp_path / "events") == events


def test_failure_of_production_is_an_openlineage_event(production: Deployed, follow: Any, tmp_path: Path) -> None:
    settings = production.settings.model_copy(update={"lineage": Lineage(url=f"file://{tmp_path / 'events'}")})
    assert not follow(ran(production, FAILS).name, FAILS, settings=settings).success
    events = read(tmp_path / "events")
    assert_valid(events)
    failed = events[-1] if events[-1]["eventType"] == "FAIL" else events[0]
    assert failed["run"]["facets"]["errorMessage"]["message"] == "ValueError: no rows today"


def test_log_lines_come_while_it_runs_and_an_interrupted_run_touches_nothing(
    production: Deployed, instance: dg.DagsterInstance, follow: Any
) -> None:
    """Run again, it replays from the start."""
    execution = production.start(LONG, only=["extract_loans"])
    following = worker(production, execution, LONG)
    wait_for(lambda: any("line 1" in each for run in instance.get_runs() for each in logged(instance, run.run_id)))
    assert production.executions.find(execution).status == "RUNNING"
    wait_for(lambda: has_ended(following))
    assert production.told(execution, LONG).status == "SUCCEEDED"
    result = follow(execution, LONG)
    assert result.success
    said = [each for each in logged(instance, result.run_id) if each.startswith(("line ", "told "))]
    assert len(said) > 2
    assert said == [*(f"line {number}" for number in range(len(said) - 1)), f"told after {len(said) - 1} lines"]


def test_run_that_follows_gives_signs_of_life_while_production_says_nothing(
    production: Deployed, instance: dg.DagsterInstance, follow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be lost without them is ended: sensors.lost_runs."""
    monkeypatch.setattr("pipeline_assets.launchers.follow.heartbeat", partial(heartbeat, every_s=0.01))
    execution = once(production)
    result = follow(execution, PATIENT)
    assert result.success
    said = logged(instance, result.run_id)
    assert f"extract_loans: execution {execution} is looked at" in said
    assert not [each for each in threading.enumerate() if each.name == "heartbeat"], "it ends with the step"


def test_failure_is_the_recorded_one(production: Deployed, follow: Any) -> None:
    result = follow(ran(production, FAILS).name, FAILS)
    assert failure_of(result) == "ValueError: no rows today"
    assert not materialized(result)
    assert not [event for event in result.all_events if event.is_step_up_for_retry], "production has retried"


def test_only_the_last_attempt_counts(production: Deployed, instance: dg.DagsterInstance, follow: Any) -> None:
    result = follow(ran(production, SECOND).name, SECOND)
    assert result.success
    assert {each["attempt"] for each in materialized(result).values()} == {1}
    assert logged(instance, result.run_id).count(f"working partition={SECOND}") == 2, "logs of both"


def test_killed_job_fails_with_the_state_s_cause(production: Deployed, follow: Any) -> None:
    execution = ran(production, KILLED)
    result = follow(execution.name, KILLED)
    assert failure_of(result).startswith(f"extract_loans: failed in execution {execution.name}: States.TaskFailed")
    assert set(materialized(result)) == NAMES, "what it had reported is on record"


def test_results_of_an_attempt_are_not_those_of_a_later_one(production: Deployed, follow: Any) -> None:
    """The second attempt succeeded and recorded nothing; the first one's results are not its own."""
    execution = ran(production, LAST_LOST)
    result = follow(execution.name, LAST_LOST)
    assert failure_of(result).startswith(
        f"extract_loans: succeeded in execution {execution.name}. Its last attempt has recorded nothing under s3://"
    )
    assert not materialized(result)


def test_no_stream_at_all_fails_with_the_state_s_cause(production: Deployed, follow: Any) -> None:
    requests.put(production.cloud.faults, json={"fail_boot": 2}, timeout=10).raise_for_status()
    execution = ran(production, NO_CLUSTER)
    said = failure_of(follow(execution.name, NO_CLUSTER))
    assert said.startswith(f"extract_loans: failed in execution {execution.name}: ")
    assert "has recorded nothing under" in said


def test_recording_of_an_older_version_is_judged_by_what_it_declared(
    production: Deployed, instance: dg.DagsterInstance, follow: Any
) -> None:
    result = follow(ran(production, OLDER).name, OLDER)
    assert result.success
    lacking = JOB.outputs[-1]
    assert set(materialized(result)) == NAMES - {lacking}, "none is invented"
    checked = {".".join(each.asset_key.path) for each in result.get_asset_check_evaluations()}
    assert lacking not in checked
    said = logged(instance, result.run_id)
    assert "intermediate.of_before was recorded and is not defined any more: left out" in said
    assert f"{JOB.outputs[0]} was_there_once was recorded and is not defined any more: left out" in said
    assert f"{lacking} is newer than what was recorded: left out" in said


def test_job_that_an_ended_execution_never_began_fails_and_says_how_it_ended(production: Deployed, follow: Any) -> None:
    execution = production.ran(WHOLE)
    result = follow(execution.name, WHOLE, jobs=4)
    assert failure_of(result, "extract_members") == "ValueError: no rows today"
    steps = {event.step_key: event.event_type_value for event in result.all_events if event.is_step_success}
    assert set(steps) == {"extract_loans", "extract_reviews"}
    assert "catalogue" not in steps


def test_job_that_is_newer_than_the_execution_is_left_out(production: Deployed, follow: Any) -> None:
    """As one that was not asked for: the execution succeeded without it."""
    result = follow(ran(production, OTHER).name, OTHER, jobs=2)
    assert result.success
    assert set(materialized(result)) == NAMES


def test_execution_of_another_day_is_not_filed_under_this_one(production: Deployed, follow: Any) -> None:
    execution = ran(production, OTHER)
    said = failure_of(follow(execution.name, GOOD))
    assert said == f"extract_loans: execution {execution.name} is of {OTHER}, this run of {GOOD}"


def test_execution_that_nobody_knows_is_named(production: Deployed, follow: Any) -> None:
    assert failure_of(follow("never-there", GOOD)).startswith("extract_loans: no execution never-there: ")


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """From now on AWS answers the next calls of an operation with an error; the list grows by each that it refused."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    def refuse(operation: str, error: Refusal, *, times: int) -> list[str]:
        refused: list[str] = []

        def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
            if len(refused) == times:
                return None
            refused.append(operation)
            if isinstance(error, Exception):
                raise error
            status, code = error
            said = f"<Error><Code>{code}</Code><Message>not now</Message></Error>"
            body = {"s3": said, "cloudformation": f"<ErrorResponse>{said}</ErrorResponse>"}.get(
                operation.partition(".")[0], f'{{"__type": "{code}", "message": "not now"}}'
            )
            raw = HTTPResponse(BytesIO(body.encode()), preload_content=False)
            return AWSResponse(request.url, status, HTTPHeaders(), raw)

        boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION is not None
        boto3.DEFAULT_SESSION.events.register(f"before-send.{operation}", answer)
        return refused

    return refuse


Refusal = Exception | tuple[int, str]


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("stepfunctions.DescribeExecution", (400, "ThrottlingException")),
        ("stepfunctions.GetExecutionHistory", (503, "ServiceUnavailable")),
        ("stepfunctions.GetExecutionHistory", EndpointConnectionError(endpoint_url="https://states")),
        ("s3.ListObjectsV2", ConnectionClosedError(endpoint_url="https://s3")),
        ("s3.ListObjectsV2", (503, "SlowDown")),
        ("dynamodb.GetItem", (400, "ProvisionedThroughputExceededException")),
        ("cloudformation.DescribeStacks", (400, "Throttling")),
    ],
)
def test_call_that_aws_refuses_for_a_while_ends_nothing(
    production: Deployed, refusing: Any, operation: str, error: Refusal
) -> None:
    execution = once(production)
    refused = refusing(operation, error, times=2)
    followed = _Followed.by(production.settings, execution, JOB)
    assert list(followed.attempts()) == [0]
    assert (followed.look().status, followed.metadata()["origin"]) == ("succeeded", "production")
    assert len(refused) == 2


@pytest.mark.parametrize("operation", ["stepfunctions.DescribeExecution", "s3.ListObjectsV2"])
def test_call_that_aws_will_always_refuse_fails_at_once(production: Deployed, refusing: Any, operation: str) -> None:
    execution = once(production)
    refused = refusing(operation, (403, "AccessDenied"), times=99)
    with pytest.raises(ClientError, match="AccessDenied"):
        list(_Followed.by(production.settings, execution, JOB).attempts())
    assert len(refused) == 1


def test_patience_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    monkeypatch.setattr("tenacity.time.monotonic", lambda: clock[0])

    @patiently
    def never() -> None:
        raise EndpointConnectionError(endpoint_url="https://states")

    with pytest.raises(EndpointConnectionError):
        never()
    assert PATIENCE_S <= clock[0] < PATIENCE_S + 60


def once(production: Deployed) -> str:
    """An execution of PATIENT that has succeeded, the same for all tests."""
    found = [each for each in production.executions.latest() if each.partition_key == PATIENT]
    return found[0].name if found else ran(production, PATIENT).name


def has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """It is interrupted each time: Dagster raises in whatever runs then, and Python drops what a finaliser raises."""
    process.terminate()
    return process.poll() is not None


def worker(production: Deployed, execution: str, partition: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", FOLLOW, production.settings_uri, execution, partition])
