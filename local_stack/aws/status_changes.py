"""The event of an execution's end, to the EventBridge rules that match it. moto sends none.

A delivery that is refused goes to the target's queue, if the queue's policy takes it from that rule. Differs from AWS:
targets are state machines and get the event as it is, once; another target is logged and left out.
"""

import json
import logging
import time
import uuid
from threading import Thread
from typing import Any

from moto.events.models import events_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local_stack.aws import ACCOUNT, REGION, authorisation

PASS_S = 0.2
STATUSES = "Step Functions Execution Status Change"


def watch() -> None:
    """Every execution's end, from now on, in a thread."""
    Thread(target=_loop, daemon=True, name="status-changes").start()


def _loop() -> None:
    told: set[str] = set()
    while True:
        time.sleep(PASS_S)
        for machine in list(stepfunctions_parser_backends[ACCOUNT][REGION].state_machines):
            for execution in list(machine.executions):
                arn, status = execution.exec_arn, execution.exec_status and execution.exec_status.value
                if arn not in told and status not in (None, "RUNNING"):
                    told.add(arn)
                    try:
                        _send(machine, execution, arn, status)
                    except Exception:  # the thread's edge
                        logging.exception("status change of %s", arn)


def _send(machine: Any, execution: Any, arn: str, status: str) -> None:
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": STATUSES,
        "source": "aws.states",
        "account": ACCOUNT,
        "region": REGION,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "resources": [arn],
        "detail": {
            "executionArn": arn,
            "stateMachineArn": machine.arn,
            "name": arn.rpartition(":")[2],
            "status": status,
            "input": json.dumps(execution.input_data),
            "inputDetails": {"included": True},
        },
    }
    for rule in list(events_backends[ACCOUNT][REGION].event_buses["default"].rules.values()):
        if rule.state == "ENABLED" and rule.event_pattern.matches_event(event):
            for target in rule.targets:
                _deliver(rule, target, event)


def _deliver(rule: Any, target: dict[str, Any], event: dict[str, Any]) -> None:
    from botocore.exceptions import ClientError

    if ":stateMachine:" not in target["Arn"] or "InputTransformer" in target or "InputPath" in target:
        logging.error("not emulated: target %s", target)
        return
    states = authorisation.client("stepfunctions", target["RoleArn"])
    try:
        states.start_execution(stateMachineArn=target["Arn"], input=json.dumps(event))
    except ClientError as error:
        logging.warning("rule %s was not delivered: %s", rule.name, error)
        if queue := target.get("DeadLetterConfig", {}).get("Arn"):
            _keep(queue, rule.arn, target["Arn"], event, error.response["Error"]["Code"])


def _keep(queue: str, rule: str, target: str, event: dict[str, Any], code: str) -> None:
    """In the queue, as EventBridge puts it there itself: by the queue's policy, not by a role."""
    import boto3

    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
    statements = json.loads(attributes.get("Policy", '{"Statement": []}'))["Statement"]
    accepted = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["sqs:SendMessage"],
        "Resource": [queue],
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    if accepted not in statements:
        logging.error("%s takes nothing from %s: the event is lost", queue, rule)
        return
    said = {"RULE_ARN": rule, "TARGET_ARN": target, "ERROR_CODE": code}
    sqs.send_message(
        QueueUrl=url,
        MessageBody=json.dumps(event),
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in said.items()},
    )
