"""How a dataset has kept its promised hour, day by day: on time, late, missing, published anew.

From what readers have, not from runs: a table's own metadata, the index's indices. `judge` is pure; `kept` looks. What
has expired is unknown and never guessed. Does not own: the promise (promised), whether the newest day is there
(checks.due), whom it alerts (production's watch).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from emr_jobs.contracts import Contract, Medium
from emr_jobs.core.errors import Damaged, Misconfigured, PipelineError
from emr_jobs.core.partition import Calendar, Partition
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain, domain_of
from emr_jobs.publish import versions
from emr_jobs.publish.versions import Publication, Publications

from pipeline_assets import lake, published
from pipeline_assets.promised import deadline, due_day, promises

if TYPE_CHECKING:
    from emr_jobs.publish.search import Index


class Kept(StrEnum):
    ON_TIME = "on time"
    LATE = "late"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Facts:
    """Of a day, as far as they are on record."""

    publications: Publications
    has_rows: bool = False  # also of a run that left no record
    deleted: bool = False  # its contract keeps it no longer


@dataclass(frozen=True)
class Day:
    day: str
    due_at: datetime
    kept: Kept
    since: datetime | None  # readers have it; None where nobody knows, and where they have not
    hours_late: float | None  # of a missing day until now
    repaired_at: datetime | None  # when another run than the first published it, the last time
    why: str | None = None  # it is unknown


@dataclass(frozen=True)
class Record:
    """Of a dataset, oldest day first; of those before the first day that it ever had, none."""

    dataset: str
    available_by: str
    days: tuple[Day, ...]
    trouble: str | None = None  # why there are none

    def count(self, kept: Kept) -> int:
        return sum(day.kept is kept for day in self.days)

    @property
    def repaired(self) -> int:
        return sum(day.repaired_at is not None for day in self.days)

    @property
    def worst_hours_late(self) -> float | None:
        """Of the days that came."""
        return max((day.hours_late or 0.0 for day in self.days if day.kept is Kept.LATE), default=None)


def records(settings: Settings, *, days: int, dataset: str | None = None, now: datetime) -> list[Record]:
    """Of every dataset that promises an hour, or of one. Raises Misconfigured for one that promises none."""
    found = domain_of(settings)
    promised = {contract.id: contract for contract in promises(found) if contract.medium is not Medium.SOURCE}
    if dataset is not None and dataset not in promised:
        named = ", ".join(promised) or "none does"
        raise Misconfigured(f"{dataset}: expected a dataset whose contract promises an hour: {named}")
    return [
        _record(settings, found, contract, days=days, now=now)
        for name, contract in promised.items()
        if dataset in (None, name)
    ]


def due_days(contract: Contract, calendar: Calendar, *, days: int, now: datetime) -> list[Partition]:
    """The newest that are due, oldest first; none before the domain's first."""
    newest = due_day(contract, calendar, now).date
    wanted = (newest - timedelta(days=back) for back in reversed(range(days)))
    return [calendar.of(day) for day in wanted if day >= calendar.start]


def judge(contract: Contract, day: Partition, facts: Facts, *, now: datetime) -> Day:
    """A day is late when the first run that published it came after its hour, however it was repaired since."""
    due_at = deadline(contract, day)
    known = facts.publications.known
    others = [each for each in known if each.run != known[0].run]
    repaired_at = others[-1].at if others else None

    def verdict(kept: Kept, *, since: datetime | None = None, hours: float | None = None, why: str = "") -> Day:
        rounded = None if hours is None else round(hours, 2)
        return Day(str(day), due_at, kept, since, rounded, repaired_at, why or None)

    if known and known[0].at <= due_at:  # an earlier one would have been on time as well
        return verdict(Kept.ON_TIME, since=known[0].at if facts.publications.from_the_first else None)
    if not facts.publications.from_the_first:
        return verdict(Kept.UNKNOWN, why="published before its oldest snapshot, when is not on record")
    if known:
        return verdict(Kept.LATE, since=known[0].at, hours=(known[0].at - due_at) / _HOUR)
    if facts.deleted:
        return verdict(Kept.UNKNOWN, why=f"deleted after {contract.keep_days} days, as its contract says")
    if facts.has_rows:
        return verdict(Kept.UNKNOWN, why="it has rows, when they came is not on record")
    return verdict(Kept.MISSING, hours=(now - due_at) / _HOUR)


_HOUR = timedelta(hours=1)


def _record(settings: Settings, found: Domain, contract: Contract, *, days: int, now: datetime) -> Record:
    from botocore.exceptions import BotoCoreError, ClientError

    assert contract.available_by is not None, "it promises an hour"
    hour = f"{contract.available_by:%H:%M}"
    wanted = due_days(contract, found.calendar, days=days, now=now)
    try:
        first, facts = (_of_index if contract.medium is Medium.INDEX else _of_table)(settings, contract, wanted, now)
    except (Damaged, PipelineError, BotoCoreError, ClientError) as error:
        return Record(contract.id, hour, (), str(error).partition("\n")[0])
    if first is None:
        return Record(contract.id, hour, (), "nothing is published")
    judged = [judge(contract, day, facts[day], now=now) for day in wanted if day.date >= first]
    return Record(contract.id, hour, tuple(judged))


_Found = tuple[date | None, Mapping[Partition, Facts]]  # the first day that it ever had, and of each day what is known


def _of_table(settings: Settings, contract: Contract, days: Sequence[Partition], now: datetime) -> _Found:
    table = lake.table(lake.catalog(settings), contract) if published.is_there(settings) else None
    if table is None or table.current_snapshot() is None:
        return None, {}
    metadata, rows = lake.as_json(table.metadata), published.rows_by_day(table)
    today = domain_of(settings).calendar.local(now).date()
    facts = {
        day: Facts(
            versions.publications(metadata, day),
            has_rows=str(day) in rows,
            deleted=contract.is_expired(day.date, today=today),
        )
        for day in days
    }
    return min(map(date.fromisoformat, rows.keys() | versions.days(metadata)), default=None), facts


def _of_index(settings: Settings, contract: Contract, days: Sequence[Partition], now: datetime) -> _Found:
    from emr_jobs.publish.search import SearchIndex, errors_named

    with errors_named(settings.search, dataset=contract.id, partition=None):
        target = SearchIndex(settings.search, contract)
        kept = [each for each in target.indices() if each.aliases & {target.alias, target.replaced_alias}]
    of_day: dict[date, list[Index]] = {}
    for index in reversed(kept):  # oldest first
        of_day.setdefault(index.day, []).append(index)
    keeps = settings.search.keep_previous
    return min(of_day, default=None), {day: Facts(loads(of_day.get(day.date, ()), keep_previous=keeps)) for day in days}


def loads(indices: "Sequence[Index]", *, keep_previous: int) -> Publications:
    """Of a day's indices, oldest first: each counts from when its load began."""
    known = tuple(Publication(datetime.fromtimestamp(each.created_at_ms / 1000, UTC), each.run) for each in indices)
    return Publications(known, from_the_first=len(known) <= keep_previous)
