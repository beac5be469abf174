"""What of a shipment is no single field of it: code and instant of its last event. The rest is read by contract."""

from datetime import UTC, datetime
from typing import Any

from emr_jobs.reading.values import field, instant, is_blank

_NEVER = datetime.min.replace(tzinfo=UTC)
_WRONG = False  # of a type that neither column takes


def last_event(shipment: dict[str, Any]) -> tuple[Any, Any]:
    """Of the latest; one without an instant is before all others, on a tie the later in the array counts.

    Events that are no array, and a latest one that is no object, count as a wrong type of both.
    """
    events = field(shipment, "events")
    if is_blank(events):
        return None, None
    if type(events) is not list:
        return _WRONG, _WRONG
    latest: Any = max(reversed(events), key=_rank, default=None)  # max takes the first of equals
    if latest is None:
        return None, None
    return (latest.get("code"), latest.get("at")) if type(latest) is dict else (_WRONG, _WRONG)


def _rank(event: Any) -> tuple[bool, datetime]:
    at = instant(field(event, "at"))
    return at is not None, at or _NEVER
