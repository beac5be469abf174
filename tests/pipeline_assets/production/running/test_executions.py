"""What an execution's history says of the calls that AWS refused."""

from typing import Any

from pipeline_assets.production.running.executions import refused_calls
from tests.domains import LIBRARY


def entered(number: int, state: str) -> dict[str, Any]:
    return {"id": number, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": state}}


def failed(number: int, error: str, cause: str, *, after: int) -> dict[str, Any]:
    details = {"error": error, "cause": cause}
    return {"id": number, "previousEventId": after, "type": "TaskFailed", "taskFailedEventDetails": details}


def test_of_a_state_the_last_refusal_in_the_words_of_aws() -> None:
    events = [
        entered(1, "ClaimDay"),
        {"id": 2, "previousEventId": 1, "type": "TaskSucceeded"},
        entered(3, "CreateCluster"),
        failed(4, "EMR.AmazonElasticMapReduceException", "slower", after=3),
        failed(5, "EMR.AmazonElasticMapReduceException", "quota", after=4),
    ]
    assert refused_calls(events, LIBRARY) == {"CreateCluster": "EMR.AmazonElasticMapReduceException quota"}


def test_what_was_answered_in_the_end_or_is_a_jobs_is_no_refusal() -> None:
    events = [
        entered(1, "ClaimDay"),
        failed(2, "DynamoDB.ConditionalCheckFailedException", "taken", after=1),
        entered(3, "RecordCluster"),
        failed(4, "DynamoDB.ProvisionedThroughputExceededException", "slower", after=3),
        {"id": 5, "previousEventId": 4, "type": "TaskSucceeded"},
        entered(6, "ExtractLoans"),
        failed(7, "States.TaskFailed", "{}", after=6),
        entered(8, "ExtractLoansFailed"),
        failed(9, "S3.NoSuchKeyException", "not there", after=8),
    ]
    assert refused_calls(events, LIBRARY) == {}
