"""moto's Step Functions as an interpreter that drives our EMR, and behaves as AWS where moto 5.2.5 does not.

Differs from AWS: a .sync task looks every 0.2 s instead of every 60 or 300 s. Each patch says what moto does without
it. Does not own: the events of an execution's end (status_changes).
"""

import json
import pickle
import re
import sys
import time
import uuid
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from moto.core.config import default_user_config
from moto.core.responses import ActionResult
from moto.stepfunctions.parser.api import HistoryEventType, InvalidDefinition, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.retry.retry_outcome import RetryOutcome
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped, ProgramTimedOut
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from local_stack.aws import authorisation

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

POLL_S = 0.2
_SEVERAL = re.compile(r"\*|\.\.|\?|\[[^]]*[:,]")  # in a path that may find several values
REFUSED = "EMR.AmazonElasticMapReduceException"  # of a refused call, as AWS names it
_STATE = "moto.stepfunctions.parser.asl.component.state."
_FACTORIES = (
    f"{_STATE}exec.state_task.service.state_task_service_factory",
    f"{_STATE}exec.state_task.state_task_factory",
)
_ERROR_NAMES = (
    f"{_STATE}exec.state_parallel.branches_decl",
    f"{_STATE}exec.state_map.iteration.iteration_worker",
    f"{_STATE}fail.state_fail",
)


