"""Customers and exchange rates of a day, in DuckDB SQL over the same Parquet files."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.shop.reference.orders import NEW_YORK

Row = dict[str, Any]

CUSTOMERS = """
SELECT $day AS partition_date, c.CUSTOMER_ID AS customer_id, nullif(trim(c.NAME), '') AS name,
  nullif(trim(c.SEGMENT), '') AS segment, nullif(trim(c.COUNTRY), '') AS country, c.CREATED_AT AS created_at,
  CASE WHEN trim(c.EMAIL) <> '' THEN sha256(lower(trim(c.EMAIL))) END AS email_sha256,
  coalesce((SELECT sum(l.POINTS) FROM read_parquet($ledger) l
            WHERE l.CUSTOMER_ID = c.CUSTOMER_ID AND l.RECORDED_AT < $until), 0)::BIGINT AS loyalty_points
FROM read_parquet($customers) c WHERE c.IS_DELETED IS NOT TRUE
"""
RATES = """
SELECT $day AS partition_date, CURRENCY AS currency, max(RATE_DATE) AS rate_date,
  arg_max(USD_RATE, RATE_DATE)::DECIMAL(18, 8) AS usd_rate
FROM read_parquet($rates) WHERE RATE_DATE <= $day AND RATE_DATE >= $day - INTERVAL 7 DAY GROUP BY CURRENCY
"""


def end_of(partition: date) -> datetime:
    return datetime.combine(partition + timedelta(days=1), time(0), NEW_YORK).astimezone(UTC)


def extract(data: Path, partition: date) -> dict[str, list[Row]]:
    folder = data / "snowflake"
    files = {
        "customers": str(folder / "CRM.CUSTOMERS.parquet"),
        "ledger": str(folder / "CRM.LOYALTY_LEDGER.parquet"),
    }
    until = end_of(partition).replace(tzinfo=None)
    customers = _rows(CUSTOMERS, {"day": partition, "until": until, **files})
    for row in customers:
        row["created_at"] = row["created_at"] and row["created_at"].replace(tzinfo=UTC)
    rates = _rows(RATES, {"day": partition, "rates": str(folder / "FINANCE.FX_RATES.parquet")})
    return {"intermediate.customers": customers, "intermediate.fx_rates": rates}


def _rows(sql: str, values: dict[str, Any]) -> list[Row]:
    with duckdb.connect() as connection:
        cursor = connection.execute(sql, values)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
