"""The partition: one New York calendar day of data, and the instants that follow from it.

Owns the calendar: time zone, hour of the daily run, first and last instant of a day. All instants are
UTC; windows are half open. A day has 23, 24 or 25 hours, so lengths are computed in UTC.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from datetime import date as Date
from zoneinfo import ZoneInfo

from emr_jobs.errors import Misconfigured

TIMEZONE = "America/New_York"
RUN_AT = time(8)  # local time of the daily run, on the day after the partition

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _instant(day: Date, at: time = time(0)) -> datetime:
    return datetime.combine(day, at, ZoneInfo(TIMEZONE)).astimezone(UTC)


@dataclass(frozen=True, order=True)
class Partition:
    date: Date

    @classmethod
    def parse(cls, text: str) -> "Partition":
        """From `YYYY-MM-DD`. Raises Misconfigured for anything else."""
        try:
            if not _DATE.fullmatch(text):
                raise ValueError("not YYYY-MM-DD")
            return cls(Date.fromisoformat(text))
        except ValueError as error:
            raise Misconfigured(
                f"partition {text[:40]!r}: expected a New York calendar day as YYYY-MM-DD ({error}). "
                f"Example: --partition {cls.latest_complete(datetime.now(UTC))}"
            ) from error

    @classmethod
    def from_scheduled_time(cls, text: str) -> "Partition":
        """From the instant of a daily run, UTC with Z: its New York date, less one day."""
        try:
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is None:
                raise ValueError("no offset")
            return cls(instant.astimezone(ZoneInfo(TIMEZONE)).date() - timedelta(days=1))
        except (ValueError, OverflowError) as error:
            raise Misconfigured(
                f"scheduled time {text[:40]!r}: expected an instant such as 2026-11-22T13:00:00Z ({error})"
            ) from error

    @classmethod
    def latest_complete(cls, now: datetime) -> "Partition":
        return cls(now.astimezone(ZoneInfo(TIMEZONE)).date() - timedelta(days=1))

    @property
    def start(self) -> datetime:
        return _instant(self.date)

    @property
    def end(self) -> datetime:
        return _instant(self.date + timedelta(days=1))

    @property
    def as_of(self) -> datetime:
        """The scheduled instant of the daily run: what 'now' means in the business rules."""
        return _instant(self.date + timedelta(days=1), RUN_AT)

    def check(self, *, first: Date, now: datetime) -> "Partition":
        """Return itself when it can hold data. Raises Misconfigured before `first` or when the day has not ended."""
        if self.date < first:
            raise Misconfigured(f"partition {self}: the first one is {first} (start in the settings)")
        if self.end > now:
            raise Misconfigured(
                f"partition {self}: the New York day has not ended; the latest complete one is "
                f"{Partition.latest_complete(now)}"
            )
        return self

    def __str__(self) -> str:
        return self.date.isoformat()
