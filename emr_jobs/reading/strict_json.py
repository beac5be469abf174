"""JSON, exactly: one value in valid UTF-8 or Malformed, whatever it holds and however deep.

The common text is orjson's. It reads 1,024 levels, refuses 1e400 and lone surrogates, and makes doubles of long
numbers. So what it refuses, and a text in which a number could lose a digit, is read once more by the parser below,
whose verdict counts: without recursion, a number that is not a plain whole one as Decimal, a surrogate without its
other half as U+FFFD. Of duplicated keys the last counts.
"""

import re
from decimal import Decimal, InvalidOperation
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]  # has no type
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

LEVELS = 10_000  # objects and arrays within each other that are read; what lies deeper is only checked

# A number of 16 digits or more, or with an exponent. Up to 15 digits a double gives back the number that was written.
_DOUBTFUL = r"[\s:,\[]-?[0-9](?:[0-9.]{16}|[0-9.]*[eE])"

_SPACE = re.compile(r"[ \t\n\r]*")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PLAIN = re.compile(r"-?[0-9]{1,18}")
_WORDS = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}
_CLOSING = {"{": "}", "[": "]"}
_HALF = re.compile("[\ud800-\udfff]")
_UNKEPT: dict[str, Any] = {}  # in the place of everything below LEVELS
_GREATEST_EXPONENT = 10**17


class Malformed(ValueError):
    """Not exactly one JSON value in valid UTF-8."""


def doubtful(texts: pa.Array) -> list[bool]:
    """In which of these texts orjson could lose a digit of a number."""
    return pc.match_substring_regex(texts, _DOUBTFUL).to_pylist()


def is_doubtful(text: bytes) -> bool:
    return doubtful(pa.array([text], pa.binary()))[0]


def parse(text: bytes, *, in_doubt: bool) -> tuple[Any, bool]:
    """The value, and whether it is nested deeper than LEVELS."""
    if not in_doubt:
        try:
            return orjson.loads(text), False
        except orjson.JSONDecodeError:
            pass
    try:
        return _exact(text.decode())
    except (JSONDecodeError, UnicodeDecodeError, IndexError) as error:
        raise Malformed(str(error)) from None


def decimal(number: str) -> Decimal:
    """Of a number as JSON writes it. An exponent that is past Decimal's own 18 digits is as good as one of 10^17."""
    try:
        return Decimal(number)
    except InvalidOperation:
        digits, _, exponent = number.lower().partition("e")
        return Decimal(f"{digits}e{'-' if exponent.startswith('-') else ''}{_GREATEST_EXPONENT}")


def _exact(text: str) -> tuple[Any, bool]:
    """Raises IndexError where the text ends too early."""
    opened: list[Any] = []  # objects and arrays that the position is in
    keys: list[str | None] = []  # for each the key whose value comes; None in an array
    too_deep = False
    at = 0
    while True:
        at = _after_space(text, at)
        first = text[at]
        if first in _CLOSING:
            within = _after_space(text, at + 1)
            too_deep = too_deep or len(opened) >= LEVELS
            value: Any = _UNKEPT if len(opened) >= LEVELS else {} if first == "{" else []
            if text[within] != _CLOSING[first]:
                if first == "{":
                    opening_key, within = _key(text, within)
                    keys.append(opening_key)
                else:
                    keys.append(None)
                opened.append(value)
                at = within
                continue
            at = within + 1
        elif first == '"':
            value, at = _string(text, at)
        else:
            value, at = _scalar(text, at)
        while opened:
            holder, key = opened[-1], keys[-1]
            if holder is not _UNKEPT:
                if key is None:
                    holder.append(value)
                else:
                    holder[key] = value
            at = _after_space(text, at)
            following = text[at]
            if following == ",":
                at += 1
                if key is not None:
                    keys[-1], at = _key(text, _after_space(text, at))
                break
            if following != ("]" if key is None else "}"):
                raise JSONDecodeError("neither the next value nor an end", "", at)
            at += 1
            keys.pop()
            value = opened.pop()
        else:
            if _after_space(text, at) != len(text):
                raise JSONDecodeError("more than one value", "", at)
            return value, too_deep


def _after_space(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches everywhere


def _string(text: str, at: int) -> tuple[str, int]:
    value, end = scanstring(text, at + 1)
    return _HALF.sub("\ufffd", value), end


def _key(text: str, at: int) -> tuple[str, int]:
    if text[at] != '"':
        raise JSONDecodeError("no key", "", at)
    key, at = _string(text, at)
    at = _after_space(text, at)
    if text[at] != ":":
        raise JSONDecodeError("a key without a value", "", at)
    return key, at + 1


def _scalar(text: str, at: int) -> tuple[Any, int]:
    if text[at] in _WORDS:
        word, value = _WORDS[text[at]]
        if not text.startswith(word, at):
            raise JSONDecodeError("no value", "", at)
        return value, at + len(word)
    number = NUMBER.match(text, at)
    if not number:
        raise JSONDecodeError("no value", "", at)
    written = number[0]
    return (int(written) if _PLAIN.fullmatch(written) else decimal(written)), number.end()
