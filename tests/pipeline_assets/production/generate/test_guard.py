"""The conditions under which a day is released, and how it is found: whole requests."""

import pytest

from pipeline_assets.production.generate import guard
from pipeline_assets.production.generate.asl import Path, call

DATE, OTHER = Path("$.date"), Path("$.other")
NAMES = {"#status": "status", "#execution": "execution"}


@pytest.mark.parametrize(
    ("status", "update"),
    [
        (guard.DayStatus.PUBLISHED, "SET #status = :status, published_by = :execution"),
        (guard.DayStatus.INCOMPLETE, "SET #status = :status"),
        (guard.DayStatus.FAILED, "SET #status = :status"),
    ],
)
def test_an_execution_releases_its_own_day_and_only_a_published_one_is_its_readers(status: str, update: str) -> None:
    assert guard.release(DATE, status) == {
        "TableName": guard.TABLE,
        "Key": guard.day_key(DATE),
        "UpdateExpression": update,
        "ConditionExpression": "#execution = :execution",
        "ExpressionAttributeNames": NAMES,
        "ExpressionAttributeValues": {":status": {"S": status}, ":execution": {"S": guard.EXECUTION}},
    }


def test_the_reaper_releases_the_day_of_another_execution_that_had_not_ended() -> None:
    released = guard.release(DATE, guard.DayStatus.FAILED, execution=OTHER, only_running=True)
    assert released["ConditionExpression"] == "#execution = :execution AND #status = :running"
    assert released["ExpressionAttributeValues"] == {
        ":status": {"S": "failed"},
        ":execution": {"S": OTHER},
        ":running": {"S": "running"},
    }


def test_the_scheduled_date_is_that_of_the_scheduled_time() -> None:
    """The part before the T of 2026-11-22T13:00:00Z."""
    assert guard.scheduled_date(Path("$.at")) == call("ArrayGetItem", call("StringSplit", Path("$.at"), "T"), 0)


def test_a_day_is_read_as_it_is_now() -> None:
    assert guard.read(guard.day_key(DATE)) == {
        "TableName": guard.TABLE,
        "Key": {"pk": {"S": call("Format", "day#{}", DATE)}},
        "ConsistentRead": True,
    }
