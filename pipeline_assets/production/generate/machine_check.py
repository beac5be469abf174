"""Whether a state machine fits together: what CloudFormation, Step Functions and cfn-lint accept and runs into a wall.

Targets exist, all states are reachable, every Retry and Catch can be met, service actions are known, a path that is
read was written by every way that leads there, and no way from the creation of a cluster misses its end, be it a
failure that nothing catches. Raises nothing: answers with sentences. Does not own: the fields of a state (cfn-lint).
"""

import json
import re
from collections.abc import Iterator
from functools import reduce
from typing import Any

State = dict[str, Any]
Shape = dict[str, Any] | None  # the keys that are there; None: anything below is taken as there

ACTIONS = {
    "elasticmapreduce:createCluster",
    "elasticmapreduce:addStep.sync",
    "elasticmapreduce:terminateCluster",
    "aws-sdk:emr:describeCluster",
    "aws-sdk:emr:listClusters",
    "aws-sdk:s3:getObject",
    "dynamodb:getItem",
    "dynamodb:putItem",
    "dynamodb:updateItem",
    "sns:publish",
}
CREATES, ENDS = "elasticmapreduce:createCluster", "elasticmapreduce:terminateCluster"
ERRORS = {"States.ALL", "States.TaskFailed", "States.Timeout"}
SERVICE_ERRORS = {"DynamoDB.ConditionalCheckFailedException", "EMR.AmazonElasticMapReduceException"}
MAXIMUM_BYTES = 1024 * 1024
MAXIMUM_FUNCTIONS = 10  # nested in one field; all of a field are counted
NAME_LENGTH = 80
ERROR_SHAPE: Shape = {"Error": None, "Cause": None}

_PREFIX = "arn:aws:states:::"
_PATH = re.compile(r"(?<![$\w])\$(?!\$)((?:\.\w+|\[[^\]]*\])*)")
_PART = re.compile(r"\w+|\*")


def faults(machine: State, *, given: Shape) -> list[str]:
    """What is wrong; `given` are the keys that the input always has."""
    size = len(json.dumps(machine))
    found = [f"definition: {size} bytes, at most {MAXIMUM_BYTES}"] if size > MAXIMUM_BYTES else []
    return [*found, *_of_scope(machine, "", given)]


def _of_scope(scope: State, where: str, given: Shape) -> Iterator[str]:
    states: dict[str, State] = scope["States"]
    missing = [
        f"{where}{name}: {target} does not exist"
        for name, target in [("StartAt", scope["StartAt"]), *((n, t) for n in states for t in _targets(states[n]))]
        if target not in states
    ]
    yield from missing
    if missing:
        return  # what follows walks the graph
    reached = _reachable(states, scope["StartAt"])
    yield from (f"{where}{name}: not reachable" for name in states if name not in reached)
    yield from (f"{where}{name} misses the end of the cluster" for name in _leaks(states))
    shapes = _shapes(states, scope["StartAt"], given)
    for name, state in states.items():
        yield from (f"{where}{name}: {fault}" for fault in _of_state(name, state))
        if name in shapes:
            unknown = [path for path in _paths_read(state) if not _has(shapes[name], path)]
            yield from (f"{where}{name}: ${path} is not written on every way to it" for path in unknown)
            for inner, shape in _inner(state, shapes[name]):
                yield from _of_scope(inner, f"{where}{name} > ", shape)


def _of_state(name: str, state: State) -> Iterator[str]:
    if len(name) > NAME_LENGTH:
        yield f"a name of {len(name)} characters, at most {NAME_LENGTH}"
    if state["Type"] not in ("Fail", "Succeed", "Choice") and ("Next" in state) == (state.get("End") is True):
        yield "either Next or End"
    if state["Type"] == "Task":
        action = state["Resource"].removeprefix(_PREFIX)
        if action not in ACTIONS or not state["Resource"].startswith(_PREFIX):
            yield f"service action {state['Resource']} is not one of {', '.join(sorted(ACTIONS))}"
    for field in ("Parameters", "ResultSelector"):
        for value in _computed(state.get(field, {})):
            if (count := value.count("States.")) > MAXIMUM_FUNCTIONS:
                yield f"{field}: {count} intrinsic functions in one value, at most {MAXIMUM_FUNCTIONS}"
    for field in ("Retry", "Catch"):
        yield from _unmet(field, [rule["ErrorEquals"] for rule in state.get(field, [])])


