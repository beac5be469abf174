"""Deployed against generated: resource by resource, a state machine state by state. Pure but for `deployed`.

Compares what CloudFormation was given, the jobs' code and settings, the parameters that deploy puts in or that are
given, and, since the console can change them behind its back, what is there: definitions and schedules state by state,
roles, alarms and the rest as CloudFormation itself sees their drift. Not compared: dependencies.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import tomlkit

from pipeline_assets.production.apply.deploy import jobs_settings, names_in
from pipeline_assets.production.apply.stacks import Stack, Stacks
from pipeline_assets.production.generate.synth import Deployment
from pipeline_assets.s3 import Folder
from pipeline_assets.shipping import package

Answer = TypeVar("Answer")

ABSENT = "absent"
STATE_BY_STATE = ("AWS::StepFunctions::StateMachine", "AWS::Scheduler::Schedule")
AS_IT_RUNS = " as it runs"
GONE = ("ResourceNotFoundException", "StateMachineDoesNotExist")
_SUBSTITUTION = re.compile(r"\\\$\\\{\w+\\\}")


@dataclass(frozen=True)
class Difference:
    stack: str
    place: str  # path in the template
    deployed: str
    generated: str

    @property
    def is_drift(self) -> bool:
        """Of a resource as it is, not as CloudFormation was told."""
        return AS_IT_RUNS in self.place


def differences(
    deployment: Deployment, stacks: Stacks, parameters: Mapping[str, str] | None = None
) -> list[Difference]:
    """`parameters`: values that deploy would be given; those that it is not given stay."""
    found = []
    wanted = dict(parameters or {})
    for name, template in deployment.stacks.items():
        stack = stacks.find(name)
        if stack is None:
            found.append(Difference(name, "stack", ABSENT, "generated"))
            continue
        found += compared(name, stacks.template(name), template)
        found += _parameters(stack, wanted)
        wanted |= stack.outputs if name == deployment.base_stack else {}
        found += _drift(name, stacks)
        if name == deployment.production.name:
            found += _shipped_code(stack, deployment.settings.domain)
            found += _jobs_settings(deployment, stack)
            found += _live_machines(deployment, stack)
            found += _live_schedules(name, template)
    return found


def _parameters(stack: Stack, wanted: Mapping[str, str]) -> list[Difference]:
    """Of those that the stack has: outputs of the base stack, and what is given."""
    return [
        Difference(stack.name, f"Parameters.{name}", json.dumps(deployed), json.dumps(wanted[name]))
        for name, deployed in sorted(stack.parameters.items())
        if name in wanted and deployed != wanted[name]
    ]


def _drift(name: str, stacks: Stacks) -> list[Difference]:
    """But for what is compared state by state."""
    found = [each for each in stacks.drift(name) if each.kind not in STATE_BY_STATE]
    return [
        Difference(name, f"{each.resource}{AS_IT_RUNS}{each.path.replace('/', '.')}", each.actual, each.expected)
        for each in found
    ]


def _shipped_code(stack: Stack, domain: str) -> list[Difference]:
    """Of the package only our own code: its dependencies are not built to be compared."""
    deployed = stack.parameters["Code"].rpartition("/")[2]
    ours = package.code_name(domain).removesuffix(".zip")
    return [] if deployed == ours else [Difference(stack.name, "Code", deployed, ours)]


def _jobs_settings(deployment: Deployment, stack: Stack) -> list[Difference]:
    folder, _, name = stack.parameters["SettingsUri"].rpartition("/")
    deployed = tomlkit.parse((Folder(folder).read(name) or b"").decode()).unwrap()
    as_they_are = {name: f"${{{name}}}" for name in names_in(deployment.settings)}
    ours = jobs_settings(deployment.settings, {**as_they_are, **stack.parameters, **stack.outputs})
    return list(_between(stack.name, "settings", deployed, ours))


def compared(stack: str, deployed: dict[str, Any], generated: dict[str, Any]) -> list[Difference]:
    return list(_between(stack, "", deployed, generated))


def _between(
    stack: str, place: str, deployed: Any, generated: Any, *, substituted: bool = False
) -> Iterator[Difference]:
    if isinstance(deployed, dict) and isinstance(generated, dict):
        for key in sorted({*deployed, *generated}):
            inner = f"{place}.{key}" if place else key
            if key not in generated or key not in deployed:
                yield Difference(stack, inner, _said(deployed, key), _said(generated, key))
            else:
                yield from _between(stack, inner, deployed[key], generated[key], substituted=substituted)
    elif isinstance(deployed, list) and isinstance(generated, list) and len(deployed) == len(generated):
        for number, (one, other) in enumerate(zip(deployed, generated, strict=True)):
            yield from _between(stack, f"{place}[{number}]", one, other, substituted=substituted)
    elif deployed != generated and not (substituted and _is_substituted(deployed, generated)):
        yield Difference(stack, place, json.dumps(deployed), json.dumps(generated))


def _said(values: dict[str, Any], key: str) -> str:
    return json.dumps(values[key]) if key in values else ABSENT


def _is_substituted(deployed: Any, generated: Any) -> bool:
    """Whether the first is the second with something in the place of each ${NAME}."""
    if not (isinstance(deployed, str) and isinstance(generated, str)):
        return False
    return re.fullmatch(_SUBSTITUTION.sub(".*", re.escape(generated)), deployed, re.DOTALL) is not None


def _live_machines(deployment: Deployment, stack: Stack) -> list[Difference]:
    import boto3

    states = boto3.client("stepfunctions")
    found = []
    for name, generated in deployment.definitions.items():
        title = f"{name.capitalize()}Machine"
        place = f"{title}{AS_IT_RUNS}"
        arn = stack.outputs.get(title)
        answer = _unless_absent(partial(states.describe_state_machine, stateMachineArn=arn)) if arn else None
        if answer is None:
            found.append(Difference(stack.name, place, ABSENT, "generated"))
        else:
            found += list(_between(stack.name, place, json.loads(answer["definition"]), generated, substituted=True))
    return found


def _live_schedules(stack: str, template: dict[str, Any]) -> list[Difference]:
    import boto3

    scheduler = boto3.client("scheduler")
    found = []
    for title, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Scheduler::Schedule":
            continue
        wanted, place = resource["Properties"], f"{title}{AS_IT_RUNS}"
        name = wanted["Name"]
        live: Mapping[str, Any] | None = _unless_absent(
            partial(scheduler.get_schedule, Name=name, GroupName=name.rpartition("-")[0])
        )
        if live is None:
            found.append(Difference(stack, place, ABSENT, "generated"))
            continue
        for key in ("ScheduleExpression", "ScheduleExpressionTimezone", "State", "FlexibleTimeWindow"):
            found += list(_between(stack, f"{place}.{key}", live[key], wanted[key]))
        for key in ("Input", "RetryPolicy"):
            found += list(_between(stack, f"{place}.Target.{key}", live["Target"].get(key), wanted["Target"][key]))
    return found


def _unless_absent(call: Callable[[], Answer]) -> Answer | None:
    """The answer, None when what is asked for was deleted behind the stack's back."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return None
        raise
