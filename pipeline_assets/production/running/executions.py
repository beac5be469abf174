"""Executions of the deployed state machine: started, listed, understood, ended.

What failed is read from the execution's own history. Does not own: the machine (daily_machine), the guard's rules.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from emr_jobs.catalog import MAINTAIN, Job
from emr_jobs.core.errors import Misconfigured, samples
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import DeploymentSettings
from emr_jobs.domain import Domain, domain_of

from pipeline_assets.production.apply.stacks import Stack, Stacks
from pipeline_assets.production.generate import guard
from pipeline_assets.production.generate.asl import CONDITION_FAILED
from pipeline_assets.production.generate.daily_machine import BOOT_AGAIN, CLAIMED, failed_state, state_name

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHOWN = 20
GUARD_EVENTS = 200  # of a history, enough to see whether it got past the guard
_FAILURES = {
    "TaskFailed": "taskFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
    "TaskSubmitFailed": "taskSubmitFailedEventDetails",
    "TaskStartFailed": "taskStartFailedEventDetails",
}


Event = Mapping[str, Any]  # of a history; what it tells of is under a key of its kind


class Status(StrEnum):
    """Of an execution, as Step Functions says it."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"
    PENDING_REDRIVE = "PENDING_REDRIVE"


class JobStatus(StrEnum):
    """Of a job in an execution, in words."""

    NOT_RUN = "not run"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class JobProgress:
    """How a job went in an execution."""

    job: Job
    status: JobStatus
    attempts: int  # how many there were; their numbers begin with 0
    cause: str  # of the last failure
    settled: bool  # its state has ended: it is not tried again
    began_at: datetime | None = None  # its last attempt
    ended_at: datetime | None = None

    @property
    def is_running(self) -> bool:
        return self.status is JobStatus.RUNNING

    @property
    def has_succeeded(self) -> bool:
        return self.status is JobStatus.SUCCEEDED

    @property
    def has_failed(self) -> bool:
        return self.status is JobStatus.FAILED

    def after_the_end(self) -> "JobProgress":
        """Of an execution that has ended, in whatever state that found the job."""
        return replace(self, settled=True)


@dataclass(frozen=True)
class Started:
    """What a list of executions says of one."""

    name: str
    at: datetime


@dataclass(frozen=True)
class Execution:
    name: str
    arn: str
    status: Status
    started_at: datetime
    ended_at: datetime | None
    given: dict[str, Any]
    error: str
    cause: str
    domain: Domain

    @property
    def is_running(self) -> bool:
        return self.status is Status.RUNNING

    @property
    def has_succeeded(self) -> bool:
        return self.status is Status.SUCCEEDED

    @property
    def partition(self) -> Partition:
        """As the jobs compute it. Raises Misconfigured for an input that they cannot read."""
        return self.domain.calendar.of_scheduled_time(str(self.given.get("scheduled_time")))

    @property
    def jobs(self) -> list[str]:
        """That it was asked for and that there still are. Raises Misconfigured when that is none."""
        names = [job.name for job in self.domain.jobs]
        asked = self.given.get("only", names)
        known = [name for name in names if isinstance(asked, list) and name in asked]
        if not known:
            raise Misconfigured(f"`only` names no job that there is: {str(asked)[:100]}")
        return known

    @property
    def partition_key(self) -> str:
        """The partition as text, empty for an input without one."""
        try:
            return str(self.partition)
        except Misconfigured:
            return ""

    @property
    def trigger(self) -> str:
        return str(self.given.get("trigger", "manual"))


