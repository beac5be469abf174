"""Replays what production recorded of a job into a step of a Dagster run, while production runs it.

A run with the tag pipeline/execution follows that Step Functions execution. Log lines are shown as they are
recorded; results are held until the execution's history says how the job's state ended, and are those of its last
attempt. Only reads: an interrupted run touches nothing, and run again it replays from the start. Production does not
wait for what AWS refuses to say, so neither does this give up at once. Does not own: which executions are followed
(sensors), how a history is read (production.executions), the verdict (outcome).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
from emr_jobs.catalog import Job
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Settings, of_a_deployment
from emr_jobs.domain import domain_of

from pipeline_assets import remedies
from pipeline_assets.emr import clusters
from pipeline_assets.launchers.heartbeat import heartbeat
from pipeline_assets.launchers.outcome import Result, left_out, replayed_results
from pipeline_assets.lineage.emit import told
from pipeline_assets.lineage.events import Occurrence
from pipeline_assets.messages_on_s3 import attempts_prefix, messages_on_s3, prefix
from pipeline_assets.production.running.executions import Execution, Executions, JobProgress, JobStatus
from pipeline_assets.production.running.patience import patiently
from pipeline_assets.s3 import Folder
from pipeline_assets.tags import EXECUTION_TAG

ORIGIN = "production"
CAUSE_SIZE = 1000  # a cause is free text of Step Functions, as long as it likes


class FollowLauncher(dg.PipesClient):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def run(  # type: ignore[override]  # results are yielded, and a failure raised after them
        self, *, context: dg.AssetExecutionContext, job: Job, allow_empty: bool
    ) -> Iterator[Result]:
        """`allow_empty` was production's to decide."""
        execution = context.run.tags[EXECUTION_TAG]
        with heartbeat(context, f"{job.name}: execution {execution} is looked at"):
            yield from self._followed(context, job, execution)

    def _followed(self, context: dg.AssetExecutionContext, job: Job, execution: str) -> Iterator[Result]:
        followed = _Followed.by(self._settings, execution, job)
        if followed.execution.partition_key != context.partition_key:
            found = followed.execution.partition_key or "no partition"
            raise Misconfigured(f"execution {followed.name} is of {found}, this run of {context.partition_key}")
        context.log.info(f"following {job.name} of {followed.console}; nothing is started here")
        messages, attempt = None, -1
        for attempt in followed.attempts():
            messages = self._replayed(context, followed, attempt)
        went = followed.look()
        if went.status is JobStatus.NOT_RUN and followed.execution.has_succeeded:
            yield from left_out(
                domain_of(self._settings), job, [], log=context.log
            )  # the job is newer than the execution
            return
        occurrence = Occurrence(
            job,
            domain_of(self._settings).calendar.partition(context.partition_key),
            run_id=execution,
            attempt=max(went.attempts - 1, 0),
        )
        yield from told(
            self._settings,
            context.log,
            occurrence,
            self._judged(context, followed, went, messages, attempt),
            began_at=went.began_at or followed.execution.started_at,
            ended_at=went.ended_at or followed.execution.ended_at,
        )

    def _judged(
        self,
        context: dg.AssetExecutionContext,
        followed: "_Followed",
        went: JobProgress,
        messages: dg.PipesMessageHandler | None,
        attempt: int,
    ) -> Iterator[Result]:
        """What the job's last attempt reported, once its state has ended."""
        job = followed.job
        metadata = followed.metadata()
        failure = _failure(followed, went)
        if messages is None or attempt < went.attempts - 1:
            said = failure or f"succeeded in execution {followed.name}"
            raise dg.Failure(
                f"{job.name}: {said}. Its last attempt has recorded nothing under {followed.streams.uri}",
                metadata=metadata,
                allow_retries=False,
            )
        yield from replayed_results(
            messages,
            domain_of(self._settings),
            job,
            partition=context.partition_key,
            place=remedies.of_execution(followed.name),
            log=context.log,
            metadata=metadata,
            failure=failure,
        )

    def _replayed(
        self, context: dg.AssetExecutionContext, followed: "_Followed", attempt: int
    ) -> dg.PipesMessageHandler:
        """Everything that this attempt said, its log lines as they come.

        Not in a Pipes session: with one, Dagster insists on every output of today's definitions.
        """
        reader = messages_on_s3(
            self._settings.runs.uri,
            prefix(followed.name, followed.job.name, attempt),
            interval_s=followed.message_interval_s,
        )
        messages = dg.PipesMessageHandler(context, reader)
        with messages.handle_messages():
            while not messages.received_closed_message and not followed.is_over(attempt):
                time.sleep(followed.poll_interval_s)
        return messages


@dataclass
class _Followed:
    """One job of one execution."""

    executions: Executions
    name: str
    job: Job
    streams: Folder  # a folder for each attempt
    poll_interval_s: float
    message_interval_s: float
    execution: Execution

    @classmethod
    def by(cls, settings: Settings, name: str, job: Job) -> "_Followed":
        """Raises Misconfigured when nothing is deployed, or no execution has this name."""
        deployed = of_a_deployment(settings)
        executions = patiently(Executions)(deployed)
        return cls(
            executions,
            name,
            job,
            streams=Folder(f"{settings.runs.uri}/{attempts_prefix(name, job.name)}"),
            poll_interval_s=deployed.emr.poll_interval_s,
            message_interval_s=deployed.emr.message_interval_s,
            execution=patiently(executions.find)(name),
        )

    @property
    def console(self) -> str:
        return self.executions.console(self.execution.arn)

    def attempts(self) -> Iterator[int]:
        """Each attempt once its stream has begun, in order; ends when there will be no other one.

        A job that has said nothing is over with its execution only: for want of a cluster all jobs begin anew.
        """
        last = -1
        while True:
            over = self.look().settled  # first: a stream of a job that is over is there
            over &= last >= 0 or not self.execution.is_running
            newer = [attempt for attempt in self._recorded() if attempt > last]
            if newer:
                last = newer[0]
                yield last
            elif over:
                return
            else:
                time.sleep(self.poll_interval_s)

    def is_over(self, attempt: int) -> bool:
        return self.look().settled or any(each > attempt for each in self._recorded())

    @patiently
    def look(self) -> JobProgress:
        """How the job went so far; settled when it, or the whole execution, has ended."""
        self.execution = self.executions.find(self.name)  # before its history, which an ended execution has whole
        (went,) = [each for each in self.executions.jobs(self.execution) if each.job.name == self.job.name]
        return went if self.execution.is_running else went.after_the_end()

    @patiently
    def metadata(self) -> dict[str, Any]:
        cluster = self.executions.cluster(self.name)
        facts: dict[str, Any] = {"origin": ORIGIN, "execution": dg.MetadataValue.url(self.console)}
        if cluster:
            facts |= {"cluster": cluster, "cluster_console": dg.MetadataValue.url(clusters.console(cluster))}
        return facts

    @patiently
    def _recorded(self) -> list[int]:
        return sorted(int(folder) for folder in self.streams.folders())


def _failure(followed: _Followed, went: JobProgress) -> str | None:
    execution = followed.execution
    match went.status:
        case JobStatus.SUCCEEDED:
            return None
        case JobStatus.FAILED:
            return f"failed in execution {execution.name}: {went.cause[:CAUSE_SIZE]}"
        case JobStatus.RUNNING:
            return f"execution {execution.name} was {execution.status} while it ran"
    return f"execution {execution.name} was {execution.status} before it began"
