"""How a JSON value is read: text, numbers, amounts, whole numbers, instants."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:(Z)|([+-])([0-9]{2}):([0-9]{2}))"
)


def parse(line: bytes) -> dict[str, Any] | None:
    """Exactly one JSON object in valid UTF-8, or None."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        value = json.loads(line.decode("utf-8"), parse_float=Decimal, parse_constant=refuse)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return value.strip(" ") or None


def number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and NUMBER.fullmatch(value.strip(" ")):
        return Decimal(value.strip(" "))
    return None


def money(value: Decimal) -> Decimal:
    """Two decimals, half up away from zero. Raises when it does not fit decimal(18,2)."""
    rounded = value.quantize(CENT, ROUND_HALF_UP) + 0  # which makes -0.00 plain zero
    if abs(rounded) >= Decimal(10) ** 16:
        raise OverflowError(value)
    return rounded


def amount(value: Any) -> Decimal | None:
    read = number(value)
    try:
        return None if read is None else money(read)
    except (OverflowError, ArithmeticError):
        return None


def whole(value: Any) -> int | None:
    read = number(value)
    if read is None or read != read.to_integral_value() or not -(2**63) <= read < 2**63:
        return None
    return int(read)


def instant(value: Any) -> datetime | None:
    match = INSTANT.fullmatch(value.strip(" ")) if isinstance(value, str) else None
    if match is None:
        return None
    *numbers, fraction, _zulu, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    if abs(offset) > timedelta(hours=18) or int(minutes or 0) > 59:
        return None
    micros = int(((fraction or "") + "000000")[:6])
    try:
        local = datetime(*map(int, numbers), micros, tzinfo=timezone(offset))  # type: ignore[arg-type,misc]
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def items_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
