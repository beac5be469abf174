"""The records of one source of an API, each as the text it was read as.

Layout: DIR/<source>/dt=<day>.jsonl.gz, a record a line, as the API answers it. Does not own: what a request asks for
(parameters). Invariant: a text is never written anew, so whatever stands in a line is what goes out, JSON or not; every
record is of exactly one instant, so of adjoining windows exactly one has it.
"""

import gzip
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from emr_jobs.contracts.read import Rest
from emr_jobs.reading import strict_json
from local_stack.rest import times

SUFFIX = ".jsonl.gz"


@dataclass(frozen=True)
class Window:
    """What of the records a request asks for; None: it does not say."""

    start: datetime | None = None
    end: datetime | None = None
    as_of: datetime | None = None  # the end of a window that has a start only
    partition: str | None = None


@dataclass(frozen=True)
class Selection:
    """Some of the texts that follow each other."""

    texts: Sequence[bytes]
    first: int
    last: int

    def __len__(self) -> int:
        return max(0, self.last - self.first)

    def page(self, offset: int, size: int) -> Sequence[bytes]:
        begin = min(self.first + offset, self.last)
        return self.texts[begin : min(begin + size, self.last)]


@dataclass(frozen=True)
class Records:
    days: Mapping[str, Sequence[bytes]]  # of each file, in its order
    texts: Sequence[bytes]  # all: by their instants, where the source has a day column, else by file
    instants: Sequence[datetime]  # theirs; empty without a day column

    @classmethod
    def read(cls, folder: Path, rest: Rest, zone: ZoneInfo) -> "Records":
        """Raises FileNotFoundError saying what should be there, ValueError naming a file that cannot be read."""
        paths = sorted(folder.glob(f"dt=*{SUFFIX}"))
        if not paths:
            lacks = "no such file in it" if folder.is_dir() else "no such folder"
            raise FileNotFoundError(
                f"{folder}: {lacks}. Expected dt=<day>{SUFFIX}, a record a line as the API answers it"
            )
        days = {_day(path): _lines(path) for path in paths}
        if rest.day_column is None:
            return cls(days, [text for texts in days.values() for text in texts], [])
        dated = [
            each
            for day, texts in days.items()
            for each in zip(_instants(texts, day, rest, rest.day_column, zone), texts, strict=True)
        ]
        dated.sort(key=lambda each: each[0])  # of one instant: in the order of the files
        return cls(days, [text for _, text in dated], [at for at, _ in dated])

    def of(self, window: Window) -> Selection:
        """By instant, where the request says one and the source has a day column, else by file, else all."""
        if self.instants and (window.start or window.end):
            end = window.end or window.as_of
            first = bisect_left(self.instants, window.start) if window.start else 0
            return Selection(self.texts, first, bisect_left(self.instants, end) if end else len(self.texts))
        texts = self.texts if window.partition is None else self.days.get(window.partition, ())
        return Selection(texts, 0, len(texts))

    def __len__(self) -> int:
        return len(self.texts)


def value_at(value: Any, path: str) -> Any:
    """What stands at a JSON path, None where nothing does."""
    for name in path.split(".")[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _day(path: Path) -> str:
    day = path.name.removeprefix("dt=").removesuffix(SUFFIX)
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError as error:
        raise ValueError(f"{path}: {day} is no day") from error


def _lines(path: Path) -> list[bytes]:
    try:
        return [line for line in gzip.decompress(path.read_bytes()).split(b"\n") if line.strip()]
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: no gzip, or cut off ({error})") from error


def _instants(texts: Sequence[bytes], day: str, rest: Rest, path: str, zone: ZoneInfo) -> Iterable[datetime]:
    """A record that says none is where the one before it in its file is: an API knows when it got it."""
    said = [times.of_record(value_at(_parsed(text), path), rest.times, zone) for text in texts]
    at = next((each for each in said if each), times.midnight(day, zone))
    for each in said:
        at = each or at
        yield at


def _parsed(text: bytes) -> Any:
    try:
        return strict_json.parse(text, in_doubt=False)[0]
    except strict_json.Malformed:
        return None
