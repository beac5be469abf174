"""The guard table: which execution has which partition, and how it ended; which cluster an execution made.

    day#2026-11-23         execution, status, scheduled_time, expires_at, published_by
    execution#<name>       cluster, expires_at

The date is the scheduled date, so this item is of partition 2026-11-22: tables that are deployed are keyed so.
A day is claimed when nobody has it, when it ended without being published, by the same execution once more, or, by
a rerun, when it is published. Status `incomplete`: all went well, without the jobs that publish. `published_by` names
the execution whose day readers have; a rerun that fails takes it from nobody.
"""

from enum import StrEnum
from typing import Any

from pipeline_assets.production.generate.asl import EXECUTION, Path, call

TABLE = "${GuardTable}"


class DayStatus(StrEnum):
    RUNNING = "running"
    PUBLISHED = "published"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


def day_key(scheduled_date: Path) -> dict[str, Any]:
    return {"pk": {"S": call("Format", "day#{}", scheduled_date)}}


def execution_key(name: Path = EXECUTION) -> dict[str, Any]:
    return {"pk": {"S": call("Format", "execution#{}", name)}}


def scheduled_date(scheduled_time: Path) -> Path:
    return call("ArrayGetItem", call("StringSplit", scheduled_time, "T"), 0)


def claim(scheduled_date: Path, scheduled_time: Path, expires_at: Path, also: Path) -> dict[str, Any]:
    """updateItem's arguments; `also` is a status that is claimed besides failed and incomplete."""
    return {
        "TableName": TABLE,
        "Key": day_key(scheduled_date),
        "UpdateExpression": "SET #status = :running, #execution = :me, scheduled_time = :at, expires_at = :expires",
        "ConditionExpression": (
            "attribute_not_exists(pk) OR #execution = :me OR #status IN (:failed, :incomplete, :also)"
        ),
        "ExpressionAttributeNames": {"#status": "status", "#execution": "execution"},
        "ExpressionAttributeValues": {
            ":running": {"S": DayStatus.RUNNING},
            ":failed": {"S": DayStatus.FAILED},
            ":incomplete": {"S": DayStatus.INCOMPLETE},
            ":also": {"S": also},
            ":me": {"S": EXECUTION},
            ":at": {"S": scheduled_time},
            ":expires": {"N": expires_at},
        },
    }


def release(
    scheduled_date: Path, status: DayStatus | Path, *, execution: Path = EXECUTION, only_running: bool = False
) -> dict[str, Any]:
    """updateItem's arguments; refused when the day is another execution's, or, asked so, has ended."""
    condition = "#execution = :execution"
    update = "SET #status = :status" + (", published_by = :execution" if status == DayStatus.PUBLISHED else "")
    values = {":status": {"S": status}, ":execution": {"S": execution}}
    if only_running:
        condition += " AND #status = :running"
        values |= {":running": {"S": DayStatus.RUNNING}}
    return {
        "TableName": TABLE,
        "Key": day_key(scheduled_date),
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {"#status": "status", "#execution": "execution"},
        "ExpressionAttributeValues": values,
    }


def read(key: dict[str, Any]) -> dict[str, Any]:
    return {"TableName": TABLE, "Key": key, "ConsistentRead": True}
