"""Instants as an API's parameters and its records write them.

A parameter is written as the contract's `times` says and in no other way. A record is read as generously as its owner
would: text with or without offset, a date, a number. What has no offset is where the API's own days are (`zone`).
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

EXPECTED = {
    "iso": "an instant with an offset, such as 2026-11-21T05:00:00Z",
    "epoch": "whole seconds since 1970",
    "epoch_ms": "whole milliseconds since 1970",
    "date": "a date, such as 2026-11-21",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = re.compile(r"-?\d{1,15}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def of_parameter(text: str, times: str, zone: ZoneInfo) -> datetime:
    """Raises ValueError saying what was expected."""
    try:
        match times:
            case "epoch" | "epoch_ms" if _WHOLE.fullmatch(text):
                return _since_1970(int(text), times)
            case "date" if _DATE.fullmatch(text):
                return midnight(text, zone)
            case "iso" if (at := datetime.fromisoformat(text)).tzinfo:
                return at
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"is {text[:40]!r}, expected {EXPECTED[times]}")


def of_record(value: Any, times: str, zone: ZoneInfo) -> datetime | None:
    """None where it is no instant."""
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value.strip(" "))
            return at if at.tzinfo else at.replace(tzinfo=zone)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return _since_1970(float(value), times)
    except (ValueError, OverflowError):
        pass
    return None


def midnight(day: str, zone: ZoneInfo) -> datetime:
    """Raises ValueError where it is no date."""
    return datetime.combine(date.fromisoformat(day), time(0), zone)


def _since_1970(number: float, times: str) -> datetime:
    return _EPOCH + (timedelta(milliseconds=number) if times == "epoch_ms" else timedelta(seconds=number))