def _unmet(field: str, rules: list[list[str]]) -> Iterator[str]:
    """The first rule that matches counts, so one behind a wider one never does."""
    seen: set[str] = set()
    for errors in rules:
        for error in errors:
            if error not in ERRORS | SERVICE_ERRORS:
                yield f"{field}: error {error} is not one of {', '.join(sorted(ERRORS | SERVICE_ERRORS))}"
            if "States.ALL" in seen or ("States.TaskFailed" in seen and error in SERVICE_ERRORS) or error in seen:
                yield f"{field}: {error} stands behind one that matches it"
        if "States.ALL" in errors and len(errors) > 1:
            yield f"{field}: States.ALL stands alone"
        seen.update(errors)


def _targets(state: State) -> list[str]:
    """Of a state, within its own scope."""
    chosen = [each["Next"] for each in state.get("Choices", [])]
    caught = [each["Next"] for each in state.get("Catch", [])]
    return [*chosen, *caught, *(state[field] for field in ("Next", "Default") if field in state)]


def _reachable(states: dict[str, State], start: str) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _targets(states[name])
    return reached


def _leaks(states: dict[str, State]) -> Iterator[str]:
    """Where an execution can end without having ended its cluster; a state that ends one counts, failed or not."""
    open_after: set[str] = set()
    closing: set[str] = set()
    waiting = [state["Next"] for state in states.values() if _does(state, CREATES) and "Next" in state]
    while waiting:
        name = waiting.pop()
        if _does(states[name], ENDS):
            closing.add(name)
        elif _does(states[name], CREATES):
            yield f"{name}: a way to another one"
        elif name not in open_after:
            open_after.add(name)
            waiting += _targets(states[name])
    yield from (f"{name}:" for name in sorted(open_after) if not _targets(states[name]))
    yield from (f"{name}:" for name, state in states.items() if _does(state, CREATES) and "Next" not in state)
    for name in sorted(open_after | closing):
        yield from (f"{each}: a failure of it" for each in _uncaught(name, states[name]))


def _does(state: State, action: str) -> bool:
    return bool(state.get("Resource", "").removeprefix(_PREFIX).split(".")[0] == action)


def _uncaught(name: str, state: State) -> Iterator[str]:
    """It, or what in it fails without a Catch of its own or of something around it: the execution ends there."""
    if any("States.ALL" in rule["ErrorEquals"] for rule in state.get("Catch", [])):
        return
    if state["Type"] in ("Task", "Fail"):
        yield name
    for scope, _ in _inner(state, None):
        for inner, each in scope["States"].items():
            yield from (f"{name} > {found}" for found in _uncaught(inner, each))


def _inner(state: State, shape: Shape) -> list[tuple[State, Shape]]:
    if state["Type"] == "Map":
        return [(state["ItemProcessor"], None)]
    return [(branch, shape) for branch in state.get("Branches", [])]


def _shapes(states: dict[str, State], start: str, given: Shape) -> dict[str, Shape]:
    """What `$` has for certain when a state is entered: the common part of all ways to it."""
    shapes: dict[str, Shape] = {start: given}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for target, shape in _leaving(states[name], shapes[name]):
            if target not in states:  # said where its scope is looked at
                continue
            met = _common(shapes[target], shape) if target in shapes else shape
            if target not in shapes or met != shapes[target]:
                shapes[target] = met
                waiting.append(target)
    return shapes


def _leaving(state: State, shape: Shape) -> Iterator[tuple[str, Shape]]:
    for each in state.get("Choices", []):
        yield each["Next"], shape
    if "Default" in state:
        yield state["Default"], shape
    if "Next" in state:
        yield state["Next"], _after(state, shape)
    for each in state.get("Catch", []):
        yield each["Next"], _placed(shape, each.get("ResultPath", "$"), ERROR_SHAPE)


