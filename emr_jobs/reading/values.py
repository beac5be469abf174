"""What is read of a value: the one place for trimming, numbers, amounts, whole numbers, instants, days and booleans.

Plain Python, run in the workers on what strict_json gives, on the texts of a CSV file or the values of a Parquet file.
A value of the wrong type is null (None), never an error.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import cache
from math import isfinite
from typing import Any

import pyarrow as pa

from emr_jobs.reading.strict_json import NUMBER, decimal

AMOUNT = "decimal(18,2)"
ARROW_AMOUNT = pa.decimal128(18, 2)
ARROW_INSTANT = pa.timestamp("us", "UTC")

_PAST_AMOUNT = Decimal(10) ** 16
# The ranges are here because Python's own reader takes more: offsets to 23:59, and from 3.13 on 24:00.
INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(\.[0-9]+)?"
    r"(Z|[+-](?:(?:0[0-9]|1[0-7]):[0-5][0-9]|18:00))"
)
DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


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
    if kind is float:  # of 15 digits at most, which its shortest text gives back; of Parquet it may be none
        return Decimal(repr(value)) if isfinite(value) else None
    if kind is int:
        return Decimal(value)
    if kind is Decimal:
        return value
    if kind is str and NUMBER.fullmatch(written := value.strip(" ")):
        return decimal(written)
    return None


@cache
def decimals(precision: int, scale: int) -> Callable[[Any], Decimal | None]:
    """How decimal(precision,scale) is read: rounded half away from zero; null when it does not fit."""
    step = Decimal(1).scaleb(-scale)
    context = Context(prec=precision, rounding=ROUND_HALF_UP)

    def read(value: Any) -> Decimal | None:
        exact = number(value)
        if exact is None:
            return None
        try:
            return exact.quantize(step, context=context)
        except InvalidOperation:  # more digits than the context has
            return None

    return read


amount = decimals(18, 2)


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
    if type(value) is datetime:
        return _in_utc(value)
    match = INSTANT.fullmatch(value.strip(" ")) if type(value) is str else None
    if match is None:
        return None
    seconds, fraction, offset = match.groups()
    try:
        return datetime.fromisoformat(f"{seconds}{(fraction or '')[:7]}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def instant_or_utc(value: Any) -> datetime | None:
    """As `instant`, and a date and time of Parquet's that has no offset is in UTC."""
    if type(value) is datetime and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return instant(value)


def _in_utc(value: datetime) -> datetime | None:
    try:
        return None if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None


def day(value: Any) -> date | None:
    """Of YYYY-MM-DD in the years 1 to 9999, or of a Parquet file's date."""
    if type(value) is date:
        return value
    if type(value) is not str or not DAY.fullmatch(written := value.strip(" ")):
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def boolean(value: Any) -> bool | None:
    """Only true and false; the text "true" is a text."""
    return value if type(value) is bool else None


def written_boolean(value: Any) -> bool | None:
    """Where every value is a text, as in CSV: true or false in letters of any case."""
    return _BOOLEANS.get(value.strip(" ").lower()) if type(value) is str else boolean(value)


_BOOLEANS = {"true": True, "false": False}


def texts(value: Any) -> list[str]:
    """Of an array, without the elements that are blank or no string. Null and what is no array is empty."""
    return [read for read in map(text, elements(value)) if read is not None]
