"""Executions of the deployed state machine: started, listed, understood, ended.

What failed is read from the execution's own history. Does not own: the machine (daily_machine), the guard's rules.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emr_jobs.catalog import JOBS, Job
from emr_jobs.errors import Misconfigured
from emr_jobs.partition import Partition

from pipeline_assets.production.daily_machine import state_name
from pipeline_assets.production.stacks import Stack, Stacks

BY_STATE = {state_name(job): job for job in JOBS}
SHOWN = 20


@dataclass(frozen=True)
class JobRun:
    """How a job went in an execution: `not run`, `running`, `succeeded`, `failed`."""

    job: Job
    status: str
    attempts: int
    cause: str  # of the last failure


@dataclass(frozen=True)
class Execution:
    name: str
    arn: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    given: dict[str, Any]
    error: str
    cause: str

    @property
    def partition(self) -> Partition:
        return Partition.from_scheduled_time(self.given["scheduled_time"])

    @property
    def trigger(self) -> str:
        return str(self.given.get("trigger", "manual"))


class Executions:
    def __init__(self, name: str) -> None:
        """Of the deployment with this name. Raises Misconfigured when there is none."""
        import boto3

        self._stack = _deployed(name)
        self._states = boto3.client("stepfunctions")

    @property
    def machine(self) -> str:
        return self._stack.outputs["DailyMachine"]

    def start(self, partition: Partition, *, only: tuple[str, ...] = (), rerun: bool = False) -> str:
        """Returns the execution's name."""
        scheduled = partition.as_of.strftime("%Y-%m-%dT%H:%M:%SZ")
        given: dict[str, Any] = {"scheduled_time": scheduled, "trigger": "manual"}
        given |= {"only": list(only)} if only else {}
        given |= {"rerun": True} if rerun else {}
        arn = self._states.start_execution(stateMachineArn=self.machine, input=json.dumps(given))["executionArn"]
        return str(arn.rpartition(":")[2])

    def latest(self, count: int = SHOWN) -> list[Execution]:
        """Newest first."""
        pages = self._states.get_paginator("list_executions").paginate(
            stateMachineArn=self.machine, PaginationConfig={"MaxItems": count}
        )
        return [self._described(each["executionArn"]) for page in pages for each in page["executions"]]

    def find(self, name: str) -> Execution:
        """Raises Misconfigured when there is none of this name."""
        arn = f"{self.machine.replace(':stateMachine:', ':execution:')}:{name}"
        from botocore.exceptions import ClientError

        try:
            return self._described(arn)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            raise Misconfigured(f"no execution {name}. Which there are: pipeline runs") from error

    def jobs(self, execution: Execution) -> list[JobRun]:
        """In the catalogue's order."""
        pages = self._states.get_paginator("get_execution_history").paginate(
            executionArn=execution.arn, includeExecutionData=True
        )
        return job_runs(event for page in pages for event in page["events"])

    def cluster(self, name: str) -> str | None:
        """The id of the cluster that the execution made."""
        import boto3

        found = boto3.client("dynamodb").get_item(
            TableName=self._stack.parameters["GuardTable"],
            Key={"pk": {"S": f"execution#{name}"}},
            ConsistentRead=True,
        )
        return found["Item"]["cluster"]["S"] if "Item" in found else None

    def abort(self, name: str) -> str | None:
        """Stop it and end its cluster; returns the cluster's id. The reaper frees the day."""
        import boto3

        execution = self.find(name)
        if execution.status == "RUNNING":
            self._states.stop_execution(executionArn=execution.arn, error="Aborted", cause="pipeline abort")
        if cluster := self.cluster(name):
            boto3.client("emr").terminate_job_flows(JobFlowIds=[cluster])
        return cluster

    def day(self, partition: Partition) -> dict[str, str]:
        """The guard's item of the day, empty when nobody has claimed it."""
        import boto3

        key = {"pk": {"S": f"day#{partition.as_of.date()}"}}
        found = boto3.client("dynamodb").get_item(
            TableName=self._stack.parameters["GuardTable"], Key=key, ConsistentRead=True
        )
        return {name: next(iter(value.values())) for name, value in found.get("Item", {}).items()}

    def _described(self, arn: str) -> Execution:
        found = self._states.describe_execution(executionArn=arn)
        return Execution(
            name=found["name"],
            arn=arn,
            status=found["status"],
            started_at=found["startDate"],
            ended_at=found.get("stopDate"),
            given=json.loads(found["input"]),
            error=found.get("error") or "",
            cause=found.get("cause") or "",
        )


def job_runs(events: Iterator[dict[str, Any]]) -> list[JobRun]:
    """Pure: from an execution's history, oldest event first."""
    by_id: dict[int, dict[str, Any]] = {}
    status: dict[str, str] = {}
    attempts: dict[str, int] = {}
    causes: dict[str, str] = {}
    for event in events:
        by_id[event["id"]] = event
        state = _state(event, by_id)
        if state not in BY_STATE:
            continue
        kind = event["type"]
        if kind == "TaskStarted":
            status[state], attempts[state] = "running", attempts.get(state, 0) + 1
        elif kind in ("TaskFailed", "TaskTimedOut"):
            details = event.get("taskFailedEventDetails") or event.get("taskTimedOutEventDetails") or {}
            status[state], causes[state] = "failed", f"{details.get('error', '')} {details.get('cause', '')}".strip()
        elif kind == "TaskSucceeded":
            status[state] = "succeeded"
    return [
        JobRun(job, status.get(state, "not run"), attempts.get(state, 0), causes.get(state, ""))
        for state, job in BY_STATE.items()
    ]


def to_resume(runs: list[JobRun], wanted: list[str]) -> tuple[str, ...]:
    """The jobs that an execution was asked for and has not brought to an end."""
    return tuple(run.job.name for run in runs if run.job.name in wanted and run.status != "succeeded")


def _state(event: dict[str, Any], by_id: dict[int, dict[str, Any]]) -> str | None:
    """The state that the event is of: that of the last one entered on its way."""
    seen: dict[str, Any] | None = event
    while seen is not None:
        if seen["type"].endswith("StateEntered"):
            return str(seen["stateEnteredEventDetails"]["name"])
        seen = by_id.get(seen.get("previousEventId", 0))
    return None


def _deployed(name: str) -> Stack:
    found = Stacks().find(name)
    if found is None:
        raise Misconfigured(f"nothing is deployed as {name}. Deploy it: pipeline deploy")
    return found
