"""moto's EMR made stateful: clusters that boot, run steps, idle and end; steps that wait, run and can be cancelled.

Does not own: running a step (agent). moto 5.2.5 answers a step RUNNING for ever, a cluster WAITING at once, has
no CancelSteps and no DescribeReleaseLabel, drops AutoTerminationPolicy and fleets, accepts steps on a dead cluster and
puts every call into us-east-1.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from threading import RLock
from types import MappingProxyType
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_pagination_model, utcnow
from moto.emr import models, responses
from moto.emr.exceptions import InvalidCluster, ValidationException

from local_stack.aws import faults
from pipeline_assets.versions import release_label

LOCK = RLock()  # over the state of all clusters: the agent changes it while requests read it


class State(StrEnum):
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    FAILED = "TERMINATED_WITH_ERRORS"


class StepState(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


ENDING = {State.TERMINATING, State.TERMINATED, State.FAILED}
ACTIONS = (
    "run_job_flow",
    "add_job_flow_steps",
    "describe_cluster",
    "describe_step",
    "list_clusters",
    "cancel_steps",
    "terminate_job_flows",
)
LISTED = 50  # clusters that ListClusters gives at a time
# Of the one release: what AWS's notes on it name.
APPLICATIONS = (
    *("AmazonCloudWatchAgent", "Delta", "Hadoop", "Hudi", "Iceberg"),
    *("JupyterEnterpriseGateway", "Livy", "Spark"),
)
THROTTLED: Counter[str] = Counter()  # action -> how many of its next calls are refused


class Step(models.Step):
    """`cancel`: None, or the option it was cancelled with."""

    def __init__(self, state: str, **kwargs: Any) -> None:
        super().__init__(state=StepState.PENDING, **kwargs)
        self.cancel: str | None = None
        self.failure: dict[str, str] | None = None

    @property
    def status(self) -> dict[str, Any]:
        return {**super().status, **({"FailureDetails": self.failure} if self.failure else {})}

    def start(self) -> None:
        """moto starts the first step with the cluster; here the agent does, once the cluster is up."""

    def begin(self) -> None:
        self.state, self.start_date_time = StepState.RUNNING, utcnow()

    def end(self, state: StepState, failure: dict[str, str] | None = None) -> None:
        self.state, self.end_date_time, self.failure = state, utcnow(), failure


class Cluster(models.Cluster):
    idle_timeout_s: float | None = None
    request: Mapping[str, Any] = MappingProxyType({})  # as it was sent

    def run_bootstrap_actions(self) -> None:
        self.state = State.STARTING
        self.quiet_since = time.monotonic()

    def add_steps(self, steps: list[dict[str, Any]]) -> list[models.Step]:
        with LOCK:
            if getattr(self, "state", State.STARTING) in ENDING:
                raise ValidationException(
                    "A job flow that is shutting down, terminated, or finished may not be modified."
                )
            concurrent = getattr(self, "step_concurrency_level", 1) > 1
            if concurrent and any(step.get("action_on_failure") != "CONTINUE" for step in steps):
                raise ValidationException("ActionOnFailure must be CONTINUE when StepConcurrencyLevel is above 1.")
            added: list[models.Step] = [Step(StepState.PENDING, **step) for step in steps]
            self.steps.extend(added)
            return added

    def terminate(self, reason: str = "Terminated by user request", code: str = "USER_REQUEST") -> None:
        with LOCK:
            if self.state not in ENDING:
                self.state, self.last_state_change_reason, self.reason_code = State.TERMINATING, reason, code

    @property
    def status(self) -> dict[str, Any]:
        status = super().status
        status["StateChangeReason"]["Code"] = getattr(self, "reason_code", None)
        return status


class Clusters(dict[str, Cluster]):
    """moto answers 500 for an id that it does not know."""

    def __missing__(self, cluster_id: str) -> Cluster:
        raise InvalidCluster(cluster_id)


class Throttled(ServiceException):
    code = "ThrottlingException"
    message = "Rate exceeded"


class AnswerLost(ServiceException):
    code = "InternalServerError"
    message = "An internal failure occurred"


def install() -> None:
    """Put these in the place of moto's own; once, before the server starts."""
    models.Step, models.Cluster = Step, Cluster  # type: ignore[misc]
    _wrap(models.ElasticMapReduceBackend, "__init__", _with_clusters)
    get_pagination_model("emr")["ListClusters"]["limit_default"] = LISTED
    response: Any = responses.ElasticMapReduceResponse
    response.get_region_from_url = BaseResponse.get_region_from_url
    response.cancel_steps = _cancel_steps
    response.describe_release_label = _describe_release_label
    _wrap(response, "run_job_flow", _with_request)
    _wrap(response, "run_job_flow", _with_known_applications)
    for action in ACTIONS:
        _wrap(response, action, partial(_unless_throttled, action))


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    original = getattr(owner, name)
    setattr(owner, name, lambda self, *args, **kwargs: around(original, self, *args, **kwargs))


def _with_clusters(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
    original(self, *args, **kwargs)
    self.clusters = Clusters()


def _unless_throttled(action: str, original: Any, self: Any) -> Any:
    with LOCK:
        if THROTTLED[action] > 0:
            THROTTLED[action] -= 1
            raise Throttled
    return original(self)


def _with_known_applications(original: Any, self: Any) -> Any:
    asked = {each.get("name") or each["Name"] for each in self._get_param("Applications") or []}
    if unknown := sorted(asked - set(APPLICATIONS)):
        raise ValidationException(f"Specified application: {unknown[0]} is not supported by this release.")
    return original(self)


def _with_request(original: Any, self: Any) -> Any:
    result = original(self)
    cluster = self.backend.clusters[result.result["JobFlowId"]]
    cluster.request = json.loads(self.body)
    timeout = cluster.request.get("AutoTerminationPolicy", {}).get("IdleTimeout")
    cluster.idle_timeout_s = float(timeout) if timeout else None
    if faults.strikes(faults.LOST):
        raise AnswerLost
    return result


def _describe_release_label(self: Any) -> Any:
    """Of the one release that steps run like here."""
    label, known = self._get_param("ReleaseLabel"), release_label()
    if label != known:
        raise ValidationException(f"Release {label} is not emulated; there is {known}.")
    return ActionResult({"ReleaseLabel": label, "Applications": [{"Name": each} for each in APPLICATIONS]})


def _cancel_steps(self: Any) -> Any:
    cluster = self.backend.describe_cluster(self._get_param("ClusterId"))
    option = self._get_param("StepCancellationOption") or "SEND_INTERRUPT"
    answers = []
    with LOCK:
        for step in cluster.steps:
            if step.id in self._get_param("StepIds", []):
                possible = step.state in (StepState.PENDING, StepState.RUNNING)
                if possible:
                    step.cancel = option
                answers.append({"StepId": step.id, "Status": "SUBMITTED" if possible else "FAILED"})
    return ActionResult({"CancelStepsInfoList": answers})
