"""By when readers were promised a day, as the contracts say and the domain's calendar counts. Pure.

Does not own: whether they had it then (checks.due of the newest day, slo of many).
"""

from datetime import datetime, time, timedelta

from emr_jobs.contracts import Contract
from emr_jobs.core.partition import Calendar, Partition
from emr_jobs.domain import Domain


def promises(found: Domain) -> list[Contract]:
    """What promises an hour."""
    return [contract for contract in found.contracts.values() if contract.available_by is not None]


def deadline(contract: Contract, day: Partition) -> datetime:
    """By when readers were promised the day."""
    assert contract.available_by is not None, f"{contract.id} promises no hour"
    return day.calendar.instant(day.date + timedelta(days=1), contract.available_by)


def due_day(contract: Contract, calendar: Calendar, now: datetime) -> Partition:
    """The newest day whose hour has come."""
    latest = calendar.latest_complete(now)
    return latest if deadline(contract, latest) <= now else calendar.of(latest.date - timedelta(days=1))


def hours(found: Domain) -> list[time]:
    """Those that are promised, each once."""
    return sorted({each.available_by for each in promises(found) if each.available_by is not None})
