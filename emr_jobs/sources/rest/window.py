"""Which time is asked for: the slices of a day, how a request names their ends, which records are of another time.

Slices are half open, and computed in UTC: a day of 23 hours is 23 slices of an hour. A record at the very end of its
slice is from an API whose windows include their end. Where a total counts the window, it is refused: the totals of two
such windows count it twice. Elsewhere it stays: the next slice has it again, and equal ones count once (the caller); an
API whose windows leave out their start has it here only. At the end of the day it is of the next day and left out.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from emr_jobs.contracts.read import PLACEHOLDER, Rest
from emr_jobs.core.partition import Partition
from emr_jobs.sources.rest.json_path import at


@dataclass(frozen=True)
class Slice:
    """Half open, on the instant that the API filters by."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{_iso(self.start)}/{_iso(self.end)}"


@dataclass(frozen=True)
class Placed:
    """Where the instants of records are, as seen from a slice. A record without a readable one is nowhere else."""

    outside: list[str]  # as the records have them
    at_end: list[int]  # which of the records


def slices(declared: Rest, partition: Partition) -> list[Slice]:
    """Those of a day, without gap; the last one ends with it."""
    if declared.slice_minutes is None:
        return [Slice(partition.start, partition.end)]
    step = timedelta(minutes=declared.slice_minutes)
    starts = itertools.takewhile(lambda at: at < partition.end, (partition.start + n * step for n in itertools.count()))
    return [Slice(start, min(start + step, partition.end)) for start in starts]


def words(declared: Rest, window: Slice, partition: Partition) -> dict[str, str | int]:
    """What {start}, {end}, {as_of} and {partition} stand for."""

    def written(instant: datetime) -> str | int:
        match declared.times:
            case "epoch":
                return int(instant.timestamp())
            case "epoch_ms":
                return int(instant.timestamp()) * 1000
            case "date":
                return partition.calendar.local(instant).date().isoformat()
        return _iso(instant)

    instants = {"start": window.start, "end": window.end, "as_of": partition.as_of}
    return {**{name: written(instant) for name, instant in instants.items()}, "partition": str(partition)}


def filled(value: Any, words: Mapping[str, str | int]) -> Any:
    """With the words in the place of their names, however deep. A text that is one name alone takes the word's type."""
    if isinstance(value, str):
        if (alone := PLACEHOLDER.fullmatch(value)) and alone[1] in words:
            return words[alone[1]]
        return PLACEHOLDER.sub(lambda name: str(words.get(name[1], name[0])), value)
    if isinstance(value, dict):
        return {name: filled(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, words) for each in value]
    return value


def placed(records: Sequence[Any], keys: tuple[str, ...], window: Slice) -> Placed:
    """`keys`: where a record has its instant."""
    outside: list[str] = []
    at_end: list[int] = []
    start, end = window.start, window.end
    for number, record in enumerate(records):
        instant = _instant(text := at(record, keys))
        if instant is None or start <= instant < end:
            continue
        if instant == end:
            at_end.append(number)
        else:
            outside.append(text)
    return Placed(outside, at_end)


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(value: Any) -> datetime | None:
    if type(value) is not str:
        return None
    try:
        instant = datetime.fromisoformat(value.strip(" "))
    except ValueError:
        return None
    return instant if instant.tzinfo else None
