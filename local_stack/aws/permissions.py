"""What a call to AWS asks of its caller's policies: actions on resources, as IAM names them. Pure.

The calls of the generated machines, schedules and rules, of the jobs, and of Dagster. A call that is not here is
refused by name: add it with its resource. Does not own: who calls, and what the policies say (authorisation).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree as Xml

from local_stack.aws import ACCOUNT, REGION

JSON, QUERY, REST = "json", "query", "rest"  # how a service is spoken to
_SECRET_SUFFIX = "-??????"  # noqa: S105  # Secrets Manager adds six characters to the name


class NotUnderstood(Exception):
    """Says which call, or which part of a policy, is not known here."""


@dataclass(frozen=True)
class Call:
    """One request, as the server sees it."""

    service: str  # the name it is signed for
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""

    @property
    def protocol(self) -> str:
        if "x-amz-target" in self.headers:
            return JSON
        return REST if self.service == "s3" else QUERY


@dataclass(frozen=True)
class Permission:
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)  # keys of conditions, and what they are for this call


@dataclass(frozen=True)
class Lookup:
    """What a request only names."""

    role_of_profile: Callable[[str], str]  # its ARN
    key_of_topic: Callable[[str], str]  # its ARN, empty for a topic in clear
    tags_of_cluster: Callable[[str], dict[str, str]]
    key_of_secret: Callable[[str], str | None]  # ARN of the account's own; None: Secrets Manager's


def needed(call: Call, lookup: Lookup) -> tuple[Permission, ...]:
    """All of them must be allowed. Raises NotUnderstood."""
    if call.protocol == REST:
        return tuple(Permission(action, resource) for action, resource in _s3(call))
    action, given = _action(call)
    if action == "elasticmapreduce:RunJobFlow":
        return _run_job_flow(given, lookup)
    if action == "sns:Publish":
        return _publish(given["TopicArn"], lookup)
    if action in _OF_CLUSTERS:
        return tuple(_of_cluster(action, cluster, lookup) for cluster in _clusters(given))
    if action == "secretsmanager:GetSecretValue":
        return _get_secret_value(given, lookup)
    if action not in _RESOURCES:
        raise NotUnderstood(f"{action}: its resource is not known here")
    return tuple(Permission(action, resource) for resource in _RESOURCES[action](given))


def _action(call: Call) -> tuple[str, dict[str, Any]]:
    """With its arguments, of a service that is spoken to in JSON or in forms."""
    if call.protocol == JSON:
        return f"{call.service}:{call.headers['x-amz-target'].rpartition('.')[2]}", json.loads(call.body or b"{}")
    given = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
    if "Action" not in given:
        raise NotUnderstood(f"{call.service}: {call.method} {call.path} is no call of JSON or of a form")
    return f"{call.service}:{given['Action']}", given


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def _table(given: dict[str, Any]) -> list[str]:
    return [_arn("dynamodb", f"table/{given['TableName']}")]


def _glue_database(given: dict[str, Any]) -> list[str]:
    """Glue asks for the ancestors too."""
    return [_arn("glue", "catalog"), _arn("glue", f"database/{given.get('Name') or given['DatabaseName']}")]


def _glue_table(given: dict[str, Any]) -> list[str]:
    name = given.get("Name") or given["TableInput"]["Name"]
    return [*_glue_database({"Name": given["DatabaseName"]}), _arn("glue", f"table/{given['DatabaseName']}/{name}")]


def _stack(given: dict[str, Any]) -> list[str]:
    name = given["StackName"]
    return [name if name.startswith("arn:") else _arn("cloudformation", f"stack/{name}/*")]


_RESOURCES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "cloudformation:DescribeStacks": _stack,
    **{f"dynamodb:{each}Item": _table for each in ("Get", "Put", "Update", "Delete")},
    # IAM has no narrower resource for these two
    **{f"elasticmapreduce:{each}": lambda _: ["*"] for each in ("DescribeReleaseLabel", "ListClusters")},
    "glue:GetDatabase": _glue_database,
    **{f"glue:{each}Table": _glue_table for each in ("Create", "Delete", "Get", "Update")},
    "sts:GetCallerIdentity": lambda _: [],  # nobody needs a permission for it
    "sqs:SendMessage": lambda given: [_arn("sqs", given["QueueUrl"].rpartition("/")[2])],
    **{
        f"states:{each}": lambda given: [given["executionArn"]] for each in ("DescribeExecution", "GetExecutionHistory")
    },
    **{f"states:{each}": lambda given: [given["stateMachineArn"]] for each in ("ListExecutions", "StartExecution")},
}


_OF_CLUSTERS = {
    f"elasticmapreduce:{each}"
    for each in ("AddJobFlowSteps", "CancelSteps", "DescribeCluster", "DescribeStep", "TerminateJobFlows")
}


def _clusters(given: dict[str, Any]) -> list[str]:
    found: list[str] = given.get("JobFlowIds") or [given.get("ClusterId") or given["JobFlowId"]]
    return found


def _of_cluster(action: str, cluster: str, lookup: Lookup) -> Permission:
    tags = {f"elasticmapreduce:ResourceTag/{name}": value for name, value in lookup.tags_of_cluster(cluster).items()}
    return Permission(action, _arn("elasticmapreduce", f"cluster/{cluster}"), tags)


def _get_secret_value(given: dict[str, Any], lookup: Lookup) -> tuple[Permission, ...]:
    """Under a key of the account's own, Secrets Manager asks for it with the caller's permissions."""
    name = given["SecretId"]
    secret = name if name.startswith("arn:") else _arn("secretsmanager", f"secret:{name}{_SECRET_SUFFIX}")
    through = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
    key = lookup.key_of_secret(name)
    return (
        Permission("secretsmanager:GetSecretValue", secret),
        *([Permission("kms:Decrypt", key, through)] if key else []),
    )


def _publish(topic: str, lookup: Lookup) -> tuple[Permission, ...]:
    """SNS encrypts the message on behalf of whoever publishes."""
    key = lookup.key_of_topic(topic)
    encrypting = [Permission(f"kms:{each}", key) for each in ("GenerateDataKey", "Decrypt")] if key else []
    return Permission("sns:Publish", topic), *encrypting


def _run_job_flow(given: dict[str, Any], lookup: Lookup) -> tuple[Permission, ...]:
    """With what it does on the way: hands over two roles, tags the cluster, gives it a time-out."""
    cluster = _arn("elasticmapreduce", "cluster/*")  # it has no id yet
    profile = given["JobFlowRole"]
    handed = {
        "elasticmapreduce.amazonaws.com": role_arn(given["ServiceRole"]),
        "ec2.amazonaws.com": lookup.role_of_profile(profile.rpartition("/")[2]),
    }
    return (
        Permission("elasticmapreduce:RunJobFlow", "*", _request_tags(given)),
        *(Permission("iam:PassRole", role, {"iam:PassedToService": to}) for to, role in handed.items()),
        *([Permission("elasticmapreduce:AddTags", cluster)] if given.get("Tags") else []),
        *(
            [Permission("elasticmapreduce:PutAutoTerminationPolicy", cluster)]
            if given.get("AutoTerminationPolicy")
            else []
        ),
    )


def _request_tags(given: dict[str, Any]) -> dict[str, str]:
    return {f"elasticmapreduce:RequestTag/{each['Key']}": each.get("Value", "") for each in given.get("Tags", [])}


def role_arn(role: str) -> str:
    """Of a role that is given by its name or its ARN."""
    return role if role.startswith("arn:") else f"arn:aws:iam::{ACCOUNT}:role/{role}"


# What a request of S3's does beside reading or writing the object or listing the bucket that its path names.
_OF_OBJECT = {"uploads", "uploadId", "partNumber"}
_OF_BUCKET = {"list-type", "prefix", "delimiter", "max-keys", "marker", "start-after", "continuation-token"} | {
    *("encoding-type", "fetch-owner", "location", "delete")
}


def _s3(call: Call) -> list[tuple[str, str]]:
    bucket, _, key = call.path.lstrip("/").partition("/")
    asked = {name for name in call.query if name.lower() not in ("x-id", "x-amz-user-agent")}
    unknown = asked - (_OF_OBJECT if key else _OF_BUCKET)
    if unknown or not bucket:
        raise NotUnderstood(f"s3: {call.method} {call.path} with {', '.join(sorted(unknown)) or 'no bucket'}")
    arn = f"arn:aws:s3:::{bucket}"
    if key:
        return _s3_object(call, f"{arn}/{key}")
    match call.method:
        case "GET" if "location" in asked:
            return [("s3:GetBucketLocation", arn)]
        case "GET" | "HEAD":
            return [("s3:ListBucket", arn)]
        case "POST" if "delete" in asked:
            return [("s3:DeleteObject", f"{arn}/{each}") for each in _keys(call.body)]
    raise NotUnderstood(f"s3: {call.method} of a bucket, {call.path}")


def _s3_object(call: Call, arn: str) -> list[tuple[str, str]]:
    match call.method:
        case "GET" | "HEAD" if "uploadId" not in call.query:
            return [("s3:GetObject", arn)]
        case "PUT":
            source = unquote(call.headers.get("x-amz-copy-source", "")).lstrip("/")
            return [*([("s3:GetObject", f"arn:aws:s3:::{source}")] if source else []), ("s3:PutObject", arn)]
        case "POST":  # begins or completes an upload in parts
            return [("s3:PutObject", arn)]
        case "DELETE":
            return [("s3:AbortMultipartUpload" if "uploadId" in call.query else "s3:DeleteObject", arn)]
    raise NotUnderstood(f"s3: {call.method} {call.path}")


def _keys(body: bytes) -> list[str]:
    """Of DeleteObjects."""
    found = [each.text or "" for each in Xml.fromstring(body).iter() if each.tag.rpartition("}")[2] == "Key"]  # noqa: S314  # the jobs' own request
    if not found:
        raise NotUnderstood("s3: DeleteObjects without a key")
    return found
