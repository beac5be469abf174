"""Whether a role may make its call: while this is switched on, calls are checked against the policies of their role.

Tasks of a state machine sign as its role, steps as the role of their cluster's instance profile, deliveries of
schedules and rules as the target's role, switched on or not. Whoever signs with other keys, the person, may do
everything. Policies are read for each call, so a changed one counts at once. A denial is worded as AWS words it.

Checked: action and resource of a role's inline and attached policies, and conditions with StringEquals, Bool and Null
on what `permissions` knows of the call. Refused with 501: any other condition, NotAction, NotResource, ? in a pattern,
a call that `permissions` does not know. Differs from AWS: signatures, trust policies, permission boundaries, session
and resource policies are not looked at; of what EMR itself calls, only what it asks of the disks' key is checked
(`disk_key`). With the person's keys go: a step's log, what is fetched to start it (code, dependencies, script), steps
on YARN, and steps of a cluster whose instance profile IAM does not know.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from io import BytesIO
from threading import Event
from typing import Any, TypedDict
from uuid import uuid4
from xml.sax.saxutils import escape

import boto3
from botocore.config import Config
from moto.emr.models import emr_backends
from moto.iam.access_control import (
    AssumedRoleAccessKey,
    CreateAccessKeyFailure,
    IAMPolicy,
    IAMPolicyStatement,
    PermissionResult,
)
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.secretsmanager.models import SecretsManagerBackend, secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sts.models import sts_backends
from werkzeug.wrappers import Request, Response

from local_stack.aws import ACCOUNT, REGION
from local_stack.aws.permissions import JSON, QUERY, Call, Lookup, NotUnderstood, Permission, needed

SESSION = "local"
_enforced = Event()
_refused: list[str] = []  # since it was last switched
_SCOPE = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")
_DENIED = {JSON: "AccessDeniedException", QUERY: "AuthorizationError"}  # the second is SNS's


class Denied(Exception):
    """As AWS says it."""


def install() -> None:
    """Before the server starts."""
    original = DomainDispatcherApplication.__call__

    def checked(self: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        refusal = _refusal(environ) if _enforced.is_set() else None
        return original(self, environ, start_response) if refusal is None else refusal(environ, start_response)

    DomainDispatcherApplication.__call__ = checked  # type: ignore[method-assign]


def enforce(on: bool) -> list[str]:
    """Returns what was refused since the last time: a caller may have gone on without it."""
    if on:
        _enforced.set()
    else:
        _enforced.clear()
    said, _refused[:] = list(_refused), []
    return said


class Keys(TypedDict):
    aws_access_key_id: str
    aws_secret_access_key: str
    aws_session_token: str


@cache
def keys(role: str) -> Keys:
    """Arguments of a boto3 client that calls as the role with this ARN."""
    session = sts_backends[ACCOUNT]["aws"].assume_role(
        region_name=REGION,
        role_session_name=SESSION,
        role_arn=role,
        policy="",
        duration=3600,
        external_id="",
    )
    return {
        "aws_access_key_id": session.access_key_id,
        "aws_secret_access_key": session.secret_access_key,
        "aws_session_token": session.session_token,
    }


@cache  # as long as the process: making one costs more than its call
def client(service: str, role: str, region: str = REGION) -> Any:
    """Of any service, so of any type. Calls as the role with this ARN, once."""
    config = Config(parameter_validation=False, retries={"max_attempts": 0, "total_max_attempts": 1})
    return boto3.client(service, region_name=region, config=config, **keys(role))  # type: ignore[call-overload]


def instance_environment(profile: str) -> dict[str, str]:
    """What makes a process call as the instances with this profile do; nothing when IAM does not know it."""
    try:
        role = role_of_profile(profile)
    except NotUnderstood:
        return {}
    return {name.upper(): str(value) for name, value in keys(role).items()}


def allows(policies: Iterable[Mapping[str, Any]], permission: Permission) -> bool:
    """Of documents of policies: allowed somewhere, denied nowhere. Pure. Raises NotUnderstood."""
    results = set()
    for policy in policies:
        statements = policy["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            results.add(_result(statement, permission))
    return PermissionResult.PERMITTED in results and PermissionResult.DENIED not in results


def _result(statement: dict[str, Any], permission: Permission) -> PermissionResult:
    """moto's own judgement of action and resource; of a condition it makes a denial, so that is judged here."""
    if unknown := {"NotAction", "NotResource", "Principal", "NotPrincipal"} & set(statement):
        raise NotUnderstood(f"a policy with {', '.join(sorted(unknown))}")
    if "?" in json.dumps([statement["Action"], statement["Resource"]]):
        raise NotUnderstood(f"a policy with ? in a pattern: {statement['Action']} on {statement['Resource']}")
    plain = {name: value for name, value in statement.items() if name != "Condition"}
    result = IAMPolicyStatement(plain).is_action_permitted(permission.action, permission.resource)
    if result == PermissionResult.NEUTRAL or _holds(statement.get("Condition", {}), permission):
        return result
    return PermissionResult.NEUTRAL