class Executions:
    def __init__(self, settings: DeploymentSettings) -> None:
        """Of the deployment of these settings. Raises Misconfigured when there is none."""
        import boto3

        self.domain = domain_of(settings)
        self._stack = _deployed(settings.production.name)
        self._states = boto3.client("stepfunctions")

    @property
    def machine(self) -> str:
        return self._stack.outputs["DailyMachine"]

    @property
    def guard_table(self) -> str:
        return self._stack.parameters["GuardTable"]

    def start(
        self, partition: Partition, *, only: tuple[str, ...] = (), rerun: bool = False, allow_empty: bool = False
    ) -> str:
        """Returns the execution's name."""
        scheduled_time = partition.as_of.strftime("%Y-%m-%dT%H:%M:%SZ")
        given: dict[str, Any] = {"scheduled_time": scheduled_time, "trigger": "manual"}
        given |= {"only": list(only)} if only else {}
        given |= {"rerun": True} if rerun else {}
        given |= {"allow_empty": True} if allow_empty else {}
        arn = self._states.start_execution(stateMachineArn=self.machine, input=json.dumps(given))["executionArn"]
        return arn.rpartition(":")[2]

    def latest(self, count: int = SHOWN) -> list[Execution]:
        """Newest first."""
        pages = self._states.get_paginator("list_executions").paginate(
            stateMachineArn=self.machine, PaginationConfig={"MaxItems": count}
        )
        return [self._described(each["executionArn"]) for page in pages for each in page["executions"]]

    def since(self, instant: datetime | None) -> list[Started]:
        """Every execution that started then or later and that Step Functions still knows, oldest first."""
        found: list[Started] = []
        for page in self._states.get_paginator("list_executions").paginate(stateMachineArn=self.machine):
            listed = [Started(each["name"], each["startDate"]) for each in page["executions"]]
            found += [each for each in listed if instant is None or each.at >= instant]
            if instant is not None and listed and listed[-1].at < instant:
                break
        return sorted(found, key=lambda each: (each.at, each.name))

    def arn(self, name: str) -> str:
        return f"{self.machine.replace(':stateMachine:', ':execution:')}:{name}"

    def find(self, name: str) -> Execution:
        """Raises Misconfigured when there is none of this name."""
        from botocore.exceptions import ClientError

        try:
            return self._described(self.arn(name))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            raise Misconfigured(
                f"no execution {name}: never started, or ended over 90 days ago. Which there are: pipeline runs"
            ) from error

    def begins(self, text: str) -> Execution:
        """The one whose name this is, or begins. Raises Misconfigured for none and for several, naming them."""
        try:
            return self.find(text)
        except Misconfigured:
            names = [each.name for each in reversed(self.since(None)) if each.name.startswith(text)]
        if len(names) > 1:
            raise Misconfigured(f"{text} is the beginning of {len(names)} executions{samples(names)}: give more of it")
        return self.find(*(names or [text]))

    def of_partition(self, partition: Partition) -> list[Execution]:
        """Newest first. A day is run once it has ended; who started it says which it is, no list does."""
        started = reversed(self.since(partition.end))
        return [found for each in started if (found := self.find(each.name)).partition_key == str(partition)]

    def jobs(self, execution: Execution) -> list[JobProgress]:
        """In the domain's order."""
        return [went for went in self.steps(execution) if went.job in self.domain.jobs]

    def steps(self, execution: Execution) -> list[JobProgress]:
        """The jobs, and the upkeep of the lake after them."""
        return progress_of_jobs(self.history(execution), self.domain)

    def history(self, execution: Execution) -> list[Event]:
        """Every event, oldest first."""
        pages = self._states.get_paginator("get_execution_history").paginate(
            executionArn=execution.arn, includeExecutionData=True
        )
        return [event for page in pages for event in page["events"]]

    def passed_guard(self, arn: str) -> bool:
        """Whether it claimed its day: what did not is a duplicate, or a call that was refused."""
        first = self._states.get_execution_history(
            executionArn=arn, maxResults=GUARD_EVENTS, includeExecutionData=False
        )
        return any(_entered(event) == CLAIMED for event in first["events"])

    def console(self, arn: str) -> str:
        region = self._states.meta.region_name
        return f"https://{region}.console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{arn}"

    def cluster(self, name: str) -> str | None:
        """The id of the cluster that the execution made."""
        return self._guard(f"execution#{name}").get("cluster")

    def abort(self, name: str) -> str | None:
        """Stop it and end its cluster; returns the cluster's id. The reaper frees the day."""
        import boto3

        execution = self.find(name)
        if execution.is_running:
            self._states.stop_execution(executionArn=execution.arn, error="Aborted", cause="pipeline abort")
        if cluster := self.cluster(name):
            boto3.client("emr").terminate_job_flows(JobFlowIds=[cluster])
        return cluster

    def running(self, partition: Partition) -> str | None:
        """Name of the execution that has the day right now."""
        found = self.claim_of(partition)
        return found["execution"] if found.get("status") == guard.DayStatus.RUNNING else None

    def claim_of(self, partition: Partition) -> dict[str, str]:
        """The guard's item, whose key is the scheduled date; empty when nobody has claimed it."""
        return self._guard(f"day#{partition.as_of.date()}")

    def _guard(self, key: str) -> dict[str, str]:
        found = self._table.get_item(TableName=self.guard_table, Key={"pk": {"S": key}}, ConsistentRead=True)
        return {name: str(next(iter(value.values()))) for name, value in found.get("Item", {}).items()}

    @cached_property
    def _table(self) -> "DynamoDBClient":
        import boto3

        return boto3.client("dynamodb")

    def _described(self, arn: str) -> Execution:
        found = self._states.describe_execution(executionArn=arn)
        given = json.loads(found["input"])
        return Execution(
            name=found["name"],
            arn=arn,
            status=Status(found["status"]),
            started_at=found["startDate"],
            ended_at=found.get("stopDate"),
            given=given if isinstance(given, dict) else {},
            error=found.get("error") or "",
            cause=found.get("cause") or "",
            domain=self.domain,
        )


