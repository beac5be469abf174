"""What the local CloudFormation says a change set would do."""

import json
from typing import Any

from local_stack.aws.cloudformation import Stack, _changes


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Action, resource and whether it is replaced, for a table that goes from one to the other."""

    def template(properties: dict[str, Any]) -> dict[str, Any]:
        return {"Resources": {"Guard": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}}

    stack = Stack("s", "arn", body=json.dumps(template(before)))
    stack.made, stack.properties = {"Guard": {"Ref": "guard"}}, {"Guard": before}
    said = [each["ResourceChange"] for each in _changes(template(after), {}, stack, set())]
    return [(each["Action"], each["LogicalResourceId"], each.get("Replacement", "")) for each in said]


def test_tags_alone_replace_nothing() -> None:
    table = {"BillingMode": "PAY_PER_REQUEST", "Tags": [{"Key": "owner", "Value": "one"}]}
    other = {**table, "Tags": [{"Key": "owner", "Value": "other"}]}
    assert changed(table, table) == []
    assert changed(table, other) == [("Modify", "Guard", "False")]
    assert changed(table, {**other, "BillingMode": "PROVISIONED"}) == [("Modify", "Guard", "True")]
