"""CloudFormation on this machine, as far as a deployment by change sets needs it: every resource through its API.

Answers CreateChangeSet, DescribeChangeSet, ExecuteChangeSet, DeleteChangeSet, DescribeStacks, DescribeStackEvents,
GetTemplate, DeleteStack and drift; any other action is refused. What fails is rolled back; a stack whose creation was
takes no change set. Differs from AWS: a change of a type whose API has none deletes and makes anew; a stack is gone
before DeleteStack answers; capabilities are not asked for; drift is seen of state machines, schedules, roles, policies
and alarms only, and told by property of the last three.
"""

import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import boto3
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from local_stack.aws import ACCOUNT, REGION, faults
from local_stack.aws.cloudformation import resources
from local_stack.aws.cloudformation.template import NotUnderstood, Resolver

BODY_LIMIT_BYTES = 51_200
STACK = "AWS::CloudFormation::Stack"
UNMADE = "REVIEW_IN_PROGRESS"
NOT_UPDATED = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")
RETAINED_ALWAYS = ("Retain",)  # also when the creation is rolled back
RETAINED = (*RETAINED_ALWAYS, "RetainExceptOnCreate")
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


class ValidationError(ServiceException):
    code = "ValidationError"


@dataclass
class Stack:
    name: str
    id: str
    status: str = UNMADE
    body: str = "{}"
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)  # logical id -> attributes
    properties: dict[str, Any] = field(default_factory=dict)  # logical id -> as resolved when it was made
    events: list[dict[str, Any]] = field(default_factory=list)

    def becomes(self, status: str, reason: str = "") -> None:
        self.event(self.name, STACK, status, reason)
        self.status = status

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
DELETED: list[Stack] = []
CHANGE_SETS: dict[str, ChangeSet] = {}
LATE: dict[str, Callable[[], None]] = {}  # by stack: what it was told to begin, and has not


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
        "detect_stack_drift": _detect_stack_drift,
        "describe_stack_drift_detection_status": _describe_drift_detection,
        "describe_stack_resource_drifts": _describe_stack_resource_drifts,
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
    """By name, or by id: then also one that is deleted."""
    for stack in STACKS.values():
        if name in (stack.name, stack.id):
            return stack
    for stack in DELETED:
        if name == stack.id:
            return stack
    raise ValidationError(f"Stack with id {name} does not exist")


def _create_change_set(self: Any) -> ActionResult:
    given = self._get_params()
    name = given["StackName"]
    creates = given["ChangeSetType"] == "CREATE"
    if creates and name not in STACKS:
        STACKS[name] = Stack(name, f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}")
        STACKS[name].becomes(UNMADE, "User Initiated")
    stack = _stack(name)
    if creates and stack.status != UNMADE:
        raise ValidationError(f"Stack [{name}] already exists and cannot be created again")
    if stack.status in NOT_UPDATED:
        raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
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
        changes = [_change("Modify", "Stack", STACK)]
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
        return str(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())
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
    kinds = {each: resources.KINDS[resources_then[each]["Type"]] for each in stack.made}
    return {each for each, kind in kinds.items() if kind.is_drifted(stack.properties[each], stack.made[each])}


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
    _start(found.stack, partial(_begin, found))
    return EmptyResult()


def _start(stack: Stack, operation: Callable[[], None]) -> None:
    """At once, or when somebody has looked and seen nothing of it."""
    if faults.strikes("start_late", stack.name):
        LATE[stack.name] = operation
    else:
        operation()


def _start_what_is_late(stack: Stack) -> None:
    if operation := LATE.pop(stack.name, None):
        operation()


def _begin(change_set: ChangeSet) -> None:
    verb = "CREATE" if change_set.stack.status == UNMADE else "UPDATE"
    change_set.stack.becomes(f"{verb}_IN_PROGRESS", "User Initiated")
    threading.Thread(target=_executed, args=(change_set, verb), daemon=True).start()


def _executed(change_set: ChangeSet, verb: str) -> None:
    stack, before = change_set.stack, (change_set.stack.body, change_set.stack.parameters, change_set.stack.tags)
    stack.tags = change_set.tags
    if _brought_to(stack, change_set.body, change_set.parameters, verb, drifted=change_set.drifted):
        stack.becomes(f"{verb}_COMPLETE")
    elif verb == "CREATE":
        stack.becomes("ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create. Rollback requested by user.")
        _all_removed(stack, "ROLLBACK")
    else:
        stack.becomes("UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update.")
        body, parameters, stack.tags = before
        whole = _brought_to(stack, body, parameters, verb, retained=RETAINED_ALWAYS)
        stack.becomes(f"UPDATE_ROLLBACK_{'COMPLETE' if whole else 'FAILED'}")


def _brought_to(
    stack: Stack,
    body: str,
    parameters: dict[str, str],
    verb: str,
    *,
    drifted: Iterable[str] = (),
    retained: tuple[str, ...] = RETAINED,
) -> bool:
    """Whether the stack is as in this template now; if not, an event says what failed."""
    template, old = json.loads(body), json.loads(stack.body).get("Resources", {})
    resolver = _resolver(template, parameters, stack)
    stack.body, stack.parameters = body, parameters
    logical_id, kind_name = stack.name, STACK
    try:
        wanted = resolver.wanted()
        for logical_id in wanted:
            kind_name = template["Resources"][logical_id]["Type"]
            if logical_id in drifted:
                stack.properties[logical_id] = {}  # whatever it is now
            _put(stack, resolver, logical_id, template["Resources"][logical_id], verb)
        for logical_id in [each for each in reversed(stack.made) if each not in wanted]:
            kind_name = old[logical_id]["Type"]
            _removed(stack, logical_id, old[logical_id], retained=retained)
        stack.outputs = {name: str(resolver.value(each["Value"])) for name, each in template.get("Outputs", {}).items()}
    except Exception as error:  # the thread's edge: the stack says it
        logging.exception("stack %s, %s", stack.name, logical_id)
        stack.event(logical_id, kind_name, f"{verb}_FAILED", f"{type(error).__name__}: {error}")
        if logical_id in stack.made:
            stack.properties[logical_id] = {}  # it may be half changed
        return False
    return True


