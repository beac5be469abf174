"""What a deployment asks of an account before it changes anything, on the local AWS."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from local_stack.aws import SUBNETS, VPC
from local_stack.aws.account import client
from local_stack.simulation.world import parameters
from pipeline_assets.deployment import deployment
from pipeline_assets.emr import clusters
from pipeline_assets.findings import Finding, Level
from pipeline_assets.home import deployment_settings
from pipeline_assets.production.apply.preflight import CHECKS, Account, preflight
from pipeline_assets.production.generate.synth import Deployment
from tests.aws import Cloud

DOMAIN = "ready"
SECRETS = ("library/office-key", "library/club-key")
VALUES = {**parameters(), "SearchDomain": DOMAIN}


@pytest.fixture(scope="module")
def generated() -> Deployment:
    return deployment(deployment_settings())


@pytest.fixture
def aws(cloud: Cloud) -> Iterator[Any]:
    """Clients of an account that lacks nothing."""

    def of(service: str) -> Any:
        return client(service, str(cloud.settings.aws.endpoint))

    of("opensearch").create_domain(DomainName=DOMAIN, ClusterConfig={"InstanceCount": 2})
    for name in SECRETS:
        of("secretsmanager").create_secret(Name=name, SecretString="it")
    of("emr").put_block_public_access_configuration(
        BlockPublicAccessConfiguration={"BlockPublicSecurityGroupRules": True}
    )
    yield of
    of("opensearch").delete_domain(DomainName=DOMAIN)
    for name in SECRETS:
        of("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def found(generated: Deployment, **values: str) -> dict[str, list[Finding]]:
    """Whatever is not well, by check."""
    bad: dict[str, list[Finding]] = {}
    for each in preflight(Account(generated, {**VALUES, **values})):
        if each.level is not Level.OK:
            bad.setdefault(each.check, []).append(each)
    return bad


def said(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(each.level, str(each)) for each in findings]


def test_account_that_is_ready_has_a_line_for_each_check(generated: Deployment, aws: Any) -> None:
    assert preflight(Account(generated, VALUES)) == [Finding(name, Level.OK, "") for name in CHECKS]


def test_network_that_is_not_the_one_that_was_meant(generated: Deployment, aws: Any) -> None:
    ec2 = aws("ec2")
    ec2.modify_vpc_attribute(VpcId=VPC, EnableDnsHostnames={"Value": False})
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    bare = ec2.create_subnet(VpcId=other, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    try:
        bad = found(generated, Subnets=f"{SUBNETS[0]},{bare},subnet-gone", CoreSecurityGroup="sg-gone")
    finally:
        ec2.modify_vpc_attribute(VpcId=VPC, EnableDnsHostnames={"Value": True})
    assert {check: said(each) for check, each in bad.items()} == {
        "VPC": [
            (
                "warning",
                f"{VPC} has enableDnsHostnames off: nodes of EMR do not find each other's names. "
                f"aws ec2 modify-vpc-attribute --vpc-id {VPC} --enable-dns-hostnames Value=true",
            )
        ],
        "subnets": [
            ("error", "subnet-gone does not exist in this region. pipeline deploy --parameter Subnets=…"),
            ("error", f"{bare} is in {other}, the cluster in {VPC}. Give one of that VPC"),
            (
                "warning",
                f"{bare} has no tag for-use-with-amazon-emr-managed-policies=true, without which EMR's service role "
                f"may not use it. aws ec2 create-tags --resources {bare} "
                "--tags Key=for-use-with-amazon-emr-managed-policies,Value=true",
            ),
        ],
        "security groups": [
            ("error", "sg-gone does not exist in this region. pipeline deploy --parameter CoreSecurityGroup=…")
        ],
    }
    assert said(found(generated, Vpc="vpc-gone")["VPC"]) == [
        ("error", "vpc-gone does not exist in this region. pipeline deploy --parameter Vpc=…")
    ]


def test_services_that_the_day_needs_and_that_are_not_ready(generated: Deployment, aws: Any) -> None:
    lake = aws("lakeformation")
    before = lake.get_data_lake_settings()["DataLakeSettings"]
    aws("opensearch").create_domain(DomainName="lonely", ClusterConfig={"InstanceCount": 1})
    aws("secretsmanager").delete_secret(SecretId=SECRETS[0], ForceDeleteWithoutRecovery=True)
    aws("secretsmanager").delete_secret(SecretId=SECRETS[1])
    lake.put_data_lake_settings(DataLakeSettings={**before, "CreateTableDefaultPermissions": []})
    try:
        bad = found(with_core_nodes(generated, 20), SearchDomain="lonely")
    finally:
        lake.put_data_lake_settings(DataLakeSettings=before)
        aws("opensearch").delete_domain(DomainName="lonely")
    assert {(check, each.level) for check, several in bad.items() for each in several} == {
        ("OpenSearch domain", "warning"),
        ("Lake Formation", "warning"),
        ("secrets", "warning"),
        ("instance quotas", "warning"),
    }
    assert bad["OpenSearch domain"][0].says.startswith("domain lonely has 1 data nodes, which hold no index with 1 rep")
    assert "CreateTableDefaultPermissions without IAM_ALLOWED_PRINCIPALS" in bad["Lake Formation"][0].says
    assert [each.says for each in bad["secrets"]] == [
        "there is no secret library/office-key (connections.office.private_key)",
        "secret library/club-key (connections.club.auth.key) is to be deleted",
    ]
    assert said(bad["instance quotas"]) == [
        (
            "warning",
            "a cluster takes up to 84 vCPUs on demand, and the account may have 64 at once. aws service-quotas "
            "request-service-quota-increase --service-code ec2 --quota-code L-1216C47A --desired-value 84",
        )
    ]
    assert said(found(generated, SearchDomain="gone")["OpenSearch domain"]) == [
        ("warning", "there is no OpenSearch domain gone. Make it, or: --parameter SearchDomain=…")
    ]


def with_core_nodes(generated: Deployment, count: int) -> Deployment:
    settings = generated.settings
    assert settings.emr is not None
    emr = settings.emr.model_copy(update={"core": settings.emr.core.model_copy(update={"capacity": count})})
    return replace(generated, settings=settings.model_copy(update={"emr": emr}))


def test_application_that_the_release_has_not_got_stops_a_deployment_as_it_would_the_cluster(
    generated: Deployment, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "APPLICATIONS", ("Spark", "Hive"))
    (error,) = found(replace(generated))["EMR release"]
    assert error.level is Level.ERROR
    assert error.says.startswith("release emr-spark-8.1.0 has no application Hive; it has AmazonCloudWatchAgent, ")
    with pytest.raises(ClientError, match="Specified application: Hive is not supported"):
        aws("emr").run_job_flow(Name="a", Instances={}, Applications=[{"Name": "Hive"}])
    monkeypatch.setattr(clusters, "release_label", lambda: "emr-spark-9.0.0")
    (error,) = found(replace(generated))["EMR release"]
    assert error.level is Level.ERROR
    assert error.says == "EMR does not know release emr-spark-9.0.0 of versions.toml in us-east-1"


def test_machine_that_the_service_refuses_stops_a_deployment(generated: Deployment, aws: Any) -> None:
    broken = replace(generated)
    broken.definitions["watch"] = {"StartAt": "A", "States": {"A": {"Type": "Taks", "End": True}}}
    (error,) = found(broken)["state machines"]
    assert (error.level, error.do) == (Level.ERROR, "Mend what generates it")
    assert error.says.startswith("Step Functions refuses machine watch: ")


def test_what_the_caller_may_not_ask_is_said_and_stops_nothing(
    cloud: Cloud, generated: Deployment, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = aws("iam")
    role = iam.create_role(RoleName="asks-nothing", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    keys = aws("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, key in (("ACCESS_KEY_ID", "AccessKeyId"), ("SECRET_ACCESS_KEY", "SecretAccessKey")):
        monkeypatch.setenv(f"AWS_{name}", keys[key])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
    requests.put(cloud.faults, json={"authorise": True}, timeout=10).raise_for_status()
    try:
        findings = preflight(Account(generated, VALUES))
    finally:
        requests.put(cloud.faults, json={"authorise": False}, timeout=10).raise_for_status()
        iam.delete_role(RoleName="asks-nothing")
    assert {each.level for each in findings} == {Level.UNKNOWN}
    assert [each.check for each in findings] == list(CHECKS)
    first = findings[0]
    assert first.says.startswith("DescribeReleaseLabel is not allowed: User: ")
    assert "is not authorized to perform: elasticmapreduce:DescribeReleaseLabel" in first.says


def test_parameters_that_no_stack_has_yet_are_not_known(generated: Deployment, aws: Any) -> None:
    bad = {each.check: each.level for each in preflight(Account(generated, {})) if each.level is not Level.OK}
    assert bad == dict.fromkeys(("VPC", "subnets", "security groups", "OpenSearch domain"), Level.UNKNOWN)
