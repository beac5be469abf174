"""The first bytes of a CSV -> its encoding, separator and quote, and whether its first row has names. Pure.

The separator is the one by which most rows have the same number of fields. Does not own: the records (sources.files).
"""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from emr_jobs.reading.values import day, instant, number, written_boolean

SEPARATORS = (",", ";", "\t", "|")
QUOTES = ('"', "'")
ROWS = 500  # that are looked at

_WINDOWS = bytes(range(0x80, 0xA0))  # letters there, controls in latin-1


@dataclass(frozen=True)
class Dialect:
    encoding: str
    separator: str
    quote: str
    header: bool
    columns: int
    doubts: tuple[tuple[str, str], ...]  # key of the contract's csv, what is not sure


def dialect_of(head: bytes, *, is_whole: bool) -> Dialect:
    """`is_whole`: these are all bytes, else the last character and row may be cut."""
    encoding, doubt = _encoding(head, is_whole=is_whole)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head).removeprefix("\ufeff")
    parsed = {(separator, quote): _rows(text, separator, quote) for quote in QUOTES for separator in SEPARATORS}
    (separator, quote), rows = max(parsed.items(), key=lambda each: _evenness(each[1]))
    width = max(Counter(map(len, rows)).items(), key=lambda each: each[1], default=(0, 0))[0]
    doubts = [("encoding", doubt)] if doubt else []
    if width == 1:
        doubts.append(("separator", "every row has one field, or the separator is another"))
    header = _is_header(rows)
    if not header:
        doubts.append(("header", "the first row seems to be a record: columns are named by their number"))
    return Dialect(encoding, separator, quote, header, width, tuple(doubts))


def _encoding(head: bytes, *, is_whole: bool) -> tuple[str, str | None]:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=is_whole)
    except UnicodeDecodeError:
        guess = "cp1252" if any(byte in _WINDOWS for byte in head) else "latin-1"
        return guess, f"not utf-8; {guess} reads any bytes: look at the words with accents"
    return "utf-8", None


def _rows(text: str, separator: str, quote: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, quotechar=quote, strict=True):
            if row:
                rows.append(row)
            if len(rows) == ROWS:
                return rows
    except csv.Error:
        return rows
    return rows


def _evenness(rows: Sequence[Sequence[str]]) -> tuple[bool, float, int]:
    """The greater the likelier."""
    if not rows:
        return False, 0.0, 0
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return width > 1, round(count / len(rows), 1), count


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Names are there once, and no values."""
    names = [name.strip() for name in rows[0]] if rows else []
    return bool(names) and len(set(names)) == len(names) and "" not in names[1:] and not any(map(_is_value, names))


def _is_value(text: str) -> bool:
    rules = (number, instant, day, written_boolean)
    return any(rule(text) is not None for rule in rules)
