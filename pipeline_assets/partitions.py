"""The daily partitions, from the calendar of the domain."""

import dagster as dg
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of


def daily(settings: Settings) -> dg.DailyPartitionsDefinition:
    """A partition is there once its day has ended where the domain is."""
    calendar = domain_of(settings).calendar
    return dg.DailyPartitionsDefinition(start_date=calendar.start.isoformat(), timezone=calendar.timezone, end_offset=0)
