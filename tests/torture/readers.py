"""A reader who asks for the whole day again and again: every table of the lake, and the documents behind the alias.

Each answer is compared with what undisturbed runs gave, so what was seen of a dataset is a name: a delivery, or PART.
Does not own: what readers may see when (`walked`'s caller).
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson

from emr_jobs.core.settings import Settings
from emr_jobs.publish.search import SearchIndex
from pipeline_assets import lake
from tests.domains import LIBRARY

SEARCH = "find.lending"
PAUSE_S = 0.25
PART = "neither"
_MOST = 10_000  # documents of an answer

Rows = tuple[str, ...]
Day = dict[str, Rows]  # by dataset


def read(settings: Settings, partition: str) -> Day:
    """What readers find now. Raises what they are answered instead."""
    return Eyes(settings, partition).read()


class Eyes:
    """Reads a table's rows again once the table has changed: most looks see that nothing has."""

    def __init__(self, settings: Settings, partition: str) -> None:
        self._catalog = lake.catalog(settings)
        self._target = SearchIndex(settings.search, LIBRARY.contracts[SEARCH])
        self._partition = partition
        self._rows: dict[str, tuple[str, Rows]] = {}  # by dataset, with the place of the table's metadata

    def read(self) -> Day:
        day = {contract.id: self._table(contract.id) for contract in LIBRARY.tables}
        return {**day, SEARCH: _documents(self._target, self._partition)}

    def _table(self, dataset: str) -> Rows:
        table = self._catalog.load_table(dataset)
        place, rows = self._rows.get(dataset, ("", ()))
        if place != table.metadata_location:
            found = table.scan(row_filter=f"partition_date == '{self._partition}'").to_arrow().to_pylist()
            rows = tuple(sorted(map(repr, found)))
            self._rows[dataset] = table.metadata_location, rows
        return rows


def _documents(target: SearchIndex, partition: str) -> Rows:
    """In one request. Documents of two indices are not one day, even if they are equal."""
    query = {"term": {"partition_date": partition}}
    answer = target.client.search(index=target.alias, body={"query": query, "size": _MOST})
    failed = answer["_shards"]["failed"]
    if failed:
        return (f"{failed} shards that failed",)
    hits = answer["hits"]["hits"]
    indices = sorted({hit["_index"] for hit in hits})
    documents = sorted(orjson.dumps(hit["_source"], option=orjson.OPT_SORT_KEYS).decode() for hit in hits)
    return tuple(documents if len(indices) < 2 else [f"of {len(indices)} indices: {', '.join(indices)}", *documents])


@dataclass
class Known:
    """Days by the name of their delivery."""

    days: dict[str, Day] = field(default_factory=dict)

    def name(self, dataset: str, rows: Rows) -> str:
        return next((name for name, day in self.days.items() if day[dataset] == rows), PART)

    def described(self, dataset: str, rows: Rows) -> str:
        """How much of which delivery they are, and the first rows of none."""
        shares = [
            f"{len(set(rows) & set(day[dataset]))} of {name}'s {len(day[dataset])}" for name, day in self.days.items()
        ]
        strange = [row for row in rows if not any(row in day[dataset] for day in self.days.values())]
        return f"{len(rows)} rows: {', '.join(shares)}, {len(strange)} of none {[row[:200] for row in strange[:3]]}"


@dataclass
class Reader:
    """What was seen of each dataset, in order, each state once; and how often it was looked at."""

    known: Known
    eyes: Eyes
    seen: dict[str, list[str]] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    looks: int = 0
    last: Day = field(default_factory=dict)

    def look(self) -> None:
        try:
            day = self.eyes.read()
        except Exception as error:  # noqa: BLE001  # whatever readers are answered is what they see
            self.strange.append(f"an error: {type(error).__name__}: {str(error)[:500]}")
            return
        self.looks += 1
        for dataset, rows in day.items():
            if self.last.get(dataset) == rows:
                continue
            name = self.known.name(dataset, rows)
            self.seen.setdefault(dataset, []).append(name)
            if name == PART:
                self.strange.append(f"{dataset}: {self.known.described(dataset, rows)}")
        self.last = day


@contextmanager
def reading(known: Known, settings: Settings, partition: str) -> Iterator[Reader]:
    """Reads before the block, all the time in it, and after it."""
    reader, done = Reader(known, Eyes(settings, partition)), threading.Event()

    def go_on() -> None:
        while not done.wait(PAUSE_S):
            reader.look()

    reader.look()
    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield reader
    finally:
        done.set()
        thread.join()
        reader.eyes = Eyes(settings, partition)  # everything once more
        reader.look()


def faults(reader: Reader, expected: Mapping[str, Sequence[str]]) -> list[str]:
    """What was seen of each dataset is a walk over its expected states, from the first to the last, never back."""
    walked = [
        f"{dataset}: readers saw {' -> '.join(reader.seen.get(dataset, ['nothing']))}, expected {' -> '.join(states)}"
        for dataset, states in expected.items()
        if reader.seen.get(dataset) != list(states)
    ]
    return [*walked, *reader.strange]
