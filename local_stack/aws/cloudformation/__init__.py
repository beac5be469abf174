"""CloudFormation on this machine, as far as a deployment by change sets needs it: every resource through its API.

Answers CreateChangeSet, DescribeChangeSet, ExecuteChangeSet, DeleteChangeSet, DescribeStacks, DescribeStackEvents,
GetTemplate and DeleteStack; any other action is refused. Differs from AWS: a stack that fails is left as it is, there
is no rollback; a change of a type whose API has none deletes and makes anew; capabilities are not asked for; drift is
seen of state machines and schedules only.
"""

import json
import logging
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from local_stack.aws import ACCOUNT, REGION
from local_stack.aws.cloudformation import resources
from local_stack.aws.cloudformation.template import NotUnderstood, Resolver

BODY_LIMIT_BYTES = 51_200
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


class ValidationError(ServiceException):
    code = "ValidationError"


@dataclass
class Stack:
    name: str
    id: str
    status: str = "REVIEW_IN_PROGRESS"
    body: str = "{}"
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)  # logical id -> attributes
    properties: dict[str, Any] = field(default_factory=dict)  # logical id -> as resolved when it was made
    events: list[dict[str, Any]] = field(default_factory=list)

    def event(self, logical_id: str, kind: str, status: str, reason: str = "") -> None:
        self.events.append(
            {
                "StackId": self.id,
                "EventId": str(uuid.uuid4()),
                "StackName": self.name,
                "LogicalResourceId": logical_id,
                "ResourceType": kind,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "Timestamp": datetime.now(UTC),
            }
        )


@dataclass
class ChangeSet:
    id: str
    name: str
    stack: Stack
    body: str
    parameters: dict[str, str]
    tags: dict[str, str]
    changes: list[dict[str, Any]]
    drifted: set[str]  # logical ids of what is to be taken back


STACKS: dict[str, Stack] = {}
CHANGE_SETS: dict[str, ChangeSet] = {}


def install() -> None:
    """In the place of moto's own, once."""
    response: Any = CloudFormationResponse
    response.RESPONSE_KEY_PATH_TO_TRANSFORMER = {}
    ours = {
        "create_change_set": _create_change_set,
        "describe_change_set": _describe_change_set,
        "execute_change_set": _execute_change_set,
        "delete_change_set": _delete_change_set,
        "describe_stacks": _describe_stacks,
        "describe_stack_events": _describe_stack_events,
        "get_template": _get_template,
        "delete_stack": _delete_stack,
    }
    for name in [name for name in vars(CloudFormationResponse) if not name.startswith("_")]:
        if callable(getattr(response, name)) and not hasattr(BaseResponse, name):
            setattr(response, name, _refuse(name))
    for name, action in ours.items():
        setattr(response, name, action)


def _refuse(name: str) -> Any:
    def action(self: Any) -> ActionResult:
        raise ValidationError(f"the local CloudFormation has no {name}")

    return action


def _stack(name: str) -> Stack:
    for stack in STACKS.values():
        if name in (stack.name, stack.id):
            return stack
    raise ValidationError(f"Stack with id {name} does not exist")


def _create_change_set(self: Any) -> ActionResult:
    given = self._get_params()
    name = given["StackName"]
    if given["ChangeSetType"] == "CREATE" and name not in STACKS:
        STACKS[name] = Stack(name, f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}")
    stack = _stack(name)
    body = _body(given)
    template = json.loads(body)
    if _has_null(template):
        raise ValidationError("Template format error: [/Resources] 'null' values are not allowed in templates")
    for logical_id, resource in template["Resources"].items():
        try:
            resources.kind_of(logical_id, resource)
        except resources.Refused as error:
            raise ValidationError(str(error)) from error
    parameters = _parameters(template, given.get("Parameters", []), stack)
    arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{given['ChangeSetName']}/{uuid.uuid4()}"
    tags = {each["Key"]: each["Value"] for each in given.get("Tags", [])}
    drifted = _drifted(stack) if given.get("DeploymentMode") == "REVERT_DRIFT" else set()
    changes = _changes(template, parameters, stack, drifted)
    if not changes and (parameters, tags, body) != (stack.parameters, stack.tags, stack.body) and stack.made:
        changes = [_change("Modify", "Stack", "AWS::CloudFormation::Stack")]
    CHANGE_SETS[arn] = ChangeSet(arn, given["ChangeSetName"], stack, body, parameters, tags, changes, drifted)
    return ActionResult({"Id": arn, "StackId": stack.id})


