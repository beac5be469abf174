"""Changes and ends of stacks as `deploy` and `destroy` wait for them, on the local CloudFormation in this process."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from emr_jobs.core.errors import Misconfigured
from local_stack.aws import REGION, cloudformation, faults
from pipeline_assets.home import deployment_settings
from pipeline_assets.production.apply.stacks import StackFailed, Stacks
from pipeline_assets.production.running.executions import Executions

NAME, GROUP = "library", "library-log"
# The local CloudFormation has no such policy.
BROKEN = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "any", "PolicyDocument": {"Statement": [{}]}}}


@pytest.fixture(scope="module")
def _stacks() -> Iterator[Stacks]:
    """Clients cost most of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        cloudformation.install()
        yield Stacks(poll_s=0)


@pytest.fixture
def stacks(_stacks: Stacks) -> Iterator[Stacks]:
    """Of an empty account."""
    with mock_aws():
        yield _stacks
    for known in (cloudformation.STACKS, cloudformation.DELETED, cloudformation.LATE, cloudformation.CHANGE_SETS):
        known.clear()
    faults.clear()


def log(days: int, **more: Any) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": GROUP, "RetentionInDays": days}, **more}


def days_kept() -> list[int]:
    """Of the log groups that there are."""
    return [each["retentionInDays"] for each in boto3.client("logs").describe_log_groups()["logGroups"]]


def bucket(name: str, **more: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}, **more}


def buckets() -> list[str]:
    return [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]]


def brought_to(stacks: Stacks, **resources: Any) -> str:
    """The status in which the stack then is."""
    proposed = stacks.propose(NAME, json.dumps({"Resources": resources}), parameters={}, tags={})
    assert proposed is not None
    return stacks.apply(proposed).status


def test_a_change_that_begins_late_is_waited_for(stacks: Stacks) -> None:
    brought_to(stacks, Log=log(1))
    faults.switch_on("start_late", NAME, 1)
    assert (brought_to(stacks, Log=log(3)), days_kept()) == ("UPDATE_COMPLETE", [3])


def test_a_deletion_that_failed_is_tried_again(stacks: Stacks) -> None:
    brought_to(stacks, Bucket=bucket("loans"))
    s3 = boto3.client("s3")
    s3.put_object(Bucket="loans", Key="one")
    with pytest.raises(StackFailed, match=r"^stack library: Bucket \(AWS::S3::Bucket\): ClientError: .*BucketNotEmpty"):
        stacks.delete(NAME)
    s3.delete_object(Bucket="loans", Key="one")
    faults.switch_on("start_late", NAME, 1)
    stacks.delete(NAME)
    assert (stacks.find(NAME), buckets()) == (None, [])


def test_a_creation_that_fails_leaves_only_what_is_retained_always_and_a_stack_that_cannot_be_changed(
    stacks: Stacks,
) -> None:
    policies = ("Retain", "RetainExceptOnCreate", "Delete")
    made = {f"{policy}Bucket": bucket(policy.lower(), DeletionPolicy=policy) for policy in policies}
    with pytest.raises(StackFailed) as failed:
        brought_to(stacks, **made, Broken={**BROKEN, "DependsOn": list(made)})
    assert str(failed.value) == (
        "stack library ended ROLLBACK_COMPLETE: Broken (AWS::S3::BucketPolicy): Refused: library-Broken: a bucket "
        "policy that asks for more than TLS. Mend it, then: pipeline deploy"
    )
    assert buckets() == ["retain"]
    settings = deployment_settings()
    assert settings.production is not None
    named = settings.model_copy(update={"production": settings.production.model_copy(update={"name": NAME})})
    with pytest.raises(Misconfigured, match="nothing is deployed as library"):
        Executions(named)
    for kind, said in (("CREATE", "already exists"), ("UPDATE", "is in ROLLBACK_COMPLETE state and can not be")):
        with pytest.raises(ClientError, match=said):
            boto3.client("cloudformation").create_change_set(
                StackName=NAME, ChangeSetName="again", ChangeSetType=kind, TemplateBody='{"Resources": {}}'
            )


def test_an_update_that_fails_is_rolled_back(stacks: Stacks) -> None:
    brought_to(stacks, Log=log(1))
    new = bucket("new", DeletionPolicy="RetainExceptOnCreate")
    with pytest.raises(StackFailed, match=r"^stack library ended UPDATE_ROLLBACK_COMPLETE: Broken \(AWS::S3"):
        brought_to(stacks, Log=log(3), New=new, Broken={**BROKEN, "DependsOn": ["Log", "New"]})
    assert (days_kept(), buckets()) == ([1], [])
    assert (brought_to(stacks, Log=log(5)), days_kept()) == ("UPDATE_COMPLETE", [5])


def test_what_is_replaced_stays_when_its_policy_says_so(stacks: Stacks) -> None:
    def database(name: str) -> dict[str, Any]:
        kind = {"Type": "AWS::Glue::Database", "UpdateReplacePolicy": "Retain"}
        return {**kind, "Properties": {"DatabaseInput": {"Name": name}}}

    brought_to(stacks, Database=database("before"))
    assert brought_to(stacks, Database=database("now")) == "UPDATE_COMPLETE"
    found = boto3.client("glue").get_databases()["DatabaseList"]
    assert {each["Name"] for each in found} == {"before", "now"}


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_what_is_retained_outlives_its_stack(stacks: Stacks, policy: str) -> None:
    brought_to(stacks, Log=log(1, DeletionPolicy=policy))
    stacks.delete(NAME)
    assert (stacks.find(NAME), days_kept()) == (None, [1])
