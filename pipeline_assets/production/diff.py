"""Deployed against generated: resource by resource, a state machine state by state. Pure but for `deployed`.

Compares what CloudFormation was given, and, since the console can change them behind its back, the definitions and
the schedules as they are.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline_assets.production.stacks import Stacks
from pipeline_assets.production.synth import Deployment

ABSENT = "absent"
_SUBSTITUTION = re.compile(r"\\\$\\\{\w+\\\}")


@dataclass(frozen=True)
class Difference:
    stack: str
    place: str  # path in the template
    deployed: str
    generated: str


def differences(deployment: Deployment, stacks: Stacks) -> list[Difference]:
    found = []
    for name, template in deployment.stacks.items():
        stack = stacks.find(name)
        if stack is None:
            found.append(Difference(name, "stack", ABSENT, "generated"))
            continue
        found += compared(name, stacks.template(name), template)
        for title, machine in deployment.definitions.items() if name == deployment.production.name else ():
            live = _live_definition(stack.outputs[f"{title.capitalize()}Machine"])
            place = f"{title.capitalize()}Machine as it runs"
            found += list(_between(name, place, live, machine, substituted=True))
        found += _live_schedules(name, template)
    return found


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


def _live_definition(arn: str) -> dict[str, Any]:
    import boto3

    return dict(json.loads(boto3.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["definition"]))


def _live_schedules(stack: str, template: dict[str, Any]) -> list[Difference]:
    import boto3

    found = []
    for title, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Scheduler::Schedule":
            continue
        wanted = resource["Properties"]
        group = wanted["Name"].rpartition("-")[0]
        live = boto3.client("scheduler").get_schedule(Name=wanted["Name"], GroupName=group)
        for key in ("ScheduleExpression", "ScheduleExpressionTimezone", "State"):
            found += list(_between(stack, f"{title} as it runs.{key}", live[key], wanted[key]))
    return found