def _holds(condition: dict[str, dict[str, Any]], permission: Permission) -> bool:
    """Whether every part does; a tag that the resource or the request has not got is no match."""
    for operator, parts in condition.items():
        for key, wanted in parts.items():
            tag = ":ResourceTag/" in key or ":RequestTag/" in key
            if operator not in ("StringEquals", "Bool", "Null") or not (key in permission.context or tag):
                raise NotUnderstood(f"{permission.action}: a policy with the condition {operator} {key}")
            found = permission.context.get(key)
            accepted = wanted if isinstance(wanted, list) else [wanted]
            if (str(found is None).lower() if operator == "Null" else found) not in accepted:
                return False
    return True


def refusal(role: str, permissions: Iterable[Permission]) -> str | None:
    """What AWS says to a service that calls as the role with this ARN; None when it may, or nothing is checked."""
    if not _enforced.is_set():
        return None
    session = keys(role)
    token = {"X-Amz-Security-Token": session["aws_session_token"]}
    try:
        _require(permissions, AssumedRoleAccessKey(ACCOUNT, "aws", session["aws_access_key_id"], token))
    except (Denied, NotUnderstood) as error:
        _refused.append(str(error))
        return str(error)
    return None


def role_of_profile(name: str) -> str:
    """ARN of the role of the instances with this profile. Raises NotUnderstood for one that IAM does not know."""
    try:
        (role,) = iam_backends[ACCOUNT]["aws"].get_instance_profile(name).roles
    except NotFoundException as error:
        raise NotUnderstood(f"instance profile {name}: IAM does not know it") from error
    return str(role.arn)


def _refusal(environ: dict[str, Any]) -> Response | None:
    """The answer to a call that may not be made."""
    request = Request(environ)
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    if scope is None:
        return None  # unsigned: nobody's
    call = _call(request, scope[2], environ)
    denied = 400 if call.protocol == JSON else 403
    try:
        _check(call, scope[1])
    except Denied as error:
        return _answer(call, _DENIED.get(call.protocol, "AccessDenied"), str(error), denied)
    except NotUnderstood as error:
        return _answer(call, "NotEmulated", f"authorisation: {error}", 501)
    return None


def _check(call: Call, access_key: str) -> None:
    token = {"X-Amz-Security-Token": call.headers.get("x-amz-security-token", "")}
    try:
        caller = AssumedRoleAccessKey(ACCOUNT, "aws", access_key, token)
    except CreateAccessKeyFailure as error:
        if error.reason == "InvalidId":
            return  # the person
        raise Denied("The security token included in the request is invalid") from error
    _require(needed(call, Lookup(role_of_profile, _key_of_topic, _tags_of_cluster, _key_of_secret)), caller)


def _require(permissions: Iterable[Permission], caller: AssumedRoleAccessKey) -> None:
    try:
        policies = [IAMPolicy(each)._policy_json for each in caller.collect_policies()]
    except NotFoundException as error:
        raise Denied(f"User: {caller.arn} is of a role that IAM does not know") from error
    for permission in permissions:
        if not allows(policies, permission):
            raise Denied(
                f"User: {caller.arn} is not authorized to perform: {permission.action} on resource: "
                f"{permission.resource} because no identity-based policy allows the {permission.action} action"
            )


def _call(request: Request, service: str, environ: dict[str, Any]) -> Call:
    """Reads the body, and puts it back, where it says what is asked for; an object of S3's is not read."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = b""
    if service != "s3" or (request.method == "POST" and "delete" in request.args):
        body = environ["wsgi.input"].read(int(headers.get("content-length") or 0))
        environ["wsgi.input"] = BytesIO(body)
    return Call(service, request.method, request.path, request.args.to_dict(), headers, body)


def _answer(call: Call, code: str, message: str, status: int) -> Response:
    _refused.append(message)
    request_id = str(uuid4())
    if call.protocol == JSON:
        body, kind = json.dumps({"__type": code, "message": message}), "application/x-amz-json-1.1"
    else:
        error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        body, kind = error if call.service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>", "application/xml"
    headers = {"x-amzn-RequestId": request_id, "x-amz-request-id": request_id}
    return Response("" if call.method == "HEAD" else body, status, headers, content_type=kind)


def _key_of_secret(name: str) -> str | None:
    secret = secretsmanager_backends[ACCOUNT][REGION].secrets.get(name)
    return secret.kms_key_id if secret and secret.kms_key_id != SecretsManagerBackend.DEFAULT_KMS_KEY_ALIAS else None


def _key_of_topic(arn: str) -> str:
    """Empty for one that there is not: SNS says so itself to whoever may ask."""
    found = sns_backends[ACCOUNT][REGION].topics
    return str(found[arn].kms_master_key_id) if arn in found else ""


def _tags_of_cluster(cluster: str) -> dict[str, str]:
    """None for one that there is not: EMR says so itself to whoever may ask."""
    found = emr_backends[ACCOUNT][REGION].clusters
    return {each["Key"]: each["Value"] for each in found[cluster].tags} if cluster in found else {}
