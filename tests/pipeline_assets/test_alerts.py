"""Who is told of a failed check: the alarm topic, once, of runs that Dagster launched."""

import json
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from pipeline_assets.alerts import alert_hook
from pipeline_assets.tags import EXECUTION_TAG
from tests.deployed import Deployed

DAY = "2026-11-20"


@pytest.fixture
def heard(production: Deployed) -> Any:
    """What the topic told, as a subscriber reads it."""
    import boto3

    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    queue = sqs.create_queue(QueueName=uuid4().hex)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    assert production.settings.production is not None
    subscribed = sns.subscribe(TopicArn=production.settings.production.alarm_topic, Protocol="sqs", Endpoint=arn)

    def read() -> list[dict[str, str]]:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        told = [json.loads(message["Body"]) for message in found]
        return [each for each in told if "Dagster run" in each["Message"]]  # not the state machine's own

    yield read
    sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)


def run(
    production: Deployed,
    *,
    passed: bool = False,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    **tags: str,
) -> dg.ExecuteInProcessResult:
    partitions = dg.DailyPartitionsDefinition("2026-11-01")

    @dg.asset(
        key=["marts", "lending"],
        partitions_def=partitions,
        check_specs=[dg.AssetCheckSpec("row_count", asset=["marts", "lending"], blocking=True)],
        hooks={alert_hook(production.settings)},
    )
    def lending() -> Any:
        yield dg.AssetCheckResult(passed=passed, severity=severity, metadata={"expected": "at least 1", "found": "0"})
        yield dg.MaterializeResult()

    return dg.materialize([lending], partition_key=DAY, tags=tags, raise_on_error=False)


def test_failed_check_is_told_once_with_what_was_expected_and_found(production: Deployed, heard: Any) -> None:
    result = run(production)
    (said,) = heard()
    assert said["Subject"] == f"marts__lending {DAY}: 1 failed checks"
    assert said["Message"] == f"marts.lending row_count: expected at least 1, found 0\n\nDagster run {result.run_id}"


def test_passed_check_and_warning_are_no_alert(production: Deployed, heard: Any) -> None:
    assert run(production, passed=True).success
    run(production, severity=dg.AssetCheckSeverity.WARN)
    assert heard() == []


def test_run_that_follows_production_is_silent(production: Deployed, heard: Any) -> None:
    run(production, **{EXECUTION_TAG: "an-execution"})
    assert heard() == []


def test_without_a_topic_the_run_s_log_has_it(production: Deployed, capfd: pytest.CaptureFixture[str]) -> None:
    assert production.settings.production is not None
    local = production.settings.model_copy(update={"production": None})
    run(Deployed(production.cloud, local, production.settings_uri))
    assert "marts.lending row_count: expected at least 1, found 0" in capfd.readouterr().err
