"""The daily partitions, from the calendar of the jobs and the settings' first day."""

import dagster as dg
from emr_jobs.partition import TIMEZONE
from emr_jobs.settings import Settings


def daily(settings: Settings) -> dg.DailyPartitionsDefinition:
    """A partition is there once its New York day has ended."""
    return dg.DailyPartitionsDefinition(start_date=settings.start.isoformat(), timezone=TIMEZONE, end_offset=0)