class Emr(StateTaskServiceCallback):
    """The optimised integration, in the shapes that its documentation gives."""

    ACTIONS = ("createCluster", "addStep", "terminateCluster", "cancelStep")
    SYNC = ("createCluster", "addStep", "terminateCluster")

    def __init__(self) -> None:
        super().__init__(supported_integration_patterns={"sync"})

    def _get_supported_parameters(self) -> None:
        """All are kept."""

    def _validate_service_integration_is_supported(self) -> None:
        wanted = self.resource
        sync = wanted.condition == "sync" and wanted.api_action in self.SYNC
        if wanted.api_action not in self.ACTIONS or (wanted.condition and not sync):
            raise ValueError(f"The resource provided {wanted.resource_arn} not recognized.")

    def _eval_service_task(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> None:
        given, emr = normalised_parameters, self._client(resource_runtime_part, state_credentials)
        match self.resource.api_action:
            case "createCluster":
                made = emr.run_job_flow(**given)
                answer: Mapping[str, Any] = {"ClusterId": made["JobFlowId"], "ClusterArn": made.get("ClusterArn")}
            case "addStep":
                added = emr.add_job_flow_steps(JobFlowId=given["ClusterId"], Steps=[given["Step"]])
                answer = {"StepId": added["StepIds"][0]}
            case "terminateCluster":
                emr.terminate_job_flows(JobFlowIds=[given["ClusterId"]])
                answer = {}
            case _:
                (answer,) = emr.cancel_steps(ClusterId=given["ClusterId"], StepIds=[given["StepId"]])[
                    "CancelStepsInfoList"
                ]
        env.stack.append(answer)

    def _eval_integration_pattern(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> None:
        submitted, given, action = env.stack.pop(), normalised_parameters, self.resource.api_action
        emr = self._client(resource_runtime_part, state_credentials)
        while env.is_running():  # not after a time-out, a stop or the failure of a sibling
            if action == "addStep":
                found: Mapping[str, Any] = {
                    "Step": emr.describe_step(ClusterId=given["ClusterId"], StepId=submitted["StepId"])["Step"]
                }
                state = found["Step"]["Status"]["State"]
                done, failed = state == "COMPLETED", state in ("FAILED", "CANCELLED", "INTERRUPTED")
            else:
                cluster = submitted.get("ClusterId") or given["ClusterId"]
                found = {"Cluster": emr.describe_cluster(ClusterId=cluster)["Cluster"]}
                state = found["Cluster"]["Status"]["State"]
                ends = action == "terminateCluster"
                done = state.startswith("TERMINATED") if ends else state in ("RUNNING", "WAITING")
                failed = not ends and state.startswith("TERMINAT")
            if done:
                env.stack.append({**submitted, **_clean(found)} if action == "createCluster" else _clean(found))
                return
            if failed:
                raise self._failure(env, StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed), _clean(found))
            time.sleep(POLL_S)
        if action == "addStep":
            emr.cancel_steps(
                ClusterId=given["ClusterId"],
                StepIds=[submitted["StepId"]],
                StepCancellationOption="TERMINATE_PROCESS",
            )
        # Falling through would be written down as a success.
        raise self._failure(env, StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed), "abandoned")

    def _from_error(self, env: Any, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            said = ex.response["Error"]
            ex = self._failure(env, CustomErrorName(REFUSED), f"{said['Code']}: {said.get('Message', '')}")
        return super()._from_error(env=env, ex=ex)

    def _failure(self, env: Any, name: Any, cause: object) -> FailureEventException:
        details = TaskFailedEventDetails(
            error=name.error_name,
            cause=cause if isinstance(cause, str) else json.dumps(cause),
            resource=self._get_sfn_resource(),
            resourceType=self._get_sfn_resource_type(),
        )
        return FailureEventException(
            FailureEvent(
                env=env,
                error_name=name,
                event_type=HistoryEventType.TaskFailed,
                event_details=EventDetails(taskFailedEventDetails=details),
            )
        )

    def _client(self, part: Any, credentials: Any) -> "EMRClient":
        return _client_for(part.region, "emr", credentials)


def install() -> None:
    """Before the server starts."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    _drive_emr()
    _stop_means_stop()
    _errors_can_be_caught()
    _json_is_json()
    _executions_have_names()
    _one_path_one_value()
    _tasks_sign_as_their_role()
    _what_is_parsed_is_kept()
    StepFunctionResponse.validate_state_machine_definition = _validate  # type: ignore[attr-defined]


def _validate(self: Any) -> ActionResult:
    """moto has none. What CreateStateMachine would refuse; AWS finds more, a Next without a target for one."""
    try:
        StepFunctionsParserBackend._validate_definition(definition=self._get_param("definition"))
    except InvalidDefinition as error:
        said = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(error.message)}
        return ActionResult({"result": "FAIL", "diagnostics": [said], "truncated": False})
    return ActionResult({"result": "OK", "diagnostics": [], "truncated": False})


def _drive_emr() -> None:
    for name in _FACTORIES:  # the second imported the function by its name
        module: Any = import_module(name)
        original = module.state_task_service_for

        def chosen(service_name: str, original: Any = original) -> Any:
            return Emr() if service_name == "elasticmapreduce" else original(service_name=service_name)

        module.state_task_service_for = chosen


def _stop_means_stop() -> None:
    """moto goes on with Retry and Catch in an execution that was stopped, which then ends FAILED.

    When it is stopped while the branches of a Parallel start, their threads die, and it runs for ever. When it is
    stopped before its own thread has begun, StopExecution answers 500.
    """
    retry, catch, uncaught = (
        ExecutionState._handle_retry,
        ExecutionState._handle_catch,
        ExecutionState._handle_uncaught,
    )
    set_error = Environment.set_error

    def handle_retry(self: Any, env: Any, failure_event: Any) -> Any:
        return retry(self, env, failure_event) if env.is_running() else RetryOutcome.CanRetry

    def handle_catch(self: Any, env: Any, failure_event: Any) -> Any:
        return catch(self, env, failure_event) if env.is_running() else env.stack.append(CatchOutcome.Caught)

    def handle_uncaught(self: Any, env: Any, failure_event: Any) -> Any:
        return uncaught(self, env, failure_event) if env.is_running() else None

    def set_error_of_running(self: Any, error: Any) -> None:
        if not isinstance(self._program_state, ProgramStopped | ProgramTimedOut):
            set_error(self, error)

    ExecutionState._handle_retry = handle_retry
    ExecutionState._handle_catch = handle_catch
    ExecutionState._handle_uncaught = handle_uncaught
    Environment.set_error = set_error_of_running

    stop = ExecutionWorker.stop

    def stop_once_begun(self: Any, **given: Any) -> None:
        while self.env is None:
            time.sleep(0.01)
        stop(self, **given)

    ExecutionWorker.stop = stop_once_begun
    begin = Program.eval

    def begin_unless_stopped(self: Any, env: Any) -> None:
        try:
            begin(self, env)
        except RuntimeError:  # there is no next state
            if env.is_running():
                raise

    Program.eval = begin_unless_stopped


def _errors_can_be_caught() -> None:
    """moto makes an uncatchable States.Runtime of a branch, an iteration or a Fail that ends with States.*."""
    for name in _ERROR_NAMES:
        module: Any = import_module(name)
        module.CustomErrorName = ErrorName


def _json_is_json() -> None:
    """moto keeps datetimes in the context and in results of aws-sdk: DescribeExecution then answers 500.

    An object of S3's stays a stream, of which no state can be made. Of the services' errors the first letter is small.
    """
    start_details = Execution.get_start_execution_details
    call = StateTaskServiceAwsSdk._eval_service_task

    def details(self: Any) -> Any:
        found = start_details(self)
        found.start_time = f"{found.start_time:%Y-%m-%dT%H:%M:%S}.{found.start_time.microsecond // 1000:03}Z"
        return found

    def clean_call(self: Any, env: Any, *args: Any, **kwargs: Any) -> None:
        call(self, env, *args, **kwargs)
        env.stack.append(_clean({name: _read(value) for name, value in env.stack.pop().items()}))

    def error_name(service_name: str) -> str:
        name = named(service_name)
        return name[:1].upper() + name[1:]

    named = StateTaskServiceAwsSdk._normalise_service_error_name
    Execution.get_start_execution_details = details
    StateTaskServiceAwsSdk._eval_service_task = clean_call
    StateTaskServiceAwsSdk._normalise_service_error_name = staticmethod(error_name)


def _executions_have_names() -> None:
    """moto calls every execution without a name None: the second one exists already."""
    start = StepFunctionsParserBackend.start_execution

    def start_execution(self: Any, state_machine_arn: str, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        return start(self, state_machine_arn, name or str(uuid.uuid4()), *args, **kwargs)

    StepFunctionsParserBackend.start_execution = start_execution


def _one_path_one_value() -> None:
    """moto makes a list of what a path with [0] in it finds, and fails where a filter finds nothing."""
    module: Any = json_path
    original = module.extract_json

    def extract(path: str, data: Any) -> Any:
        definite = not _SEVERAL.search(path)
        try:
            found = original(path, data)
        except json_path.NoSuchJsonPathError:
            if definite:
                raise
            return []
        return found[0] if definite and "[" in path and isinstance(found, list) and len(found) == 1 else found

    _replace("extract_json", extract)


def _tasks_sign_as_their_role() -> None:
    """moto signs the calls of every task with the same keys."""
    _replace("boto_client_for", _client_for)


def _what_is_parsed_is_kept() -> None:
    """moto parses a definition for each execution, half a second of CPU for a day's machine, and each path anew."""
    parse = AmazonStateLanguageParser.parse

    @cache
    def parsed(definition: str) -> tuple[bytes, Any]:
        program, tree = parse(definition)
        return pickle.dumps(program), tree

    def parse_once(definition: str) -> Any:
        program, tree = parsed(definition)
        return pickle.loads(program), tree  # noqa: S301  # a copy of our own: an execution writes into its states

    AmazonStateLanguageParser.parse = staticmethod(parse_once)
    json_path.parse = cache(json_path.parse)


def _client_for(region: str, service: str, state_credentials: Any) -> Any:
    return authorisation.client(service, state_credentials.role_arn, region)


def _replace(name: str, function: Any) -> None:
    """In every module of the interpreter: they imported it by its name."""
    for module in list(sys.modules.values()):
        if module.__name__.startswith("moto.stepfunctions.parser.") and hasattr(module, name):
            setattr(module, name, function)


def _read(value: Any) -> Any:
    """The text of a body."""
    return value.read().decode() if isinstance(value, StreamingBody) else value


def _clean(value: Any) -> Any:
    return json.loads(to_json_str(value))
