"""Nodes of the generated cluster get the key of their disks: real boots on the local AWS, which asks as AWS would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local_stack.aws.account import client
from pipeline_assets.emr import clusters
from pipeline_assets.emr.drivers import Drivers
from tests.deployed import Deployed
from tests.domains import LIBRARY
from tests.running import wait_for


@pytest.fixture
def _asked(production: Deployed) -> Iterator[None]:
    production.cloud.switch(authorise=True)
    yield
    production.cloud.switch(authorise=False)


def booted(production: Deployed) -> dict[str, Any]:
    """How it went with a cluster as the settings describe it."""
    emr, settings = production.cloud.emr, production.settings.emr
    assert settings is not None
    request = clusters.request(settings, name="disks", tags={}, drivers=Drivers.of(LIBRARY.jobs, at_once=1))
    cluster = emr.run_job_flow(**request)["JobFlowId"]
    wait_for(lambda: production.cloud.clusters()[cluster] not in ("STARTING", "TERMINATING"))
    status: dict[str, Any] = emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]
    emr.terminate_job_flows(JobFlowIds=[cluster])
    return status


def role_of(production: Deployed, whose: str) -> str:
    settings = production.settings.emr
    assert settings is not None
    if whose == "EMR":
        return settings.service_role
    iam = client("iam", str(production.settings.aws.endpoint))
    profile = iam.get_instance_profile(InstanceProfileName=settings.instance_profile)["InstanceProfile"]
    return str(profile["Roles"][0]["RoleName"])


@contextmanager
def without(production: Deployed, role: str, action: str) -> Iterator[None]:
    """The role as it is generated, but for this action."""
    iam = client("iam", str(production.settings.aws.endpoint))
    named = {"RoleName": role, "PolicyName": "exact"}
    policy = iam.get_role_policy(**named)["PolicyDocument"]
    less = [{**each, "Action": [one for one in each["Action"] if one != action]} for each in policy["Statement"]]
    assert less != policy["Statement"], f"it was generated with {action}"
    kept = [each for each in less if each["Action"]]
    iam.put_role_policy(**named, PolicyDocument=json.dumps({**policy, "Statement": kept}))
    try:
        yield
    finally:
        iam.put_role_policy(**named, PolicyDocument=json.dumps(policy))


@pytest.mark.usefixtures("_asked")
def test_generated_roles_suffice(production: Deployed) -> None:
    status = booted(production)
    assert status["State"] == "WAITING", status["StateChangeReason"]["Message"]


@pytest.mark.usefixtures("_asked")
@pytest.mark.parametrize(
    ("whose", "removed", "code", "missed"),
    [
        ("the instances", "kms:GenerateDataKey*", "BOOTSTRAP_FAILURE", "kms:GenerateDataKey"),
        ("EMR", "kms:GenerateDataKey*", "VALIDATION_ERROR", "kms:GenerateDataKeyWithoutPlaintext"),
        ("EMR", "kms:CreateGrant", "VALIDATION_ERROR", "kms:CreateGrant"),
    ],
)
def test_without_one_of_their_actions_no_cluster_comes_up_and_it_says_why(
    production: Deployed, whose: str, removed: str, code: str, missed: str
) -> None:
    role = role_of(production, whose)
    with without(production, role, removed):
        status = booted(production)
    assert (status["State"], status["StateChangeReason"]["Code"]) == ("TERMINATED_WITH_ERRORS", code)
    said = status["StateChangeReason"]["Message"]
    assert f"/{role}/local is not authorized to perform: {missed} on resource: arn:aws:kms:" in said
