"""A step of a cluster, followed until it ends.

By DescribeStep: the stock waiters give up after 30 minutes. One that is not needed any more is cancelled.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import dagster as dg
from emr_jobs.catalog import Job
from emr_jobs.core.settings import Emr

from pipeline_assets.emr import clusters
from pipeline_assets.emr.lease import SharedCluster

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.type_defs import StepConfigTypeDef, StepTypeDef

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
    def parse(cls, cluster_id: str, described: "StepTypeDef") -> "Step":
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


@dataclass
class RunningStep:
    emr: "EMRClient"
    settings: Emr
    cluster: SharedCluster
    cluster_id: str
    id: str
    last: Step | None = None

    @classmethod
    def add(cls, name: str, submit: list[str], cluster: SharedCluster, settings: Emr) -> "RunningStep":
        emr = clusters.client()
        cluster_id = cluster.acquire()
        step = _step(name, submit)
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
        booting = cluster.state in (clusters.ClusterState.STARTING, clusters.ClusterState.BOOTSTRAPPING)
        allowance = self.settings.start_allowance_s
        if booting and now - cluster.created_at > timedelta(seconds=allowance):
            return f"cluster {cluster.id} is still {cluster.state} after {allowance} s (emr.start_allowance_s)"
        return None

    def _cluster(self) -> clusters.Cluster:
        """Raises Failure for one that EMR refused: the next would be, too."""
        cluster = clusters.describe(self.emr, self.cluster_id)
        if cluster.reason.startswith(clusters.REFUSED):
            raise dg.Failure(f"cluster {cluster.id} is {cluster.state} ({cluster.reason})", allow_retries=False)
        return cluster

    def cancel_unless_ended(self, application: str | None) -> None:
        """CancelSteps ends spark-submit only; what it started on YARN is ended by its id."""
        if self.last is not None and self.last.state.ended:
            return
        self.emr.cancel_steps(ClusterId=self.cluster_id, StepIds=[self.id], StepCancellationOption="TERMINATE_PROCESS")
        if application is not None:
            step = _step(f"end {application}", ["yarn", "application", "-kill", application])
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
            "cluster_console": dg.MetadataValue.url(clusters.console(self.cluster_id)),
            "step": self.id,
            "console": dg.MetadataValue.url(self.console()),
            "queue_s": round((began - step.created_at).total_seconds(), 1),
            "run_s": round((ended - began).total_seconds(), 1),
            "instance_hours": clusters.describe(self.emr, self.cluster_id).instance_hours,
        }

    def console(self) -> str:
        return clusters.console(self.cluster_id)


def _step(name: str, command: list[str]) -> "StepConfigTypeDef":
    return {
        "Name": name,
        "ActionOnFailure": "CONTINUE",  # others share the cluster
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": command},
    }
