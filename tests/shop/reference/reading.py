"""How a JSON value is read: text, numbers, amounts, whole numbers, instants."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

CENT = Decimal("0.01")
ROOMY = Context(prec=100, Emax=MAX_EMAX, Emin=MIN_EMIN)
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:(Z)|([+-])([0-9]{2}):([0-9]{2}))"
)
TOKEN = re.compile(r'("(?:[^"\\]|\\.)*"|[\[\]{}])', re.DOTALL)
INSIDE = "\x7f inside "  # and a number: the text that stands for an array or object that was read


def parse(line: bytes) -> dict[str, Any] | None:
    """Exactly one JSON object in valid UTF-8, or None."""
    try:
        text = line.decode("utf-8")
        try:
            value = load(text)
        except RecursionError:
            value = load_deep(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def load(text: str, pairs: Any = None) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(
        text, parse_float=decimal, parse_int=decimal, parse_constant=refuse, object_pairs_hook=pairs or dict
    )


def decimal(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation:  # an exponent of more than 18 digits
        digits, exponent = written.lower().split("e")
        return Decimal(f"{digits}e{'-' if '-' in exponent else ''}{10**17}")


def load_deep(text: str) -> Any:
    """From the inside out: what has no array or object inside is read, and a text that names it takes its place."""
    assert INSIDE not in text, "no test writes this"
    read: list[Any] = []
    opened = [[""]]

    def known(value: Any) -> Any:
        return read[int(value[len(INSIDE) :])] if isinstance(value, str) and value.startswith(INSIDE) else value

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if any(key.startswith(INSIDE) for key, _ in found):
            raise ValueError("a key that is no text")
        return {key: known(value) for key, value in found}

    for token in TOKEN.split(text):
        if token in ("[", "{"):
            opened.append([token])
        elif token in ("]", "}"):
            value = load("".join([*opened.pop(), token]), pairs)
            read.append([known(each) for each in value] if isinstance(value, list) else value)
            if not opened:
                raise ValueError("closed and not opened")
            opened[-1].append(f'"{INSIDE}{len(read) - 1}"')
        else:
            opened[-1].append(token)
    if len(opened) != 1:
        raise ValueError("opened and not closed")
    return known(load("".join(opened[0]), pairs))


def depth(line: bytes) -> int:
    """Levels of arrays and objects in a line that is JSON."""
    deepest = level = 0
    for token in TOKEN.findall(line.decode()):
        level += (token in ("[", "{")) - (token in ("]", "}"))
        deepest = max(deepest, level)
    return deepest


def text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return re.sub("[\ud800-\udfff]", "\ufffd", value).strip(" ") or None


def number(value: Any) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and NUMBER.fullmatch(value.strip(" ")):
        return decimal(value.strip(" "))
    return None


def money(value: Decimal) -> Decimal:
    """Two decimals, half up away from zero. Raises when it does not fit decimal(18,2)."""
    rounded = value.quantize(CENT, ROUND_HALF_UP, ROOMY) + 0  # which makes -0.00 plain zero
    if abs(rounded) >= Decimal(10) ** 16:
        raise OverflowError(value)
    return rounded


def amount(value: Any) -> Decimal | None:
    read = number(value)
    try:
        return None if read is None else money(read)
    except (OverflowError, ArithmeticError):
        return None


def whole(value: Any) -> Decimal | None:
    """Of any size."""
    read = number(value)
    return None if read is None or read != read.to_integral_value() else read


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
