"""Resources of the local CloudFormation, through the services' own APIs."""

from typing import Any

import boto3
from moto import mock_aws

from local_stack.aws.cloudformation.resources import kind_of

POLICY: dict[str, Any] = {
    "PolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}],
    },
    "Roles": ["dagster"],
}


@mock_aws
def test_managed_policy_is_attached_to_its_roles_and_goes_with_its_stack() -> None:
    iam = boto3.client("iam")
    iam.create_role(RoleName="dagster", AssumeRolePolicyDocument="{}")
    kind = kind_of("DagsterPolicy", {"Type": "AWS::IAM::ManagedPolicy", "Properties": POLICY})

    there = kind.put(boto3.client, "DagsterPolicy", POLICY, None)
    attached = iam.list_attached_role_policies(RoleName="dagster")["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [there["Ref"]]

    kind.delete(boto3.client, there)
    assert iam.list_attached_role_policies(RoleName="dagster")["AttachedPolicies"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []
