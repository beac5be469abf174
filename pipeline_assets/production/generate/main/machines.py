"""The state machines: each with its role, its log and its definition, whose `${NAME}`s the stack puts in.

Does not own: the definitions (daily_machine, side_machines), what a machine may (machine_roles), what starts it
(starts).
"""

import json
import re
from typing import Any

from awacs.aws import Statement
from troposphere import GetAtt, Ref, Sub, logs, stepfunctions

from pipeline_assets.production.generate.main.machine_roles import machine_statements
from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.policies import role

_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")


def add_machines(stack: MainStack, definitions: dict[str, dict[str, Any]]) -> None:
    for name, statements in machine_statements(stack).items():
        _machine(stack, name, definitions[name], statements)


def _machine(stack: MainStack, name: str, definition: dict[str, Any], statements: list[Statement]) -> None:
    title, full = name.capitalize(), f"{stack.production.name}-{name}"
    arn = f"arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:stateMachine:{full}"
    stack.add(role(f"{title}Role", "states.amazonaws.com", statements, source=Sub(arn), Tags=stack.tags))
    group = stack.add(
        logs.LogGroup(
            f"{title}Log",
            LogGroupName=f"/aws/vendedlogs/states/{full}",
            RetentionInDays=stack.production.log_retention_days,
        )
    )
    names = sorted(set(_SUBSTITUTION.findall(json.dumps(definition))))
    stack.add(
        stepfunctions.StateMachine(
            f"{title}Machine",
            StateMachineName=full,
            StateMachineType="STANDARD",
            RoleArn=GetAtt(f"{title}Role", "Arn"),
            Definition=definition,
            DefinitionSubstitutions={each: stack.value(each) for each in names},
            LoggingConfiguration=_errors_to(group),
            Tags=stack.tags,
        )
    )
    stack.output(f"{title}Machine", Ref(f"{title}Machine"), f"ARN of the state machine {name}")


def _errors_to(group: logs.LogGroup) -> stepfunctions.LoggingConfiguration:
    destination = stepfunctions.CloudWatchLogsLogGroup(LogGroupArn=GetAtt(group, "Arn"))
    return stepfunctions.LoggingConfiguration(
        Level="ERROR",
        IncludeExecutionData=False,
        Destinations=[stepfunctions.LogDestination(CloudWatchLogsLogGroup=destination)],
    )
