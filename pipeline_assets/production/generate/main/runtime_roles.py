"""A role per job, so that only the job that reads a source can read its secret. Not run on AWS.

Only with `production.runtime_roles`. Does not own: what a job may (job_access), which jobs have one (stack).
"""

from awacs.aws import Action
from emr_jobs.catalog import Job
from troposphere import GetAtt, Ref, iam

from pipeline_assets.production.generate.main.job_access import data
from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.policies import allow, document, role
from pipeline_assets.production.generate.secrets import secrets_of

TAKING = ["sts:AssumeRole", "sts:TagSession"]  # what EMR does with a runtime role, on the cluster's behalf


def add_runtime_roles(stack: MainStack) -> None:
    if not stack.runtime_roles:
        return
    for title, job in stack.runtime_roles.items():
        stack.add(_runtime_role(stack, title, job))
    stack.add(
        iam.ManagedPolicy(
            "RuntimeRolesPolicy",
            PolicyDocument=document([allow(TAKING, runtime_arns(stack))]),
            Roles=[Ref("EmrInstanceRole")],
            Condition="MakesInstanceProfile",
        )
    )


def runtime_arns(stack: MainStack) -> list[GetAtt]:
    return [GetAtt(title, "Arn") for title in stack.runtime_roles]


def _runtime_role(stack: MainStack, title: str, job: Job) -> iam.Role:
    """Taken by the nodes' role, not by EC2."""
    statements = data(stack, secrets=secrets_of(job, stack.settings))
    runtime_role = role(title, "ec2.amazonaws.com", statements, Tags=stack.tags)
    trust = runtime_role.AssumeRolePolicyDocument.Statement[0]
    trust.Principal.data = {"AWS": stack.value("InstanceRoleArn")}
    trust.Action = [Action(*each.split(":")) for each in TAKING]
    return runtime_role
