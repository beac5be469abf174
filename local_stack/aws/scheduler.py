"""EventBridge Scheduler with a clock that stands until it is moved; then what is due in between is delivered.

A local time in a gap is left out, one in a fold happens once, as AWS documents. Differs from AWS: nothing fires by
itself, every target is a state machine, retries come at once. Refused: rate(), L, W, #.
"""

import json
import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from moto.scheduler.models import scheduler_backends

from local_stack.aws import ACCOUNT, REGION, authorisation

_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))  # minute hour day month weekday year


class Clock:
    """Where the virtual time stands."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def set(self, at: datetime) -> None:
        self.now = at

    def advance_to(self, at: datetime) -> list[dict[str, str]]:
        """Deliver what is due in (now, at], oldest first."""
        due = sorted(
            (
                (instant, schedule)
                for schedule in _schedules()
                if schedule.state == "ENABLED"
                for instant in fires(
                    schedule.schedule_expression, schedule.schedule_expression_timezone or "UTC", self.now, at
                )
            ),
            key=lambda each: each[0],
        )
        self.now = at
        return [_delivered(schedule, instant) for instant, schedule in due]


def deliver(name: str, at: datetime, times: int) -> list[dict[str, str]]:
    """The schedule's delivery of this instant, so many times: AWS promises at least once."""
    (schedule,) = [each for each in _schedules() if each.name == name]
    return [_delivered(schedule, at) for _ in range(times)]


def fires(expression: str, timezone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Instants in (after, until], UTC. Pure. Raises ValueError for an expression that is not understood."""
    if not (expression.startswith("cron(") and expression.endswith(")")):
        raise ValueError(f"schedule {expression}: only cron(...) is emulated")
    parts = expression[5:-1].split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"schedule {expression}: {len(parts)} fields, not {len(_FIELDS)}")
    minutes, hours, days, months, weekdays, years = (
        _field(part, *limits) for part, limits in zip(parts, _FIELDS, strict=True)
    )
    zone = ZoneInfo(timezone)
    day = after.astimezone(zone).date() - timedelta(days=1)
    while day <= until.astimezone(zone).date():
        if day.year in years and day.month in months and day.day in days and day.isoweekday() % 7 + 1 in weekdays:
            for at in (time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)):
                local = datetime.combine(day, at, zone)
                instant = local.astimezone(UTC)
                exists = instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
                if exists and after < instant <= until:
                    yield instant
        day += timedelta(days=1)


def _field(part: str, lowest: int, highest: int) -> set[int]:
    found: set[int] = set()
    for each in part.split(","):
        span, _, step = each.partition("/")
        if span in ("*", "?"):
            first, last = lowest, highest
        else:
            first, _, end = span.partition("-")  # type: ignore[assignment]
            first = int(first)
            last = int(end) if end else (highest if step else first)
        if not lowest <= first <= last <= highest:
            raise ValueError(f"cron field {part}: outside {lowest} to {highest}")
        found |= set(range(first, last + 1, int(step or 1)))
    return found


def _schedules() -> list[Any]:
    groups = scheduler_backends[ACCOUNT][REGION].schedule_groups.values()
    return [schedule for group in groups for schedule in group.schedules.values()]


def _delivered(schedule: Any, at: datetime) -> dict[str, str]:
    scheduled = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {"schedule": schedule.name, "at": scheduled}
    return {**said, "delivered": _start(schedule, scheduled)}


def _start(schedule: Any, scheduled: str) -> str:
    """The execution's ARN, or that it went to the queue of what was not delivered."""
    import boto3
    from botocore.exceptions import ClientError

    target, execution = schedule.target, uuid.uuid4().hex
    states = authorisation.client("stepfunctions", target["RoleArn"])
    attempts = int(target.get("RetryPolicy", {}).get("MaximumRetryAttempts", 185))
    error: ClientError | None = None
    for attempt in range(1, attempts + 2):
        context = {
            "scheduled-time": scheduled,
            "schedule-arn": schedule.arn,
            "execution-id": execution,
            "attempt-number": str(attempt),
        }
        body = target.get("Input", "{}")
        for name, value in context.items():
            body = body.replace(f"<aws.scheduler.{name}>", value)
        try:
            started = states.start_execution(stateMachineArn=target["Arn"], input=body)
            return str(started["executionArn"])
        except ClientError as refused:
            error = refused
    assert error is not None, "there was an attempt"
    logging.warning("schedule %s was not delivered: %s", schedule.name, error)
    if queue := target.get("DeadLetterConfig", {}).get("Arn"):
        attributes = {
            "ERROR_CODE": error.response["Error"]["Code"],
            "SCHEDULED_TIME": scheduled,
            "TARGET_ARN": target["Arn"],
        }
        sqs = authorisation.client("sqs", target["RoleArn"])
        sqs.send_message(
            QueueUrl=boto3.client("sqs").get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"],
            MessageBody=json.dumps(body),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )
    return f"DLQ {error.response['Error']['Code']}"
