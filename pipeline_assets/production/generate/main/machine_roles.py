"""What each state machine may do in AWS: statements.

Does not own: the roles and the machines (machines), what a machine calls (daily_machine, side_machines).
"""

from awacs.aws import Condition, Null, Statement, StringEquals
from troposphere import Sub

from pipeline_assets.emr.clusters import INSTANCE_TAG
from pipeline_assets.production.generate.daily_machine import reasons
from pipeline_assets.production.generate.main.runtime_roles import runtime_arns
from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.policies import allow, cleanup_role, pass_role, publish
from pipeline_assets.production.generate.tags import STACK_TAG

CLUSTERS = Sub("arn:${AWS::Partition}:elasticmapreduce:${AWS::Region}:${AWS::AccountId}:cluster/*")
GUARD_TABLE = Sub("arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${GuardTable}")
MANAGED_RULES = ("RunJobFlow", "AddJobFlowSteps", "TerminateJobFlows")


def machine_statements(stack: MainStack) -> dict[str, list[Statement]]:
    """By machine."""
    return {"daily": _daily(stack), "reaper": _reaper(stack), "watch": _watch()}


def _daily(stack: MainStack) -> list[Statement]:
    return [
        *_of_the_cluster(stack),
        *_passed_roles(stack),
        cleanup_role(),
        _managed_rules(),
        allow(["dynamodb:PutItem", "dynamodb:UpdateItem"], [GUARD_TABLE]),
        allow(["s3:GetObject"], [Sub(f"arn:${{AWS::Partition}}:s3:::{reasons(stack.settings)}")]),
        *publish(),
        _logging(),
    ]


def _reaper(stack: MainStack) -> list[Statement]:
    return [
        allow(
            ["elasticmapreduce:DescribeCluster", "elasticmapreduce:TerminateJobFlows"],
            [CLUSTERS],
            _of_this_deployment(stack),
        ),
        allow(["elasticmapreduce:ListClusters"], ["*"]),  # it knows no resource
        allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], [GUARD_TABLE]),
        *publish(),
        _logging(),
    ]


def _watch() -> list[Statement]:
    return [allow(["dynamodb:GetItem"], [GUARD_TABLE]), *publish(), _logging()]


def _of_the_cluster(stack: MainStack) -> list[Statement]:
    """RunJobFlow is authorised for the tags and the idle time-out of its request as well."""
    steps = ["AddJobFlowSteps", "CancelSteps", "DescribeCluster", "DescribeStep", "TerminateJobFlows"]
    policies = ["PutAutoTerminationPolicy", "GetAutoTerminationPolicy", "RemoveAutoTerminationPolicy", "AddTags"]
    # Tagging must not become a way to end a cluster that Dagster made.
    not_of_dagster = Condition(Null({f"elasticmapreduce:ResourceTag/{INSTANCE_TAG}": "true"}))
    tagged = Condition(StringEquals(f"elasticmapreduce:RequestTag/{STACK_TAG}", stack.production.name))
    return [
        allow(["elasticmapreduce:RunJobFlow"], ["*"], tagged),  # a cluster that does not exist has no ARN
        allow([f"elasticmapreduce:{each}" for each in steps], [CLUSTERS], _of_this_deployment(stack)),
        allow([f"elasticmapreduce:{each}" for each in policies], [CLUSTERS], not_of_dagster),
    ]


def _of_this_deployment(stack: MainStack) -> Condition:
    return Condition(StringEquals(f"elasticmapreduce:ResourceTag/{STACK_TAG}", stack.production.name))


def _passed_roles(stack: MainStack) -> list[Statement]:
    runtime = runtime_arns(stack)
    return [
        pass_role([stack.value("ServiceRoleArn")], "elasticmapreduce.amazonaws.com"),
        pass_role([stack.value("InstanceRoleArn")], "ec2.amazonaws.com"),
        *([pass_role(runtime, "elasticmapreduce.amazonaws.com")] if runtime else []),
    ]


def _managed_rules() -> Statement:
    """By which Step Functions hears of EMR's events."""
    prefix = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/StepFunctionsGetEventForEMR"
    rules = [Sub(f"{prefix}{each}Rule") for each in MANAGED_RULES]
    return allow(["events:PutTargets", "events:PutRule", "events:DescribeRule"], rules)


def _logging() -> Statement:
    delivery = [f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")]
    return allow(
        [
            *delivery,
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        ],
        ["*"],  # these know no resource
    )