def _has_null(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_null, value.values() if isinstance(value, dict) else value))
    return value is None


def _body(given: dict[str, Any]) -> str:
    """As it comes with the call, which takes no large one, or from S3."""
    if "TemplateURL" in given:
        bucket, _, key = urlsplit(given["TemplateURL"]).path.lstrip("/").partition("/")
        return str(resources.clients("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    body = str(given["TemplateBody"])
    if len(body.encode()) > BODY_LIMIT_BYTES:
        raise ValidationError(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
            f"Member must have length less than or equal to {BODY_LIMIT_BYTES}"
        )
    return body


def _parameters(template: dict[str, Any], given: list[dict[str, Any]], stack: Stack) -> dict[str, str]:
    declared = template.get("Parameters", {})
    asked = {each["ParameterKey"]: each for each in given}
    if unknown := sorted(set(asked) - set(declared)):
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values = {name: each["Default"] for name, each in declared.items() if "Default" in each}
    for name, each in asked.items():
        previous = str(each.get("UsePreviousValue", "")).lower() == "true"
        values[name] = stack.parameters[name] if previous else each["ParameterValue"]
    if missing := sorted(set(declared) - set(values)):
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    return values


def _resolver(template: dict[str, Any], parameters: dict[str, str], stack: Stack) -> Resolver:
    names: dict[str, Any] = {
        name: value.split(",") if "List" in template["Parameters"][name]["Type"] else value
        for name, value in parameters.items()
    }
    names |= {
        "AWS::Region": REGION,
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": stack.name,
        "AWS::StackId": stack.id,
    }
    return Resolver(template, names, dict(stack.made))


def _drifted(stack: Stack) -> set[str]:
    resources_then = json.loads(stack.body)["Resources"]
    asked = {each: resources.KINDS[resources_then[each]["Type"]].drifted for each in stack.made}
    return {
        each
        for each, drifted in asked.items()
        if drifted and drifted(resources.clients, stack.properties[each], stack.made[each])
    }


def _changes(
    template: dict[str, Any], parameters: dict[str, str], stack: Stack, drifted: set[str]
) -> list[dict[str, Any]]:
    """What is there is compared as resolved; what would refer to something new is taken as changed."""
    resolver = _resolver(template, parameters, stack)
    found = []
    wanted = resolver.wanted()
    for logical_id in wanted:
        resource = template["Resources"][logical_id]
        if logical_id not in stack.made:
            found.append(_change("Add", logical_id, resource["Type"]))
            continue
        kind, old = resources.KINDS[resource["Type"]], stack.properties[logical_id]
        try:
            new = resolver.value(resource.get("Properties", {}))
        except NotUnderstood:  # refers to what is not made yet
            new = None
        if new != old or logical_id in drifted:
            replaces = not kind.updates and (new is None or _untagged(new) != _untagged(old))
            found.append(_change("Modify", logical_id, resource["Type"], replaces=replaces))
    before = json.loads(stack.body).get("Resources", {})
    found += [_change("Remove", each, before[each]["Type"]) for each in stack.made if each not in wanted]
    return found


def _change(action: str, logical_id: str, kind: str, *, replaces: bool = False) -> dict[str, Any]:
    change = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind}
    return {
        "Type": "Resource",
        "ResourceChange": {**change, "Replacement": str(replaces)} if action == "Modify" else change,
    }


def _describe_change_set(self: Any) -> ActionResult:
    found = CHANGE_SETS[self._get_param("ChangeSetName")]
    ended = {"Status": "CREATE_COMPLETE"} if found.changes else {"Status": "FAILED", "StatusReason": NO_CHANGES}
    return ActionResult(
        {
            "ChangeSetId": found.id,
            "ChangeSetName": found.name,
            "StackName": found.stack.name,
            "Changes": found.changes,
            **ended,
        }
    )


def _delete_change_set(self: Any) -> ActionResult:
    CHANGE_SETS.pop(self._get_param("ChangeSetName"), None)
    return EmptyResult()


def _execute_change_set(self: Any) -> ActionResult:
    found = CHANGE_SETS.pop(self._get_param("ChangeSetName"))
    verb = "UPDATE" if found.stack.made else "CREATE"
    found.stack.status = f"{verb}_IN_PROGRESS"
    threading.Thread(target=_executed, args=(found, verb), daemon=True).start()
    return EmptyResult()


def _executed(change_set: ChangeSet, verb: str) -> None:
    stack, template = change_set.stack, json.loads(change_set.body)
    resolver = _resolver(template, change_set.parameters, stack)
    logical_id, kind_name = stack.name, "AWS::CloudFormation::Stack"
    try:
        wanted = resolver.wanted()
        old = json.loads(stack.body).get("Resources", {})
        for logical_id in wanted:
            kind_name = template["Resources"][logical_id]["Type"]
            if logical_id in change_set.drifted:
                stack.properties[logical_id] = {}  # whatever it is now
            _put(stack, resolver, logical_id, template["Resources"][logical_id], verb)
        for logical_id in [each for each in reversed(stack.made) if each not in wanted]:
            kind_name = old[logical_id]["Type"]
            _removed(stack, logical_id, old[logical_id])
        stack.outputs = {name: str(resolver.value(each["Value"])) for name, each in template.get("Outputs", {}).items()}
        stack.body, stack.parameters, stack.tags = change_set.body, change_set.parameters, change_set.tags
        stack.status = f"{verb}_COMPLETE"
    except Exception as error:  # the thread's edge: the stack says it
        logging.exception("stack %s, %s", stack.name, logical_id)
        stack.event(logical_id, kind_name, f"{verb}_FAILED", f"{type(error).__name__}: {error}")
        stack.body, stack.parameters, stack.tags = change_set.body, change_set.parameters, change_set.tags
        stack.status = f"{verb}_FAILED"


def _put(stack: Stack, resolver: Resolver, logical_id: str, resource: dict[str, Any], verb: str) -> None:
    kind = resources.kind_of(logical_id, resource)
    properties = resolver.value(resource.get("Properties", {}))
    there = stack.made.get(logical_id)
    if there is not None and _untagged(properties) == _untagged(stack.properties[logical_id]):
        stack.properties[logical_id] = properties  # nothing here carries a stack's tags
        return
    if there is not None and not kind.updates:
        kind.delete(resources.clients, there)
        there = None
    made = kind.put(resources.clients, f"{stack.name}-{logical_id}", properties, there)
    stack.made[logical_id] = resolver.made[logical_id] = made
    stack.properties[logical_id] = properties
    stack.event(logical_id, resource["Type"], f"{verb}_COMPLETE")


def _untagged(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name != "Tags"}


def _removed(stack: Stack, logical_id: str, resource: dict[str, Any]) -> None:
    there = stack.made.pop(logical_id)
    stack.properties.pop(logical_id)
    if resource.get("DeletionPolicy") != "Retain":
        resources.KINDS[resource["Type"]].delete(resources.clients, there)


def _describe_stacks(self: Any) -> ActionResult:
    name = self._get_param("StackName")
    return ActionResult({"Stacks": [_described(each) for each in ([_stack(name)] if name else STACKS.values())]})


def _described(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": datetime.now(UTC),
        "StackStatus": stack.status,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in stack.outputs.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
    }


def _describe_stack_events(self: Any) -> ActionResult:
    return ActionResult({"StackEvents": list(reversed(_stack(self._get_param("StackName")).events))})


def _get_template(self: Any) -> ActionResult:
    return ActionResult({"TemplateBody": _stack(self._get_param("StackName")).body})


def _delete_stack(self: Any) -> ActionResult:
    stack = _stack(self._get_param("StackName"))
    old = json.loads(stack.body).get("Resources", {})
    for logical_id in list(reversed(stack.made)):
        try:
            _removed(stack, logical_id, old[logical_id])
        except Exception as error:  # noqa: BLE001  # said by the stack, as on AWS
            stack.event(logical_id, old[logical_id]["Type"], "DELETE_FAILED", f"{type(error).__name__}: {error}")
            stack.status = "DELETE_FAILED"
            return EmptyResult()
    del STACKS[stack.name]
    return EmptyResult()
