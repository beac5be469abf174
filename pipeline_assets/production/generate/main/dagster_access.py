"""The policy of the Dagster code location; its statements are dagster_policy's."""

from troposphere import If, NoValue, Ref, iam

from pipeline_assets.production.generate.dagster_policy import dagster_statements
from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.policies import document


def add_dagster_policy(stack: MainStack) -> None:
    roles = {"service_role": stack.value("ServiceRoleArn"), "instance_role": stack.value("InstanceRoleArn")}
    policy = iam.ManagedPolicy(
        "DagsterPolicy",
        PolicyDocument=document(dagster_statements(stack.settings, **roles)),
        Roles=If("HasDagsterRole", [Ref("DagsterRole")], NoValue),
    )
    stack.add(policy)
    stack.output("DagsterPolicy", Ref(policy), "ARN of what the Dagster code location may do")
