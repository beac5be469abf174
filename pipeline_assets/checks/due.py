"""Whether readers have the day that is due by now, of every dataset whose contract promises a time of day.

A freshness policy asks when anything was materialized last, so a run of an older day makes it pass. This check has no
partition of its own: which day it is of follows from the calendar, the contract and the clock. Evaluated at each
promised hour, after a run of a day that was due, and whenever somebody asks. It alerts nobody: production's own watch
does that. Does not own: what of a day is right (the other checks).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from emr_jobs.contracts import Contract, Medium
from emr_jobs.core.errors import Remedy
from emr_jobs.core.partition import Calendar, Partition
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of
from emr_jobs.publish import versions

from pipeline_assets import lake
from pipeline_assets.checks.tables import row_count
from pipeline_assets.checks.verdict import Results, Verdict, check_spec, result, selected
from pipeline_assets.promised import deadline, due_day, promises
from pipeline_assets.remedies import place_of

DUE = "day_that_is_due"
_PROVES = (
    "Readers have the newest day whose hour has come: the contract promises each by {} in {}, on the day after it. "
    "Judged as of now, of whichever day that is; runs of other days do not count."
)


@dataclass(frozen=True)
class Shown:
    """A day as readers have it: by which run, and since when, as far as that is on record."""

    by: str
    since: datetime | None


def due_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """One step for all of them; none in a domain that promises no hour."""
    found, place = domain_of(settings), place_of(settings)
    calendar = found.calendar
    promised = promises(found)
    if not promised:
        return []

    @dg.multi_asset_check(
        name="published_due_days",
        specs=[
            check_spec(each, DUE, _PROVES.format(f"{each.available_by:%H:%M}", calendar.place), None)
            for each in promised
        ],
        can_subset=True,
    )
    def published_due_days(context: dg.AssetCheckExecutionContext) -> Results:
        now = datetime.now(UTC)
        for contract in selected(context, promised):
            day = due_day(contract, calendar, now)
            shown = None if day.date < calendar.start else shown_day(settings, contract, day)
            verdict = judge_due(contract, day, shown, now=now)
            yield result(
                contract, DUE, verdict, partition=str(day), place=place, due_day=dg.MetadataValue.text(str(day))
            )

    return [published_due_days]


def shown_day(settings: Settings, contract: Contract, day: Partition) -> Shown | None:
    """None when readers do not have it."""
    if contract.medium is Medium.INDEX:
        return _shown_index(settings, contract, day)
    table = lake.table(lake.catalog(settings), contract)
    if table is None:
        return None
    metadata = lake.as_json(table.metadata)
    version = versions.of_day(metadata, day)
    if version is not None:
        return Shown(version.publisher, versions.first_published(metadata, day))
    return Shown("a run that is not on record", None) if row_count(table, str(day)) else None


def _shown_index(settings: Settings, contract: Contract, day: Partition) -> Shown | None:
    from emr_jobs.publish.search import SearchIndex, errors_named

    with errors_named(settings.search, dataset=contract.id, partition=day):
        target = SearchIndex(settings.search, contract)
        for index in target.published(day):
            version = target.version(index.name)
            by = version.publisher if version else "a run that is not on record"
            return Shown(by, datetime.fromtimestamp(index.created_at_ms / 1000, UTC))
    return None


def judge_due(contract: Contract, day: Partition, shown: Shown | None, *, now: datetime) -> Verdict:
    """A day that came late passes, with its hours in the numbers."""
    calendar, by = day.calendar, deadline(contract, day)
    if day.date < calendar.start:
        return Verdict(True, f"no day before {calendar.start}, the first one", "none is due yet", "")
    until = now if shown is None else shown.since
    late: Mapping[str, float] = {} if until is None else {"hours_late": round(max(0.0, (until - by) / _HOUR), 2)}
    if shown is None:
        found = f"nothing of {day} that can be read"
    else:
        found = f"{day} by run {shown.by}" + (f", since {_local(calendar, shown.since)}" if shown.since else "")
    return Verdict(
        passed=shown is not None,
        expected=f"{day}, due since {_local(calendar, by)}",
        found=found,
        fix="See whether its run failed or still runs.",
        remedy=Remedy.RERUN,
        numbers=late,
    )


_HOUR = timedelta(hours=1)


def _local(calendar: Calendar, instant: datetime) -> str:
    return f"{calendar.local(instant):%Y-%m-%d %H:%M} {calendar.place}"
