"""What is read of a JSON value: the one place for trimming, numbers, amounts, whole numbers and instants.

Plain Python, run in the workers on what strict_json gives. A value of the wrong type is null (None), never an error.
"""

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from emr_jobs.strict_json import NUMBER, decimal

AMOUNT = "decimal(18,2)"
ARROW_AMOUNT = pa.decimal128(18, 2)
ARROW_INSTANT = pa.timestamp("us", "UTC")

_CENT = Decimal("0.01")
_PAST_AMOUNT = Decimal(10) ** 16
# The ranges are here because Python's own reader takes more: offsets to 23:59, and from 3.13 on 24:00.
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(\.[0-9]+)?"
    r"(Z|[+-](?:(?:0[0-9]|1[0-7]):[0-5][0-9]|18:00))"
)


def field(value: Any, name: str) -> Any:
    """None where value is no object or has none."""
    return value.get(name) if type(value) is dict else None


def elements(value: Any) -> list[Any]:
    """None of them where value is no array."""
    return value if type(value) is list else []


def text(value: Any) -> str | None:
    """Trimmed of spaces; null when blank or no string."""
    return (value.strip(" ") or None) if type(value) is str else None


def is_blank(value: Any) -> bool:
    """Absent, null or a string of spaces."""
    return value is None or (type(value) is str and not value.strip(" "))


def number(value: Any) -> Decimal | None:
    """Of a number, or of a string that holds one."""
    kind = type(value)
    if kind is float:  # of 15 digits at most, which its shortest text gives back
        return Decimal(repr(value))
    if kind is int:
        return Decimal(value)
    if kind is Decimal:
        return value
    if kind is str and NUMBER.fullmatch(written := value.strip(" ")):
        return decimal(written)
    return None


def amount(value: Any) -> Decimal | None:
    """Two decimals, rounded half away from zero; null when it does not fit decimal(18,2)."""
    read = number(value)
    if read is None:
        return None
    try:
        rounded = read.quantize(_CENT, ROUND_HALF_UP)
    except InvalidOperation:  # more digits than any amount has
        return None
    return rounded if fits(rounded) else None


def fits(amount: Decimal) -> bool:
    """Whether decimal(18,2) holds it."""
    return -_PAST_AMOUNT < amount < _PAST_AMOUNT


def whole(value: Any) -> int | Decimal | None:
    """A whole number of any size, however it is written; a Decimal where it could be too long for an int."""
    if type(value) is int:
        return value
    read = number(value)
    if read is None or read != read.to_integral_value():
        return None
    if not read:
        return 0
    return int(read) if read.adjusted() < 20 else read


def instant(value: Any) -> datetime | None:
    """UTC, cut to microseconds; null without offset, outside the years 1 to 9999 or for anything but an instant."""
    match = _INSTANT.fullmatch(value.strip(" ")) if type(value) is str else None
    if match is None:
        return None
    seconds, fraction, offset = match.groups()
    try:
        return datetime.fromisoformat(f"{seconds}{(fraction or '')[:7]}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