def _by_state(found: Domain) -> dict[str, Job]:
    return {state_name(job): job for job in (*found.jobs, MAINTAIN)}


def _after_failure(found: Domain) -> dict[str, str]:
    """By the state that a failed job goes on to, the job's."""
    return {failed_state(job): state_name(job) for job in found.jobs}


def progress_of_jobs(events: Iterable[Event], found: Domain) -> list[JobProgress]:
    """Pure: from an execution's history, oldest event first."""
    by_state, after_failure = _by_state(found), _after_failure(found)
    by_id: dict[int, Event] = {}
    status: dict[str, JobStatus] = {}
    attempts: Counter[str] = Counter()
    causes: dict[str, str] = {}
    settled: set[str] = set()
    began: dict[str, datetime] = {}
    ended: dict[str, datetime] = {}
    for event in events:
        by_id[event["id"]] = event
        state, kind = _state(event, by_id), event["type"]
        if _entered(event) == BOOT_AGAIN:  # whatever failed did so for want of a cluster
            for known in (status, attempts, causes, settled, began, ended):
                known.clear()
        if kind == "TaskStateExited" or state in after_failure:
            settled.add(after_failure.get(state or "", state or ""))
        if state not in by_state:
            continue
        if kind == "TaskScheduled":
            status[state] = JobStatus.RUNNING
            attempts[state] += 1
            began[state] = event["timestamp"]
            ended.pop(state, None)
        elif kind in _FAILURES:
            status[state], causes[state], ended[state] = JobStatus.FAILED, _failure(event), event["timestamp"]
        elif kind == "TaskSucceeded":
            status[state], ended[state] = JobStatus.SUCCEEDED, event["timestamp"]
    return [
        JobProgress(
            job,
            status.get(state, JobStatus.NOT_RUN),
            attempts[state],
            causes.get(state, ""),
            state in settled,
            began_at=began.get(state),
            ended_at=ended.get(state),
        )
        for state, job in by_state.items()
    ]


def refused_calls(events: Iterable[Event], found: Domain) -> dict[str, str]:
    """By state that is no job's, with what its last call was refused. Pure: from a history, oldest event first.

    A condition that did not hold is an answer: the day is somebody else's.
    """
    of_jobs = {*_by_state(found), *_after_failure(found)}  # a job without a word of its own leaves none
    by_id: dict[int, Event] = {}
    refused: dict[str, str] = {}
    for event in events:
        by_id[event["id"]] = event
        state = _state(event, by_id)
        if state is None or state in of_jobs:
            continue
        if event["type"] in _FAILURES and not (refusal := _failure(event)).startswith(CONDITION_FAILED):
            refused[state] = refusal
        elif event["type"] == "TaskSucceeded":
            refused.pop(state, None)
    return refused


def _failure(event: Event) -> str:
    details = event.get(_FAILURES[event["type"]]) or {}
    return f"{details.get('error', '')} {details.get('cause', '')}".strip()


def to_resume(jobs: list[JobProgress], wanted: list[str]) -> tuple[str, ...]:
    """The jobs that an execution was asked for and has not brought to an end."""
    return tuple(went.job.name for went in jobs if went.job.name in wanted and not went.has_succeeded)


def _entered(event: Event) -> str | None:
    return event["stateEnteredEventDetails"]["name"] if event["type"].endswith("StateEntered") else None


def _state(event: Event, by_id: dict[int, Event]) -> str | None:
    """The state that the event is of: that of the last one entered on its way."""
    seen: Event | None = event
    while seen is not None:
        if (entered := _entered(seen)) is not None:
            return entered
        seen = by_id.get(seen.get("previousEventId", 0))
    return None


def _deployed(name: str) -> Stack:
    found = Stacks().find(name)
    if found is None or "DailyMachine" not in found.outputs:  # as of a stack whose creation was rolled back
        raise Misconfigured(f"nothing is deployed as {name}. Deploy it: pipeline deploy")
    return found