def _after(state: State, shape: Shape) -> Shape:
    result: Shape = None
    if state["Type"] == "Pass":
        result = (
            _shape_of(state["Parameters"], shape) if "Parameters" in state else _shape_of_value(state.get("Result"))
        )
    elif "ResultSelector" in state:
        result = _shape_of(state["ResultSelector"], None)
    elif state["Type"] == "Parallel":
        result = {str(number): _ended(branch, shape) for number, branch in enumerate(state["Branches"])}
    return _placed(shape, state.get("ResultPath", "$"), result)


def _ended(branch: State, given: Shape) -> Shape:
    """The common part of all that a branch can end with."""
    states = branch["States"]
    shapes = _shapes(states, branch["StartAt"], given)
    ends = [_after(states[name], shape) for name, shape in shapes.items() if not _targets(states[name])]
    return reduce(_common, ends)


def _shape_of(parameters: State, shape: Shape) -> Shape:
    made: dict[str, Any] = {}
    for name, value in parameters.items():
        if name.endswith(".$"):
            made[name.removesuffix(".$")] = _below(shape, value) if _PATH.fullmatch(value) else None
        else:
            made[name] = _shape_of(value, shape) if isinstance(value, dict) else None
    return made


def _shape_of_value(value: Any) -> Shape:
    return {name: _shape_of_value(each) for name, each in value.items()} if isinstance(value, dict) else None


def _placed(shape: Shape, path: str | None, result: Shape) -> Shape:
    if path is None:
        return shape
    if path == "$":
        return result
    if shape is None:
        return None
    first, *rest = _PART.findall(path)
    below = _placed(shape.get(first, {}), "$." + ".".join(rest), result) if rest else result
    return {**shape, first: below}


def _common(one: Shape, other: Shape) -> Shape:
    if one is None or other is None:
        return one if other is None else other
    return {name: _common(one[name], other[name]) for name in one.keys() & other.keys()}


def _below(shape: Shape, path: str) -> Shape:
    for part in _PART.findall(path):
        if shape is None:
            return None
        shape = shape.get(part)
    return shape


def _has(shape: Shape, path: str) -> bool:
    return _has_parts(shape, _PART.findall(path))


def _has_parts(shape: Shape, parts: list[str]) -> bool:
    """A * is every key."""
    if shape is None or not parts:
        return True
    first, *rest = parts
    below = shape.values() if first == "*" else [shape[first]] if first in shape else []
    return bool(below) and all(_has_parts(each, rest) for each in below)


def _paths_read(state: State) -> Iterator[str]:
    """Of the input; what is only asked for by IsPresent need not be there."""
    for field in ("InputPath", "ItemsPath", "ErrorPath", "CausePath"):
        yield from _PATH.findall(state.get(field) or "")
    for field in ("Parameters", "ItemSelector"):
        yield from _paths_in(state.get(field, {}))
    for each in state.get("Choices", []):
        yield from _paths_compared(each)


def _paths_in(value: Any) -> Iterator[str]:
    for each in _computed(value):
        yield from _PATH.findall(each)


def _computed(value: Any) -> Iterator[str]:
    """Every path and intrinsic function, its literals emptied."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name.endswith(".$"):
                yield re.sub(r"'[^']*'", "''", each)
            else:
                yield from _computed(each)
    elif isinstance(value, list):
        for each in value:
            yield from _computed(each)


def _paths_compared(condition: State) -> Iterator[str]:
    asked: list[str] = []
    for each in [
        *condition.get("And", []),
        *condition.get("Or", []),
        *([condition["Not"]] if "Not" in condition else []),
    ]:
        if "IsPresent" in each:
            asked += _PATH.findall(each["Variable"])
        else:
            yield from (path for path in _paths_compared(each) if not any(path.startswith(known) for known in asked))
    if "Variable" in condition and "IsPresent" not in condition:
        yield from _PATH.findall(condition["Variable"])
        yield from (path for field in condition if field.endswith("Path") for path in _PATH.findall(condition[field]))
