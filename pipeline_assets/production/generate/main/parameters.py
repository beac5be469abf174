"""Parameters of the main stack, and the conditions that follow from those that may be left out.

They are what differs per account, and, put in by `pipeline deploy`: the base stack's outputs and SHIPPED, the addresses
of the shipped code, dependencies and settings.
"""

from troposphere import Equals, Not, Ref

from pipeline_assets.production.generate import sources
from pipeline_assets.production.generate.base_template import BUCKETS
from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.policies import SECRETS_KEY, condition_of

SHIPPED = ("Code", "Dependencies", "SettingsUri")  # put in by deploy
# Each has a condition that it is not empty.
_OPTIONAL = {
    "AlarmEmail": "Who is told; empty: subscribe to the topic yourself",
    "Certificate": "s3:// of a zip with PEM files: encryption in transit",
    SECRETS_KEY: "ARN of the KMS key of the secrets; empty: Secrets Manager's own",
    "DagsterRole": "Name of the role that Dagster has; empty: attach DagsterPolicy yourself",
}
# What the account has already.
_TAKEN = {
    "DiskKey": "ARN of a KMS key for the nodes' disks; empty: the stack makes one",
    "ExistingServiceRole": "Name of a role to take as EMR's service role",
    "ExistingInstanceRole": "Name of the role of ExistingInstanceProfile",
    "ExistingInstanceProfile": "Name of a profile to take for the instances",
}
# What the stack makes where the parameter is empty.
_MADE = {
    "DiskKey": "DiskKey",
    "ServiceRole": "ExistingServiceRole",
    "InstanceProfile": "ExistingInstanceProfile",
}


def add_parameters(stack: MainStack) -> None:
    _deployed(stack)
    _network(stack)
    for name, connections in sources.parameters(stack.settings, known=stack.template.parameters).items():
        stack.parameter(name, f"Where is delivered what is read through {connections}")
    _search(stack)
    _may_be_empty(stack)


def _deployed(stack: MainStack) -> None:
    for name in (*BUCKETS, "GuardTable"):
        stack.parameter(name, "Output of the base stack")
    for name in SHIPPED:
        stack.parameter(name, "Address under the hash of its content")


def _network(stack: MainStack) -> None:
    stack.parameter("Vpc", "Where the cluster runs", kind="AWS::EC2::VPC::Id")
    stack.parameter("Subnets", "EMR takes the one that has capacity", kind="List<AWS::EC2::Subnet::Id>")
    for node in ("Primary", "Core", "Service"):
        stack.parameter(f"{node}SecurityGroup", f"Of the {node.lower()} node", kind="AWS::EC2::SecurityGroup::Id")


def _search(stack: MainStack) -> None:
    if "${SearchHost}" in stack.settings.search.url:
        stack.parameter("SearchHost", "Address of the OpenSearch domain")
        stack.output("SearchHost", Ref("SearchHost"), "For the settings")
    if stack.settings.search.auth == "sigv4":
        stack.parameter("SearchDomain", "Name of the OpenSearch domain")


def _may_be_empty(stack: MainStack) -> None:
    for name, description in {**_OPTIONAL, **_TAKEN}.items():
        stack.parameter(name, description, default="")
    for name in _OPTIONAL:
        stack.template.add_condition(condition_of(name), Not(Equals(Ref(name), "")))
    for name, parameter in _MADE.items():
        stack.template.add_condition(f"Makes{name}", Equals(Ref(parameter), ""))
