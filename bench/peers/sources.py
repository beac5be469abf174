"""What both scripts read in the same way: Snowflake's tables and the API's shipments."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import requests
from cryptography.hazmat.primitives import serialization
from snowflake import connector

PAGE = 500

CUSTOMERS = """
SELECT c.CUSTOMER_ID, c.NAME, c.SEGMENT, c.COUNTRY, c.CREATED_AT, COALESCE(p.POINTS, 0) AS POINTS
FROM (
  SELECT NULLIF(TRIM(CUSTOMER_ID), '') AS CUSTOMER_ID, NULLIF(TRIM(NAME), '') AS NAME,
    NULLIF(TRIM(SEGMENT), '') AS SEGMENT, NULLIF(TRIM(COUNTRY), '') AS COUNTRY, CREATED_AT
  FROM CRM.CUSTOMERS WHERE NOT COALESCE(IS_DELETED, FALSE)
) AS c LEFT JOIN (
  SELECT NULLIF(TRIM(CUSTOMER_ID), '') AS CUSTOMER_ID, CAST(SUM(POINTS) AS NUMBER(38, 0)) AS POINTS
  FROM CRM.LOYALTY_LEDGER WHERE RECORDED_AT < CAST(? AS TIMESTAMP_NTZ)
  GROUP BY NULLIF(TRIM(CUSTOMER_ID), '')
) AS p ON p.CUSTOMER_ID = c.CUSTOMER_ID
"""

RATES = """
SELECT NULLIF(TRIM(CURRENCY), '') AS CURRENCY, CAST(USD_RATE AS NUMBER(18, 8)) AS USD_RATE
FROM FINANCE.FX_RATES
WHERE RATE_DATE BETWEEN DATEADD(DAY, -7, CAST(? AS DATE)) AND CAST(? AS DATE)
QUALIFY ROW_NUMBER() OVER (PARTITION BY NULLIF(TRIM(CURRENCY), '') ORDER BY RATE_DATE DESC) = 1
"""


def snowflake(at: dict[str, Any]) -> Iterator[tuple[str, pa.Table]]:
    """Each table with its name."""
    key = serialization.load_pem_private_key(Path(at["private_key"]).read_bytes(), password=None)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    opened = connector.connect(**at["snowflake"], private_key=der, paramstyle="qmark", arrow_number_to_decimal=True)
    for table, statement, values in (
        ("customers", CUSTOMERS, [at["end"][:19]]),
        ("fx_rates", RATES, [at["partition"]] * 2),
    ):
        yield table, opened.cursor().execute(statement, values).fetch_arrow_all()
    opened.close()


def shipments(at: dict[str, Any]) -> list[dict[str, Any]]:
    """Flat, with the code of the last event."""
    asked = {"ordered_from": at["start"], "ordered_to": at["end"], "limit": PAGE}
    rows, cursor = [], None
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {Path(at['token']).read_text().strip()}"
        while True:
            answer = session.get(f"{at['api']}/v1/shipments", params=asked | ({"cursor": cursor} if cursor else {}))
            answer.raise_for_status()
            page = answer.json()
            for each in page["data"]:
                last: dict[str, Any] = max(each["events"], key=lambda event: event["at"], default={})
                row = {name: each[name] for name in ("order_id", "shipped_at", "promised_at", "delivered_at")}
                cost = {"cost_amount": each["cost"]["amount"], "cost_currency": each["cost"]["currency"]}
                rows.append(row | cost | {"last_event_code": last.get("code")})
            cursor = page["next_cursor"]
            if cursor is None:
                return rows
