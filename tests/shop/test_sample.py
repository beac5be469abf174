"""Sample days in one folder: a later one leaves what the earlier ones need."""

from pathlib import Path

import pyarrow.parquet as pq

from shop.sample import USD_RATES, generate
from tests.shop import SHOP


def test_every_day_keeps_its_rates_in_whatever_order_days_are_made(tmp_path: Path) -> None:
    days = [SHOP.calendar.partition(day) for day in ("2026-11-20", "2026-03-06", "2026-10-02")]  # Fridays
    for day in days:
        generate(tmp_path, partition=day, rows=20)
    rates = pq.read_table(tmp_path / "snowflake" / "FINANCE.FX_RATES.parquet").to_pylist()
    found = [(each["RATE_DATE"], each["CURRENCY"]) for each in rates]
    assert len(found) == len(set(found))
    assert {(day.date, currency) for day in days for currency in USD_RATES} <= set(found)
