"""CloudFormation's stacks, by change sets only: what would change is known before anything does."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

OWNER_TAG = "pipeline:owner"
NO_CHANGES = "didn't contain changes"
POLL_S = 2.0


class StackFailed(Exception):
    """Says the stack, the first resource that failed and why."""


@dataclass(frozen=True)
class Stack:
    name: str
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
class Stacks:
    poll_s: float = POLL_S

    @cached_property
    def _client(self) -> Any:
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
        if found["StackStatus"] == "REVIEW_IN_PROGRESS":
            return None
        return Stack(
            name=name,
            status=found["StackStatus"],
            parameters={each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])},
            outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
            tags={each["Key"]: each["Value"] for each in found.get("Tags", [])},
        )

    def template(self, name: str) -> dict[str, Any]:
        """As it was deployed."""
        return dict(self._client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"])

    def propose(
        self, name: str, template: str, *, parameters: Mapping[str, str | None], tags: Mapping[str, str]
    ) -> ChangeSet | None:
        """What would change, None when nothing would. A parameter of None keeps its value."""
        creates = self.find(name) is None
        arn = self._client.create_change_set(
            StackName=name,
            ChangeSetName=f"pipeline-{time.time_ns()}",
            ChangeSetType="CREATE" if creates else "UPDATE",
            TemplateBody=template,
            Parameters=[
                {"ParameterKey": key, **({"UsePreviousValue": True} if value is None else {"ParameterValue": value})}
                for key, value in parameters.items()
            ],
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )["Id"]
        while True:
            found = self._client.describe_change_set(ChangeSetName=arn)
            if found["Status"] == "FAILED":
                self._client.delete_change_set(ChangeSetName=arn)
                if NO_CHANGES in found["StatusReason"]:
                    return None
                raise StackFailed(f"stack {name}: no change set could be made: {found['StatusReason']}")
            if found["Status"] == "CREATE_COMPLETE":
                return ChangeSet(name, arn, creates, tuple(_changes(found["Changes"])))
            time.sleep(self.poll_s)

    def discard(self, proposed: ChangeSet) -> None:
        self._client.delete_change_set(ChangeSetName=proposed.arn)

    def apply(self, proposed: ChangeSet, *, progress: Callable[[str], None] = lambda _: None) -> Stack:
        """Returns when it is done. Raises StackFailed naming what failed."""
        self._client.execute_change_set(ChangeSetName=proposed.arn)
        return self._settled(proposed.stack, progress)

    def delete(self, name: str, *, progress: Callable[[str], None] = lambda _: None) -> None:
        self._client.delete_stack(StackName=name)
        while (found := self.find(name)) is not None and found.status != "DELETE_COMPLETE":
            if found.status == "DELETE_FAILED":
                raise StackFailed(f"stack {name}: {self._why(name)}")
            progress(f"{name} {found.status}")
            time.sleep(self.poll_s)

    def _settled(self, name: str, progress: Callable[[str], None]) -> Stack:
        while True:
            found = self.find(name)
            if found is not None and not found.status.endswith("_IN_PROGRESS"):
                if found.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                    raise StackFailed(f"stack {name} ended {found.status}: {self._why(name)}")
                return found
            progress(f"{name} {found.status if found else 'starting'}")
            time.sleep(self.poll_s)

    def _why(self, name: str) -> str:
        events = self._client.describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        failed.sort(key=lambda event: event["Timestamp"])
        for event in failed:
            if event["LogicalResourceId"] != name:
                return f"{event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason')}"
        return "CloudFormation gives no reason"


def _changes(described: list[dict[str, Any]]) -> list[Change]:
    return [
        Change(
            action=each["ResourceChange"]["Action"],
            resource=each["ResourceChange"]["LogicalResourceId"],
            kind=each["ResourceChange"]["ResourceType"],
            replaces=each["ResourceChange"].get("Replacement") == "True",
        )
        for each in described
    ]
