"""Amazon States Language, as far as the generated machines need it: paths, intrinsic functions, tasks, choices. Pure.

A value that is a `Path` is written under its name with `.$`. Names of errors are those that are the same in every
integration. Does not own: which states there are (daily_machine, side_machines), whether they fit (machine_check).
"""

from collections.abc import Sequence
from typing import Any

State = dict[str, Any]
States = dict[str, State]

ALL = "States.ALL"  # not States.Runtime nor States.DataLimitExceeded: nothing catches those
TASK_FAILED = "States.TaskFailed"  # any error but States.Timeout
CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"
EMR_REFUSED = "EMR.AmazonElasticMapReduceException"  # the API's error, throttling too
STATUSES = "Step Functions Execution Status Change"

DISCARDED = "$.discarded"  # where a result goes that nobody needs
_OPTIMIZED = "arn:aws:states:::"


class Path(str):
    """A JSONPath or an intrinsic function: evaluated when the state is entered."""

    __slots__ = ()


EXECUTION = Path("$$.Execution.Name")
EXECUTION_ARN = Path("$$.Execution.Id")
RETRY_COUNT = Path("States.Format('{}', $$.State.RetryCount)")
NEWLINE = Path("$.newline")  # an intrinsic function takes no literal one: a machine keeps it there


def call(function: str, *arguments: object) -> Path:
    """An intrinsic function. Raises ValueError for a literal that would need escaping."""
    return Path(f"States.{function}({', '.join(_argument(each) for each in arguments)})")


def _argument(value: object) -> str:
    if isinstance(value, Path) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    text = str(value)
    if "'" in text or "\\" in text or "\n" in text:
        raise ValueError(f"an intrinsic function cannot take {text[:60]!r}: a quote, a backslash or a new line")
    return f"'{text}'"


def rendered(value: Any) -> Any:
    """Parameters with `.$` where a Path stands. A list cannot hold one: States.Array makes such a list."""
    if isinstance(value, dict):
        made = {name: call("Array", *each) if _has_path(each) else each for name, each in value.items()}
        return {f"{name}.$" if isinstance(each, Path) else name: rendered(each) for name, each in made.items()}
    if isinstance(value, list | tuple):
        return [rendered(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _has_path(value: object) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(each, Path) for each in value)


def task(
    service_action: str,
    parameters: dict[str, Any],
    *,
    next_state: str,
    result: dict[str, Path] | None = None,
    result_path: str | None = None,
    timeout_s: int | None = None,
    retry: Sequence[State] = (),
    catch: Sequence[State] = (),
) -> State:
    """`service_action` as `dynamodb:updateItem`. The input goes on; `result_path` says where the answer is put.

    An answer that nobody needs is emptied: CloudFormation takes no null, which would leave it out.
    """
    return {
        "Type": "Task",
        "Resource": f"{_OPTIMIZED}{service_action}",
        **({"TimeoutSeconds": timeout_s} if timeout_s is not None else {}),
        "Parameters": rendered(parameters),
        **({"ResultSelector": rendered(result or {})} if result or result_path is None else {}),
        "ResultPath": result_path or DISCARDED,
        **({"Retry": list(retry)} if retry else {}),
        **({"Catch": list(catch)} if catch else {}),
        "Next": next_state,
    }


def assign(parameters: dict[str, Any], *, next_state: str | None, at: str | None = None) -> State:
    """A Pass that puts these values `at` a path, or in the place of everything."""
    return {
        "Type": "Pass",
        "Parameters": rendered(parameters),
        **({"ResultPath": at} if at else {}),
        **({"Next": next_state} if next_state else {"End": True}),
    }


def choice(condition: State, then: str, otherwise: str) -> State:
    return {"Type": "Choice", "Choices": [{**condition, "Next": then}], "Default": otherwise}


def fail(error: str, cause: str) -> State:
    return {"Type": "Fail", "Error": error, "Cause": cause}


def is_true(path: str) -> State:
    return {"Variable": path, "BooleanEquals": True}


def is_present(path: str) -> State:
    return {"Variable": path, "IsPresent": True}


def is_absent(path: str) -> State:
    return {"Variable": path, "IsPresent": False}


def equals(path: str, text: str) -> State:
    return {"Variable": path, "StringEquals": text}


def both(*conditions: State) -> State:
    return conditions[0] if len(conditions) == 1 else {"And": list(conditions)}


def either(*conditions: State) -> State:
    return conditions[0] if len(conditions) == 1 else {"Or": list(conditions)}


def on(error: str, next_state: str, *, at: str | None = "$.error") -> State:
    """A Catch."""
    return {"ErrorEquals": [error], "ResultPath": at, "Next": next_state}


def again(error: str, *, times: int, interval_s: int) -> State:
    """A Retry whose waits double, with jitter."""
    return {
        "ErrorEquals": [error],
        "MaxAttempts": times,
        **(
            {"IntervalSeconds": interval_s, "BackoffRate": 2, "MaxDelaySeconds": 600, "JitterStrategy": "FULL"}
            if times
            else {}
        ),
    }


def machine(comment: str, start_at: str, states: States, *, timeout_s: int | None = None) -> dict[str, Any]:
    return {
        "Comment": comment,
        "StartAt": start_at,
        **({"TimeoutSeconds": timeout_s} if timeout_s is not None else {}),
        "States": states,
    }
