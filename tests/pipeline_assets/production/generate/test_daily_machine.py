"""What becomes of an execution by its input and by its end, in real executions of the generated machines."""

import boto3
import requests

from tests.deployed import EMPTY, LONG, Deployed
from tests.running import wait_for


def test_day_without_deliveries_is_published_when_somebody_says_so(production: Deployed) -> None:
    refused = production.ran(EMPTY, only=["extract_loans"])
    assert (refused.status, refused.error) == ("FAILED", "DayNotPublished")
    asked_for = production.ran(EMPTY, only=["extract_loans"], allow_empty=True)
    assert asked_for.status == "SUCCEEDED", asked_for.cause


def test_reaper_that_cannot_end_the_cluster_frees_the_day_and_fails(production: Deployed) -> None:
    """Its failure is the alarm that says that a cluster may be alive."""
    name = production.start(LONG, only=["extract_loans"], rerun=True)
    wait_for(lambda: production.executions.cluster(name))
    execution = production.executions.find(name)
    states, reaper = boto3.client("stepfunctions"), production.executions.machine.removesuffix("daily") + "reaper"

    def reaped() -> set[str]:
        failed = states.list_executions(stateMachineArn=reaper, statusFilter="FAILED")["executions"]
        return {each["name"] for each in failed}

    before = reaped()
    refuse = {"throttle": "terminate_job_flows", "times": 1000}
    requests.put(production.cloud.faults, json=refuse, timeout=10).raise_for_status()
    try:
        states.stop_execution(executionArn=execution.arn)
        wait_for(lambda: reaped() - before)
    finally:
        requests.put(production.cloud.faults, json={"clear": True}, timeout=10).raise_for_status()
        boto3.client("emr").terminate_job_flows(JobFlowIds=[production.executions.cluster(name)])
    assert production.executions.claim_of(execution.partition)["status"] == "failed"
