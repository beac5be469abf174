"""The partition: one calendar day of data where the domain is, and the instants that follow from it.

Owns the arithmetic: first and last instant of a day, its daily run. All instants are UTC; windows are half open. A day
has 23, 24 or 25 hours, so lengths are computed in UTC. Does not own: whose calendar it is (domain).
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from datetime import date as Date
from zoneinfo import ZoneInfo

from emr_jobs.core.errors import Misconfigured

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Calendar:
    """Where the days of a domain are, when they are run, and which is the first."""

    timezone: str  # of the IANA database
    run_at: time  # local time of the daily run, on the day after the partition
    start: Date  # first partition

    @property
    def place(self) -> str:
        """For people: `New York`."""
        return self.timezone.rpartition("/")[2].replace("_", " ")

    def instant(self, day: Date, at: time = time(0)) -> datetime:
        """Of a local time, in UTC."""
        return datetime.combine(day, at, ZoneInfo(self.timezone)).astimezone(UTC)

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(ZoneInfo(self.timezone))

    def of(self, day: Date) -> "Partition":
        return Partition(day, self)

    def partition(self, text: str) -> "Partition":
        """From `YYYY-MM-DD`. Raises Misconfigured for anything else."""
        try:
            if not _DATE.fullmatch(text):
                raise ValueError("not YYYY-MM-DD")
            return self.of(Date.fromisoformat(text))
        except ValueError as error:
            raise Misconfigured(
                f"partition {text[:40]!r}: expected a {self.place} calendar day as YYYY-MM-DD ({error}). "
                f"Example: --partition {self.latest_complete(datetime.now(UTC))}"
            ) from error

    def of_scheduled_time(self, text: str) -> "Partition":
        """From the instant of a daily run, UTC with Z: its local date, less one day."""
        try:
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is None:
                raise ValueError("no offset")
            return self.latest_complete(instant)
        except (ValueError, OverflowError) as error:
            raise Misconfigured(
                f"scheduled time {text[:40]!r}: expected an instant such as 2026-11-22T13:00:00Z ({error})"
            ) from error

    def latest_complete(self, now: datetime) -> "Partition":
        return self.of(self.local(now).date() - timedelta(days=1))


@dataclass(frozen=True, order=True)
class Partition:
    date: Date
    calendar: Calendar = field(compare=False, repr=False)

    @property
    def start(self) -> datetime:
        return self.calendar.instant(self.date)

    @property
    def end(self) -> datetime:
        return self.calendar.instant(self.date + timedelta(days=1))

    @property
    def as_of(self) -> datetime:
        """The scheduled instant of the daily run: what 'now' means in the business rules."""
        return self.calendar.instant(self.date + timedelta(days=1), self.calendar.run_at)

    def check(self, *, now: datetime) -> "Partition":
        """Return itself when it can hold data. Raises Misconfigured before the first, or when the day has not ended."""
        calendar = self.calendar
        if self.date < calendar.start:
            raise Misconfigured(f"partition {self}: the first one is {calendar.start} (start in domain.toml)")
        if self.end > now:
            raise Misconfigured(
                f"partition {self}: the {calendar.place} day has not ended; the latest complete one is "
                f"{calendar.latest_complete(now)}"
            )
        return self

    def __str__(self) -> str:
        return self.date.isoformat()
