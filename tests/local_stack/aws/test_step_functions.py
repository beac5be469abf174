"""Step Functions of the local AWS where moto alone is not as AWS is."""

import json
from typing import Any

from emr_jobs.core.s3_uri import bucket_and_key
from local_stack.aws.account import client
from tests.aws import Cloud
from tests.running import wait_for


def machine(states: Any, name: str, definition: dict[str, Any]) -> str:
    role = "arn:aws:iam::123456789012:role/of-nobody"
    made = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
    return str(made["stateMachineArn"])


def test_an_execution_that_is_stopped_while_its_branches_start_is_aborted(cloud: Cloud) -> None:
    states = client("stepfunctions", str(cloud.settings.aws.endpoint))
    branch = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
    wide = {"StartAt": "All", "States": {"All": {"Type": "Parallel", "Branches": [branch] * 40, "End": True}}}
    arn = machine(states, "wide", wide)
    for _ in range(10):
        execution = states.start_execution(stateMachineArn=arn)["executionArn"]
        states.stop_execution(executionArn=execution)
        wait_for(lambda execution=execution: states.describe_execution(executionArn=execution)["status"] == "ABORTED")


def test_object_of_s3_is_text_and_its_absence_an_error_of_s3(cloud: Cloud) -> None:
    """As the generated machine reads why a job failed."""
    states = client("stepfunctions", str(cloud.settings.aws.endpoint))
    bucket, _ = bucket_and_key(cloud.settings.runs.uri)
    cloud.s3.put_object(Bucket=bucket, Key="reason.txt", Body="BadInput: {x} 'ü'".encode())

    def read(key: str) -> dict[str, Any]:
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
            "Parameters": {"Bucket": bucket, "Key": key},
            "End": True,
        }
        arn = machine(states, f"reads-{key.partition('.')[0]}", {"StartAt": "Read", "States": {"Read": task}})
        execution = states.start_execution(stateMachineArn=arn)["executionArn"]
        wait_for(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING")
        return dict(states.describe_execution(executionArn=execution))

    assert json.loads(read("reason.txt")["output"])["Body"] == "BadInput: {x} 'ü'"
    assert read("none.txt")["error"] == "S3.NoSuchKeyException"
