"""CloudFormation's stacks, by change sets only: what would change is known before anything does."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        CreateChangeSetInputTypeDef,
        DescribeChangeSetOutputTypeDef,
        DescribeStackResourceDriftsInputTypeDef,
        ParameterTypeDef,
        StackEventTypeDef,
        StackResourceDriftTypeDef,
    )

NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
BODY_LIMIT_BYTES = 51_200  # a larger template is not taken in the call, but from S3
PROPOSED = "REVIEW_IN_PROGRESS"  # a stack that was never more than a change set
ROLLED_BACK = "ROLLBACK_COMPLETE"  # its creation failed: nothing is left of it but parameters, tags and events
UNMADE = ("CREATE_FAILED", ROLLED_BACK, "ROLLBACK_FAILED", "DELETE_FAILED")  # take no change set
POLL_S = 2.0


class StackFailed(Exception):
    """Says the stack, the first resource that failed and why."""


@dataclass(frozen=True)
class Stack:
    name: str
    id: str  # also of one that is deleted
    status: str
    parameters: dict[str, str]
    outputs: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True)
class Change:
    action: str  # Add, Modify, Remove
    resource: str
    kind: str
    replaces: bool


@dataclass(frozen=True)
class ChangeSet:
    stack: str
    arn: str
    creates: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Drift:
    """Of one property, a path as `/Policies/0`; of a resource that is gone, its path is empty."""

    resource: str
    kind: str
    path: str
    expected: str
    actual: str


@dataclass(frozen=True)
class Progress:
    """Of an operation on a stack: what CloudFormation says of its resources since it began."""

    stack: str
    events: "tuple[StackEventTypeDef, ...]"  # newest first

    @property
    def done(self) -> int:
        return len({event["LogicalResourceId"] for event in self._resources() if _is_complete(event)})

    @property
    def ended(self) -> str | None:
        """The stack's own status, None until it has come to one that stays."""
        said = [event["ResourceStatus"] for event in self.events if event["LogicalResourceId"] == self.stack]
        return said[0] if said and not said[0].endswith("_IN_PROGRESS") else None

    @property
    def why(self) -> str:
        """The first resource that failed, and its reason."""
        for event in reversed(self._resources()):
            if event["ResourceStatus"].endswith("_FAILED"):
                reason = str(event.get("ResourceStatusReason")).rstrip(".")
                return f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
        return "CloudFormation gives no reason"

    def _resources(self) -> "list[StackEventTypeDef]":
        return [event for event in self.events if event["LogicalResourceId"] != self.stack]


