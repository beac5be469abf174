"""Amounts in other currencies: rounded half away from zero, once, from the exact product."""

from emr_jobs.reading.values import AMOUNT
from pyspark.sql import Column
from pyspark.sql import functions as F


def to_usd(amount: Column, usd_rate: Column) -> Column:
    """decimal(18,2) x decimal(18,8) is decimal(37,10): exact. A wider amount would be cut to six decimals first."""
    return F.round(amount.cast(AMOUNT) * usd_rate.cast("decimal(18,8)"), 2).try_cast(AMOUNT)
