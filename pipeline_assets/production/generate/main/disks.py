"""The key of the nodes' disks, unless one is taken, and what a role needs to use it."""

from awacs.aws import Bool as AwsBool
from awacs.aws import Condition, Statement
from troposphere import kms

from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.policies import allow, document, left_to_iam


def add_disk_key(stack: MainStack) -> None:
    """Which principals of the account may use it, their roles say."""
    stack.add(
        kms.Key(
            "DiskEncryptionKey",
            Description=f"Disks of the EMR nodes of {stack.production.name}",
            EnableKeyRotation=True,
            KeyPolicy=document([left_to_iam()]),
            Condition="MakesDiskKey",
            Tags=stack.tags,
        )
    )


def disk_key_use(stack: MainStack) -> list[Statement]:
    key = [stack.value("DiskKeyArn")]
    # EC2 asks for data keys without their plaintext, EMR's own program on each node for one with it.
    use = ["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey*", "DescribeKey"]
    for_aws = Condition(AwsBool({"kms:GrantIsForAWSResource": "true"}))
    return [allow([f"kms:{each}" for each in use], key), allow(["kms:CreateGrant"], key, for_aws)]
