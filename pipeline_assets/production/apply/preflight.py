"""What an account lacks for a good day: asked before anything is deployed, and by `pipeline doctor --account`.

An error is what only another deployment mends, so it stops this one. A warning is mended in the account, before the
next morning. What the caller may not ask, or the service does not answer, is said and stops nothing. Reads only. Does
not own: what is printed (cli).
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from emr_jobs.core.settings import Fleet

from pipeline_assets.emr.clusters import MANAGED_TAG
from pipeline_assets.findings import Fault, Finding, Level, looked_at
from pipeline_assets.production.generate.daily_machine import CLAIMED
from pipeline_assets.production.generate.secrets import secrets
from pipeline_assets.production.generate.synth import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import VpcAttributeNameType
    from mypy_boto3_ec2.type_defs import FilterTypeDef

Answer = TypeVar("Answer")

DENIED = re.compile("AccessDenied|Unauthorized|NotAuthorized|AuthorizationError")
NO_SUCH_RELEASE = ("ValidationException", "InvalidRequestException")
ON_DEMAND, SPOT = "L-1216C47A", "L-34B43A08"  # vCPUs of the standard families (A, C, D, H, I, M, R, T, Z)
STANDARD = re.compile(r"^(a|c|d|h|i|m|r|t|z)\d")
DNS: dict["VpcAttributeNameType", str] = {
    "enableDnsSupport": "enable-dns-support",
    "enableDnsHostnames": "enable-dns-hostnames",
}
DEFAULTS = ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions")
EVERYBODY = "IAM_ALLOWED_PRINCIPALS"
SAID_CHARS = 200


@dataclass(frozen=True)
class Account:
    """`values`: the parameters of the stacks, as kept and as given now."""

    deployment: Deployment
    values: Mapping[str, str]

    def ids(self, *parameters: str) -> dict[str, list[str]]:
        """Of those that are known."""
        return {name: self.values[name].split(",") for name in parameters if self.values.get(name)}


def preflight(account: Account) -> list[Finding]:
    return list(looked_at((name, partial(_asked, check, account)) for name, check in CHECKS.items()))


def _asked(check: "Callable[[Account], Iterator[Fault]]", account: Account) -> list[Fault]:
    """Its faults, or that it could not be asked."""
    from botocore.exceptions import ClientError, EndpointConnectionError

    try:
        return list(check(account))
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"]["Message"][:SAID_CHARS]
        if DENIED.search(code):
            return [Fault(Level.UNKNOWN, f"{error.operation_name} is not allowed: {said}", "Ask somebody who may")]
        return [Fault(Level.UNKNOWN, f"{error.operation_name} answered {code}: {said}", "")]
    except EndpointConnectionError as error:  # not every region has every service
        return [Fault(Level.UNKNOWN, str(error)[:SAID_CHARS], "")]


def _release(account: Account) -> Iterator[Fault]:
    import boto3

    emr = boto3.client("emr")
    request = account.deployment.definitions["daily"]["States"][CLAIMED]["Parameters"]
    label, wanted = request["ReleaseLabel"], {each["Name"] for each in request["Applications"]}
    found = _there(partial(emr.describe_release_label, ReleaseLabel=label), NO_SUCH_RELEASE)
    if found is None:
        yield Fault(
            Level.ERROR,
            f"EMR does not know release {label} of versions.toml in {emr.meta.region_name}",
            "Which there are: aws emr list-release-labels",
        )
        return
    there = {each["Name"] for each in found.get("Applications", [])}
    if missing := sorted(wanted - there):
        yield Fault(
            Level.ERROR,
            f"release {label} has no application {', '.join(missing)}; it has {', '.join(sorted(there))}",
            "Take it out of APPLICATIONS in pipeline_assets/emr/clusters.py",
        )


def _machines(account: Account) -> Iterator[Fault]:
    import boto3

    states = boto3.client("stepfunctions")
    for name, definition in account.deployment.definitions.items():
        answer = states.validate_state_machine_definition(
            definition=json.dumps(definition), type="STANDARD", severity="ERROR"
        )
        if answer["result"] != "OK":
            said = "; ".join(f"{each.get('location', '')} {each['message']}".strip() for each in answer["diagnostics"])
            yield Fault(Level.ERROR, f"Step Functions refuses machine {name}: {said}", "Mend what generates it")


def _subnets(account: Account) -> Iterator[Fault]:
    yield from _in_vpc(
        account, ("Subnets",), "subnet", lambda ec2, filters: ec2.describe_subnets(Filters=filters)["Subnets"]
    )


def _groups(account: Account) -> Iterator[Fault]:
    names = ("PrimarySecurityGroup", "CoreSecurityGroup", "ServiceSecurityGroup")
    yield from _in_vpc(
        account, names, "group", lambda ec2, filters: ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    )


def _in_vpc(
    account: Account,
    parameters: tuple[str, ...],
    kind: str,
    ask: "Callable[[EC2Client, list[FilterTypeDef]], Sequence[Mapping[str, Any]]]",
) -> Iterator[Fault]:
    """Each is there, in the cluster's VPC, and, where EMR's own policy is used, tagged as it asks for."""
    import boto3

    asked = account.ids(*parameters)
    yield from _not_given(parameters, asked)
    wanted = [each for ids in asked.values() for each in ids]
    found = ask(boto3.client("ec2"), [{"Name": f"{kind}-id", "Values": wanted}]) if wanted else []
    by_id = {each["SubnetId" if kind == "subnet" else "GroupId"]: each for each in found}
    for parameter, ids in asked.items():
        for missing in (each for each in ids if each not in by_id):
            yield Fault(
                Level.ERROR, f"{missing} does not exist in this region", f"pipeline deploy --parameter {parameter}=…"
            )
    vpc = account.values.get("Vpc")
    for each, there in by_id.items():
        if vpc and there["VpcId"] != vpc:
            yield Fault(Level.ERROR, f"{each} is in {there['VpcId']}, the cluster in {vpc}", "Give one of that VPC")
        tagged = {"Key": MANAGED_TAG, "Value": "true"} in there.get("Tags", [])
        if not tagged and not account.values.get("ExistingServiceRole"):
            yield Fault(
                Level.WARNING,
                f"{each} has no tag {MANAGED_TAG}=true, without which EMR's service role may not use it",
                f"aws ec2 create-tags --resources {each} --tags Key={MANAGED_TAG},Value=true",
            )


def _vpc(account: Account) -> Iterator[Fault]:
    import boto3

    asked = account.ids("Vpc")
    yield from _not_given(("Vpc",), asked)
    ec2 = boto3.client("ec2")
    for vpc in asked.get("Vpc", []):
        if not ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Vpcs"]:
            yield Fault(Level.ERROR, f"{vpc} does not exist in this region", "pipeline deploy --parameter Vpc=…")
            continue
        for attribute, option in DNS.items():
            answer: Mapping[str, Any] = ec2.describe_vpc_attribute(VpcId=vpc, Attribute=attribute)
            if not answer[attribute[0].upper() + attribute[1:]]["Value"]:
                yield Fault(
                    Level.WARNING,
                    f"{vpc} has {attribute} off: nodes of EMR do not find each other's names",
                    f"aws ec2 modify-vpc-attribute --vpc-id {vpc} --{option} Value=true",
                )


def _search(account: Account) -> Iterator[Fault]:
    import boto3

    search = account.deployment.settings.search
    if search.auth != "sigv4":
        return  # no domain of Amazon's
    asked = account.ids("SearchDomain")
    yield from _not_given(("SearchDomain",), asked)
    for domain in asked.get("SearchDomain", []):
        found = _there(partial(boto3.client("opensearch").describe_domain, DomainName=domain))
        if found is None:
            yield Fault(
                Level.WARNING, f"there is no OpenSearch domain {domain}", "Make it, or: --parameter SearchDomain=…"
            )
            continue
        nodes = int(found["DomainStatus"]["ClusterConfig"].get("InstanceCount", 1))
        if nodes <= search.replicas:
            yield Fault(
                Level.WARNING,
                f"domain {domain} has {nodes} data nodes, which hold no index with {search.replicas} replicas: it "
                f"stays yellow, and every publication waits {search.replica_wait_s} s",
                f"Set search.replicas to {nodes - 1}, or add a node",
            )


def _lake(account: Account) -> Iterator[Fault]:
    import boto3

    found: Mapping[str, Any] = boto3.client("lakeformation").get_data_lake_settings()["DataLakeSettings"]
    closed = [name for name in DEFAULTS if not any(_is_everybody(each) for each in found.get(name, []))]
    if closed:
        yield Fault(
            Level.WARNING,
            f"Lake Formation governs new databases and tables ({', '.join(closed)} without {EVERYBODY}): IAM "
            "alone lets no job read or write them",
            "Grant them to EmrInstanceRole and to whoever deploys: docs/operations.md, Lake Formation",
        )


def _is_everybody(permission: Mapping[str, Any]) -> bool:
    return bool(permission["Principal"]["DataLakePrincipalIdentifier"] == EVERYBODY)


def _secrets(account: Account) -> Iterator[Fault]:
    import boto3

    manager = boto3.client("secretsmanager")
    for place, reference in secrets(account.deployment.settings).items():
        name = reference.removeprefix("aws:")
        found = _there(partial(manager.describe_secret, SecretId=name))
        if found is None:
            yield Fault(
                Level.WARNING,
                f"there is no secret {name} ({place})",
                f"aws secretsmanager create-secret --name {name} --secret-string file://…",
            )
            continue
        if found.get("DeletedDate"):
            yield Fault(
                Level.WARNING,
                f"secret {name} ({place}) is to be deleted",
                f"aws secretsmanager restore-secret --secret-id {name}",
            )


def _quotas(account: Account) -> Iterator[Fault]:
    """Of instances: what the fleets can need at most, should EMR get the largest type of each."""
    import boto3

    emr = account.deployment.settings.emr
    fleets = [each for each in (emr.primary, emr.core, emr.task) if each]
    types = sorted({each for fleet in fleets for each in fleet.instance_types})
    pages = (
        boto3.client("ec2")
        .get_paginator("describe_instance_types")
        .paginate(Filters=[{"Name": "instance-type", "Values": types}])
    )
    vcpus: dict[str, int] = {
        each["InstanceType"]: int(each["VCpuInfo"]["DefaultVCpus"]) for page in pages for each in page["InstanceTypes"]
    }
    for fleet in fleets:
        if not set(fleet.instance_types) & set(vcpus):
            offered = f"the region offers none of {', '.join(fleet.instance_types)}"
            yield Fault(Level.ERROR, offered, "Name others in [emr] of the settings")
    if others := [each for each in types if not STANDARD.match(each)]:
        yield Fault(Level.UNKNOWN, f"the quota of {', '.join(others)} is not one of the standard families'", "")

    def needed(*fleets: Fleet | None) -> int:
        largest = (
            (max(vcpus.get(each, 0) for each in fleet.instance_types), fleet.capacity) for fleet in fleets if fleet
        )
        return sum(size * count for size, count in largest)

    wanted = {ON_DEMAND: ("on demand", needed(emr.primary, emr.core)), SPOT: ("spot", needed(emr.task))}
    for code, (kind, count) in wanted.items():
        quota = boto3.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"]
        if count > quota:
            yield Fault(
                Level.WARNING,
                f"a cluster takes up to {count} vCPUs {kind}, and the account may have {quota:g} at once",
                f"aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {code} "
                f"--desired-value {count}",
            )


def _public_access(account: Account) -> Iterator[Fault]:
    import boto3

    block = boto3.client("emr").get_block_public_access_configuration()["BlockPublicAccessConfiguration"]
    if not block.get("BlockPublicSecurityGroupRules"):
        yield Fault(
            Level.WARNING,
            "EMR does not block public access in this region",
            "Block it: aws emr put-block-public-access-configuration --block-public-access-configuration "
            "BlockPublicSecurityGroupRules=true",
        )


def _not_given(parameters: tuple[str, ...], asked: Mapping[str, list[str]]) -> Iterator[Fault]:
    if missing := [each for each in parameters if each not in asked]:
        yield Fault(Level.UNKNOWN, f"{', '.join(missing)}: not deployed yet", "Give it: --parameter NAME=VALUE")


def _there(ask: Callable[[], Answer], absent: Collection[str] = ("ResourceNotFoundException",)) -> Answer | None:
    """The answer; None where the service says by one of these codes that there is no such thing."""
    from botocore.exceptions import ClientError

    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] not in absent:
            raise
        return None


CHECKS: dict[str, Callable[[Account], Iterator[Fault]]] = {
    "EMR release": _release,
    "state machines": _machines,
    "VPC": _vpc,
    "subnets": _subnets,
    "security groups": _groups,
    "OpenSearch domain": _search,
    "Lake Formation": _lake,
    "secrets": _secrets,
    "instance quotas": _quotas,
    "public access to EMR": _public_access,
}