@dataclass(frozen=True)
class Stacks:
    poll_s: float = POLL_S

    @cached_property
    def _client(self) -> "CloudFormationClient":
        import boto3

        return boto3.client("cloudformation")

    def find(self, name: str) -> Stack | None:
        """None when there is none, also one that was never more than proposed."""
        from botocore.exceptions import ClientError

        try:
            (found,) = self._client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        if found["StackStatus"] == PROPOSED:
            return None
        return Stack(
            name=name,
            id=found["StackId"],
            status=found["StackStatus"],
            parameters={each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])},
            outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
            tags={each["Key"]: each["Value"] for each in found.get("Tags", [])},
        )

    def template(self, name: str) -> dict[str, Any]:
        """As it was deployed."""
        return dict(self._client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"])

    def propose(
        self,
        name: str,
        template: str,
        *,
        parameters: Mapping[str, str | None],
        tags: Mapping[str, str],
        address: str | None = None,
        revert_drift: bool = False,
    ) -> ChangeSet | None:
        """What would change, None when nothing would. A parameter of None keeps its value.

        `address`: https:// of the same template, for one that is larger than a call takes. `revert_drift`: what was
        changed behind the stack's back counts as changed.
        """
        stack = self.find(name)
        if stack is not None:
            _refuse_unless_settled(stack)
        creates = stack is None
        request: CreateChangeSetInputTypeDef = {
            "StackName": name,
            "ChangeSetName": f"pipeline-{time.time_ns()}",
            "ChangeSetType": "CREATE" if creates else "UPDATE",
            "Parameters": [_parameter(key, value) for key, value in parameters.items()],
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }
        if revert_drift and not creates:
            request["DeploymentMode"] = "REVERT_DRIFT"
        if address:
            request["TemplateURL"] = address
        else:
            request["TemplateBody"] = template
        arn = self._client.create_change_set(**request)["Id"]
        while True:
            pages = self._described(arn)
            status, reason = pages[0]["Status"], pages[0].get("StatusReason", "")
            if status == "FAILED":
                self.discard(ChangeSet(name, arn, creates, ()))
                if any(each in reason for each in NO_CHANGES):
                    return None
                raise StackFailed(f"stack {name}: no change set could be made: {reason}")
            if status == "CREATE_COMPLETE":
                return ChangeSet(name, arn, creates, tuple(change for page in pages for change in _changes(page)))
            time.sleep(self.poll_s)

    def discard(self, proposed: ChangeSet) -> None:
        """Nothing of it stays, neither the stack that it would have made."""
        self._client.delete_change_set(ChangeSetName=proposed.arn)
        if proposed.creates:
            self._client.delete_stack(StackName=proposed.stack)

    def apply(self, proposed: ChangeSet, *, progress: Callable[[str], None] = lambda _: None) -> Stack:
        """Returns when it is done. Raises StackFailed naming what failed.

        CloudFormation begins when it likes: until then the stack has the status of the operation before.
        """
        before = self._last_event(proposed.stack)
        self._client.execute_change_set(ChangeSetName=proposed.arn)
        while True:
            since = self._progress(proposed.stack, before)
            found = self.find(proposed.stack)
            if since.ended and found is not None and not found.status.endswith("_IN_PROGRESS"):
                if found.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                    raise StackFailed(
                        f"stack {found.name} ended {found.status}: {since.why}. Mend it, then: pipeline deploy"
                    )
                return found
            status = found.status if since.events and found else "starting"
            progress(f"{proposed.stack} {status}: {since.done} of {len(proposed.changes)} resources")
            time.sleep(self.poll_s)

    def delete(self, name: str, *, progress: Callable[[str], None] = lambda _: None) -> None:
        """Returns when it is gone. Raises StackFailed naming what could not be deleted."""
        stack = self.find(name)
        if stack is None:
            return
        before = self._last_event(name)
        self._client.delete_stack(StackName=name)
        while (since := self._progress(name, before, stack_id=stack.id)).ended is None:
            progress(f"{name}: {since.done} resources deleted")
            time.sleep(self.poll_s)
        if since.ended != "DELETE_COMPLETE":
            raise StackFailed(f"stack {name}: {since.why}")

    def drift(self, name: str) -> list[Drift]:
        """What CloudFormation finds changed behind its back, in every type that it can compare."""
        detection = self._client.detect_stack_drift(StackName=name)["StackDriftDetectionId"]
        while True:
            found = self._client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
            if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
            time.sleep(self.poll_s)
        if found["DetectionStatus"] == "DETECTION_FAILED":
            raise StackFailed(f"stack {name}: CloudFormation could not look at it: {found['DetectionStatusReason']}")
        drifted: list[Drift] = []
        request: DescribeStackResourceDriftsInputTypeDef = {
            "StackName": name,
            "StackResourceDriftStatusFilters": ["MODIFIED", "DELETED"],
        }
        while True:
            page = self._client.describe_stack_resource_drifts(**request)
            drifted += [drift for each in page["StackResourceDrifts"] for drift in _drifts(each)]
            if not page.get("NextToken"):
                return drifted
            request["NextToken"] = page["NextToken"]

    def _described(self, arn: str) -> "list[DescribeChangeSetOutputTypeDef]":
        return list(self._client.get_paginator("describe_change_set").paginate(ChangeSetName=arn))

    def _last_event(self, name: str) -> str | None:
        events = self._client.describe_stack_events(StackName=name)["StackEvents"]
        return events[0]["EventId"] if events else None

    def _progress(self, name: str, before: str | None, *, stack_id: str | None = None) -> Progress:
        """Since the event `before`. A stack that may be gone by now is found by its id only."""
        found: list[StackEventTypeDef] = []
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id or name):
            for event in page["StackEvents"]:
                if event["EventId"] == before:
                    return Progress(name, tuple(found))
                found.append(event)
        return Progress(name, tuple(found))


def _refuse_unless_settled(stack: Stack) -> None:
    """CloudFormation takes no change set for such a stack and does not say what to do instead."""
    if stack.status.endswith("_IN_PROGRESS"):
        raise StackFailed(f"stack {stack.name} is {stack.status}: another deployment is under way. Wait for its end")
    if stack.status in UNMADE:
        raise StackFailed(
            f"stack {stack.name} is {stack.status}: it was never whole. Delete it and deploy again: "
            f"aws cloudformation delete-stack --stack-name {stack.name}"
        )
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        raise StackFailed(
            f"stack {stack.name} is {stack.status}: it is neither the old nor the new one. Mend what it names, then: "
            f"aws cloudformation continue-update-rollback --stack-name {stack.name}"
        )


def _parameter(key: str, value: str | None) -> "ParameterTypeDef":
    return (
        {"ParameterKey": key, "UsePreviousValue": True}
        if value is None
        else {"ParameterKey": key, "ParameterValue": value}
    )


def _is_complete(event: "StackEventTypeDef") -> bool:
    return event["ResourceStatus"].endswith("_COMPLETE")


def _drifts(found: "StackResourceDriftTypeDef") -> list[Drift]:
    resource, kind = found["LogicalResourceId"], found["ResourceType"]
    if found["StackResourceDriftStatus"] == "DELETED":
        return [Drift(resource, kind, "", "made", "absent")]
    return [
        Drift(resource, kind, each["PropertyPath"], each["ExpectedValue"], each["ActualValue"])
        for each in found["PropertyDifferences"]
    ]


def _changes(page: "DescribeChangeSetOutputTypeDef") -> list[Change]:
    return [
        Change(
            action=each["ResourceChange"]["Action"],
            resource=each["ResourceChange"]["LogicalResourceId"],
            kind=each["ResourceChange"]["ResourceType"],
            replaces=each["ResourceChange"].get("Replacement") == "True",
        )
        for each in page["Changes"]
    ]
