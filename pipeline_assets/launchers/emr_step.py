"""Runs a job as a step on a shared EMR cluster and reports what it says, live.

Follows the step by DescribeStep: the stock waiters give up after 30 minutes. A step that is not needed any more is
cancelled, also when this run is. Does not own: the cluster (cluster_lease), the verdict on what was reported
(outcome).
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import dagster as dg
from emr_jobs.catalog import Job
from emr_jobs.domain import domain_of
from emr_jobs.errors import Misconfigured
from emr_jobs.settings import Emr, Settings

from pipeline_assets import remedies
from pipeline_assets.launchers import emr_cluster, step_logs
from pipeline_assets.launchers.cluster_lease import SharedCluster, cluster_of_run
from pipeline_assets.launchers.command import emr_submit, job_arguments
from pipeline_assets.launchers.messages_on_s3 import messages_on_s3, prefix
from pipeline_assets.launchers.outcome import Result, failure_said, results
from pipeline_assets.production import package
from pipeline_assets.production.package import Package, Shipped

ORIGIN = "emr"


class StepState(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    CANCEL_PENDING = "CANCEL_PENDING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"

    @property
    def ended(self) -> bool:
        return self in ENDED


ENDED = (StepState.COMPLETED, StepState.CANCELLED, StepState.FAILED, StepState.INTERRUPTED)


@dataclass(frozen=True)
class Step:
    cluster_id: str
    id: str
    state: StepState
    reason: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def parse(cls, cluster_id: str, described: dict[str, Any]) -> "Step":
        status = described["Status"]
        details, timeline = status.get("FailureDetails", {}), status["Timeline"]
        reasons = (details.get("Reason"), details.get("Message"), status.get("StateChangeReason", {}).get("Message"))
        return cls(
            cluster_id=cluster_id,
            id=described["Id"],
            state=StepState(status["State"]),
            reason="; ".join(filter(None, reasons)) or "EMR gives no reason",
            created_at=timeline["CreationDateTime"],
            started_at=timeline.get("StartDateTime"),
            ended_at=timeline.get("EndDateTime"),
        )

    def run_s(self, now: datetime) -> float:
        return (now - self.started_at).total_seconds() if self.started_at else 0.0


class EmrStepLauncher(dg.PipesClient):
    def __init__(self, settings: Settings, settings_uri: str, *, build: Callable[..., Package] = package.build) -> None:
        self._settings = settings
        self._settings_uri = settings_uri
        self._build = build

    def run(  # type: ignore[override]  # results are yielded, and a failure raised after them
        self, *, context: dg.AssetExecutionContext, job: Job, allow_empty: bool
    ) -> Iterator[Result]:
        emr = emr_cluster.emr_settings(self._settings)
        if self._settings.production and self._settings.production.runtime_roles:
            raise Misconfigured(
                "with runtime_roles the instances may read no secret: run the day in production, pipeline trigger"
            )
        run = context.run
        messages = prefix(run.run_id, job.name, context.retry_number)
        reader = messages_on_s3(self._settings.runs.uri, messages, interval_s=emr.message_interval_s)
        with dg.open_pipes_session(
            context=context, context_injector=dg.PipesEnvContextInjector(), message_reader=reader
        ) as session:
            arguments = job_arguments(
                job,
                day=("--partition", context.partition_key),
                settings=shipped_settings(self._settings, self._settings_uri, emr),
                run_id=run.run_id,
                attempt=str(context.retry_number),
                allow_empty=allow_empty,
                reports=[part for pair in session.get_bootstrap_cli_arguments().items() for part in pair],
            )
            submit = emr_submit(
                job,
                arguments,
                shipped_package(self._settings, log=context.log.info, build=self._build),
                self._settings.aws,
            )
            cluster = cluster_of_run(self._settings, context.instance, run, log=context.log.info)
            running = RunningStep.add(f"{job.name} {context.partition_key}", submit, cluster, emr)
            context.log.info(f"{job.name} is step {running.id} on cluster {running.cluster_id}: {running.console()}")
            try:
                failure = running.wait(job)
            finally:  # also when the run is cancelled
                running.cancel_unless_ended(_application(session))
        metadata = running.metadata()
        if failure and failure_said(session.message_handler) is None:
            log = step_logs.tail(emr, running.cluster_id, running.id, job)
            metadata["log"] = dg.MetadataValue.md(f"```\n{log}\n```")
            failure = f"{failure}\n{running.console()}\n{log}"
        yield from results(
            session.message_handler,
            domain_of(self._settings),
            job,
            partition=context.partition_key,
            place=remedies.EMR,
            metadata=metadata,
            failure=failure,
        )


def shipped_settings(settings: Settings, settings_uri: str, emr: Emr) -> str:
    if settings_uri.startswith("s3://"):
        return settings_uri
    emr_cluster.require_reachable(settings, settings_uri)
    return package.upload_text(Path(settings_uri).read_text(), emr.launched_uri, "settings-{}.toml")


def shipped_package(
    settings: Settings, *, log: Callable[[str], None], build: Callable[..., Package] | None = None
) -> Shipped:
    emr = emr_cluster.emr_settings(settings)
    built = (build or package.build)(emr.arch, settings.domain, progress=lambda what: log(f"packaging: {what}"))
    shipped, new = package.upload(built, emr.launched_uri)
    for address in new:
        log(f"uploaded {address}")
    return shipped


@dataclass
class RunningStep:
    emr: Any
    settings: Emr
    cluster: SharedCluster
    cluster_id: str
    id: str
    last: Step | None = None

    @classmethod
    def add(cls, name: str, submit: list[str], cluster: SharedCluster, settings: Emr) -> "RunningStep":
        emr = emr_cluster.client()
        cluster_id = cluster.acquire()
        jar = {"Jar": "command-runner.jar", "Args": submit}
        step = {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}  # others share the cluster
        (step_id,) = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step])["StepIds"]
        return cls(emr, settings, cluster, cluster_id, step_id)

    def wait(self, job: Job, *, seen: Callable[[Step], None] = lambda _: None) -> str | None:
        """Until the step has ended; says what went wrong, or None. Raises Failure where another try cannot help.

        `seen` gets the step at every look.
        """
        while True:
            self.cluster.seen()
            step = self.last = self._describe()
            seen(step)
            if step.state is StepState.COMPLETED:
                return None
            if step.state.ended:
                self._cluster()
                return f"step {self.id} on cluster {self.cluster_id} is {step.state}: {step.reason}"
            now = datetime.now(UTC)
            if step.run_s(now) > job.timeout_s:
                return f"not done after {job.timeout_s} s, the limit in {job.declared_in}; its step was cancelled"
            if step.state is StepState.PENDING and (failure := self._cannot_start(now)):
                return failure
            interval = self.settings.poll_interval_s
            time.sleep(interval * random.uniform(0.8, 1.2))  # noqa: S311  # spreads the steps of a run

    def _cannot_start(self, now: datetime) -> str | None:
        """A pending step waits for its turn, but not on a cluster that ended or does not come up."""
        cluster = self._cluster()
        if not cluster.state.takes_steps:
            return f"cluster {cluster.id} is {cluster.state} before the step began ({cluster.reason})"
        booting = cluster.state in (emr_cluster.ClusterState.STARTING, emr_cluster.ClusterState.BOOTSTRAPPING)
        allowance = self.settings.start_allowance_s
        if booting and now - cluster.created_at > timedelta(seconds=allowance):
            return f"cluster {cluster.id} is still {cluster.state} after {allowance} s (emr.start_allowance_s)"
        return None

    def _cluster(self) -> emr_cluster.Cluster:
        """Raises Failure for one that EMR refused: the next would be, too."""
        cluster = emr_cluster.describe(self.emr, self.cluster_id)
        if cluster.reason.startswith(emr_cluster.REFUSED):
            raise dg.Failure(f"cluster {cluster.id} is {cluster.state} ({cluster.reason})", allow_retries=False)
        return cluster

    def cancel_unless_ended(self, application: str | None) -> None:
        """CancelSteps ends spark-submit only; what it started on YARN is ended by its id."""
        if self.last is not None and self.last.state.ended:
            return
        self.emr.cancel_steps(ClusterId=self.cluster_id, StepIds=[self.id], StepCancellationOption="TERMINATE_PROCESS")
        if application is not None:
            jar = {"Jar": "command-runner.jar", "Args": ["yarn", "application", "-kill", application]}
            step = {"Name": f"end {application}", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
            self.emr.add_job_flow_steps(JobFlowId=self.cluster_id, Steps=[step])

    def _describe(self) -> Step:
        described = self.emr.describe_step(ClusterId=self.cluster_id, StepId=self.id)["Step"]
        return Step.parse(self.cluster_id, described)

    def metadata(self) -> dict[str, Any]:
        step = self.last = self._describe()
        now = datetime.now(UTC)
        began, ended = step.started_at or step.ended_at or now, step.ended_at or now
        return {
            "origin": ORIGIN,
            "cluster": self.cluster_id,
            "step": self.id,
            "console": dg.MetadataValue.url(self.console()),
            "queue_s": round((began - step.created_at).total_seconds(), 1),
            "run_s": round((ended - began).total_seconds(), 1),
            "instance_hours": emr_cluster.describe(self.emr, self.cluster_id).instance_hours,
        }

    def console(self) -> str:
        return emr_cluster.console(self.cluster_id)


def _application(session: dg.PipesSession) -> str | None:
    """The YARN application that the job said it is; local Spark's ids have no YARN to end them."""
    said = [message["application"] for message in session.get_custom_messages() if "application" in message]
    return said[-1] if said and step_logs.APPLICATION.fullmatch(said[-1]) else None
