"""What of a shipment is no single field of it: code and instant of its last event. The rest is read by contract."""

from datetime import UTC, datetime
from typing import Any

from emr_jobs.reading.values import elements, field, instant

_NEVER = datetime.min.replace(tzinfo=UTC)


def last_event(shipment: dict[str, Any]) -> tuple[Any, Any]:
    """Of the latest; one without an instant is before all others, on a tie the later in the array counts."""
    backwards = reversed(elements(field(shipment, "events")))  # max takes the first of equals
    latest = max(backwards, key=_rank, default=None)
    return field(latest, "code"), field(latest, "at")


def _rank(event: Any) -> tuple[bool, datetime]:
    at = instant(field(event, "at"))
    return at is not None, at or _NEVER
