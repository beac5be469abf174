"""Resources of the local CloudFormation, through the services' own APIs."""

from typing import Any

import boto3
import pytest
from moto import mock_aws

from local_stack.aws.cloudformation.resources import Refused, kind_of

POLICY: dict[str, Any] = {
    "PolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}],
    },
    "Roles": ["dagster"],
}


@mock_aws
def test_managed_policy_is_attached_to_its_roles_and_deleted_only_when_nobody_else_has_it() -> None:
    iam = boto3.client("iam")
    for role in ("dagster", "other"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")

    def having() -> set[str]:
        attached = {role: iam.list_attached_role_policies(RoleName=role) for role in ("dagster", "other")}
        return {role for role, found in attached.items() if found["AttachedPolicies"]}

    kind = kind_of("DagsterPolicy", {"Type": "AWS::IAM::ManagedPolicy", "Properties": POLICY})
    there = kind.put("DagsterPolicy", POLICY, None)
    iam.attach_role_policy(RoleName="other", PolicyArn=there["Ref"])
    assert having() == {"dagster", "other"}

    statement = {**POLICY["PolicyDocument"]["Statement"][0], "Action": ["s3:PutObject"]}
    document = {**POLICY["PolicyDocument"], "Statement": [statement]}
    there = kind.put("DagsterPolicy", {"PolicyDocument": document}, there)
    version = iam.get_policy(PolicyArn=there["Ref"])["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=there["Ref"], VersionId=version)["PolicyVersion"]["Document"]
    assert (having(), found) == ({"other"}, document)

    with pytest.raises(Refused, match="Cannot delete a policy attached to entities"):
        kind.delete(there)
    iam.detach_role_policy(RoleName="other", PolicyArn=there["Ref"])
    kind.delete(there)
    assert iam.list_policies(Scope="Local")["Policies"] == []