def _put(stack: Stack, resolver: Resolver, logical_id: str, resource: dict[str, Any], verb: str) -> None:
    kind = resources.kind_of(logical_id, resource)
    properties = resolver.value(resource.get("Properties", {}))
    there = stack.made.get(logical_id)
    if there is not None and _untagged(properties) == _untagged(stack.properties[logical_id]):
        stack.properties[logical_id] = properties  # nothing here carries a stack's tags
        return
    if there is not None and not kind.updates:
        if resource.get("UpdateReplacePolicy") != "Retain":
            kind.delete(there)
        stack.made.pop(logical_id)
        there = None
    made = kind.put(f"{stack.name}-{logical_id}", properties, there)
    stack.made[logical_id] = resolver.made[logical_id] = made
    stack.properties[logical_id] = properties
    stack.event(logical_id, resource["Type"], f"{verb}_COMPLETE")


def _untagged(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name != "Tags"}


def _removed(stack: Stack, logical_id: str, resource: dict[str, Any], *, retained: tuple[str, ...]) -> None:
    """Unless its policy is one of `retained`: then it stays, without a stack."""
    if resource.get("DeletionPolicy") in retained:
        stack.event(logical_id, resource["Type"], "DELETE_SKIPPED")
    else:
        resources.KINDS[resource["Type"]].delete(stack.made[logical_id])
        stack.event(logical_id, resource["Type"], "DELETE_COMPLETE")
    stack.made.pop(logical_id)
    stack.properties.pop(logical_id)


def _all_removed(stack: Stack, verb: str) -> None:
    """By a ROLLBACK of its creation or a DELETE; it ends COMPLETE, or FAILED at the first that cannot be deleted."""
    template = json.loads(stack.body).get("Resources", {})
    retained = RETAINED_ALWAYS if verb == "ROLLBACK" else RETAINED
    for logical_id in list(reversed(stack.made)):
        try:
            _removed(stack, logical_id, template[logical_id], retained=retained)
        except Exception as error:  # noqa: BLE001  # said by the stack, as on AWS
            stack.event(logical_id, template[logical_id]["Type"], "DELETE_FAILED", f"{type(error).__name__}: {error}")
            stack.becomes(f"{verb}_FAILED", f"The following resource(s) failed to delete: [{logical_id}].")
            return
    stack.becomes(f"{verb}_COMPLETE")


def _describe_stacks(self: Any) -> ActionResult:
    name = self._get_param("StackName")
    if not name:
        return ActionResult({"Stacks": [_described(each) for each in STACKS.values()]})
    stack = _stack(name)
    answer = {"Stacks": [_described(stack)]}
    _start_what_is_late(stack)
    return ActionResult(answer)


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
    stack = _stack(self._get_param("StackName"))
    answer = {"StackEvents": list(reversed(stack.events))}
    _start_what_is_late(stack)
    return ActionResult(answer)


def _get_template(self: Any) -> ActionResult:
    return ActionResult({"TemplateBody": _stack(self._get_param("StackName")).body})


def _detect_stack_drift(self: Any) -> ActionResult:
    """Done at once: the next two answer for the stack as it is when they are asked."""
    return ActionResult({"StackDriftDetectionId": _stack(self._get_param("StackName")).id})


def _describe_drift_detection(self: Any) -> ActionResult:
    return ActionResult({"DetectionStatus": "DETECTION_COMPLETE"})


def _describe_stack_resource_drifts(self: Any) -> ActionResult:
    stack = _stack(self._get_param("StackName"))
    then = json.loads(stack.body)["Resources"]
    found = []
    for logical_id, there in stack.made.items():
        live, given = resources.KINDS[then[logical_id]["Type"]].live, stack.properties[logical_id]
        now = live(given, there) if live else given
        if now != given:
            said = {"StackResourceDriftStatus": "DELETED"} if now is None else _modified(given, now)
            found.append({"LogicalResourceId": logical_id, "ResourceType": then[logical_id]["Type"], **said})
    return ActionResult({"StackResourceDrifts": found})


def _modified(given: Any, now: Any) -> dict[str, Any]:
    return {"StackResourceDriftStatus": "MODIFIED", "PropertyDifferences": list(_differing(given, now, ""))}


def _differing(given: Any, now: Any, path: str) -> Iterator[dict[str, str]]:
    keyed = isinstance(given, dict) and isinstance(now, dict) and set(given) == set(now)
    listed = isinstance(given, list) and isinstance(now, list) and len(given) == len(now)
    if keyed or listed:
        for key in sorted(given) if keyed else range(len(given)):
            yield from _differing(given[key], now[key], f"{path}/{key}")
    elif given != now:
        values = {"ExpectedValue": json.dumps(given), "ActualValue": json.dumps(now)}
        yield {"PropertyPath": path, "DifferenceType": "NOT_EQUAL", **values}


def _delete_stack(self: Any) -> ActionResult:
    stack = _stack(self._get_param("StackName"))
    _start(stack, partial(_deleted, stack))
    return EmptyResult()


def _deleted(stack: Stack) -> None:
    stack.becomes("DELETE_IN_PROGRESS", "User Initiated")
    _all_removed(stack, "DELETE")
    if stack.status == "DELETE_COMPLETE":
        DELETED.append(STACKS.pop(stack.name))
