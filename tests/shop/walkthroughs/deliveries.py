"""What the three sources of the README deliver: the samples that `pipeline new source` is shown, and days of rows.

Truth first: typed rows as the datasets are to have them, then in the form of each source. Some are broken on purpose.
"""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emr_jobs.core.partition import Partition

Row = dict[str, Any]
ROWS = 600  # more than a page of the API
CET = timezone(timedelta(hours=1))


def instants(day: Partition, count: int) -> list[datetime]:
    """From the day's first to its last microsecond."""
    length = day.end - day.start - timedelta(microseconds=1)
    return [day.start + length * number / (count - 1) for number in range(count)]


# -- invoices: JSON pages --------------------------------------------------------------------------------------


def invoices(day: Partition, count: int = ROWS) -> list[Row]:
    return [
        {
            "invoice_id": f"INV-{day}-{number:05}",
            "customer_id": f"C-{number % 41}" if (number + 1) % 17 else None,
            "customer_country": ("DE", "FR", "São Tomé")[number % 3],
            "issued_at": at,
            "due_on": day.date + timedelta(days=number % 30),
            "currency": "EUR",
            "net": Decimal(number * 10_007) / 100,
            "tax": Decimal(number * 1_901) / 100 if number % 19 else None,
            "lines": number % 12 + 1,
            "paid": number % 2 == 0,
        }
        for number, at in enumerate(instants(day, count))
    ]


def _invoice(row: Row) -> Row:
    """Amounts are text, and what is not known is blank, null or absent."""
    customer = {**({"id": row["customer_id"]} if row["customer_id"] else {}), "country": row["customer_country"]}
    return {
        "invoice_id": row["invoice_id"],
        "customer": customer,
        "issued_at": row["issued_at"].isoformat().replace("+00:00", "Z"),
        "due_on": str(row["due_on"]),
        "currency": f" {row['currency']}",
        "net": str(row["net"]),
        "tax": "" if row["tax"] is None else str(row["tax"]),
        "lines": row["lines"],
        "paid": row["paid"],
    }


def page(day: Partition) -> str:
    """As the API answers it: the first of its pages, and where the next one is."""
    window = f"issued_from={day.start:%Y-%m-%dT%H:%M:%SZ}&issued_to={day.end:%Y-%m-%dT%H:%M:%SZ}"
    following = f"https://billing.example/v2/invoices?{window}&limit=500&offset=500"
    return json.dumps({"results": [_invoice(row) for row in invoices(day)[:20]], "links": {"next": following}})


def broken_invoice(day: Partition) -> Row:
    return _invoice(invoices(day)[7]) | {"invoice_id": None}


def write_invoices(folder: Path, day: Partition) -> None:
    """With one that has no number."""
    records = [*(_invoice(row) for row in invoices(day)), broken_invoice(day)]
    lines = "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)
    file = folder / "invoices" / f"dt={day}.jsonl.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(lines.encode()))


# -- returns: CSV of an old program ----------------------------------------------------------------------------

HEADER = ("Retoure-Nr", "Auftrag", "Grund", "Gebühr", "Gewicht", "Erfasst am", "Stück", "Defekt", "Anmerkung", "PLZ")


def returns(day: Partition, count: int = ROWS) -> list[Row]:
    return [
        {
            "retoure_nr": f"R-{day}-{number:05}",
            "auftrag": f"A-{number + 1000}",
            "grund": ("zu groß; zu weit", "mißfällt", None)[number % 3],
            "gebuhr": Decimal(number * 50 + 5) / 100,
            "gewicht": Decimal(number * 125 + 5) / 1000,
            "erfasst_am": at.replace(microsecond=0),
            "stuck": number % 5 + 1,
            "defekt": number % 2 == 0,
            "anmerkung": f'sagt "Größe"\npasst nicht;\n{number}' if number % 4 else None,
            "plz": f"0{number % 9000:04}",
        }
        for number, at in enumerate(instants(day, count))
    ]


def csv_of(rows: Sequence[Row]) -> bytes:
    """latin-1, semicolons, CR LF between the rows and line feeds in them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows([_csv_value(value) for value in row.values()] for row in rows)
    return text.getvalue().encode("latin-1")


def _csv_value(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(CET).isoformat()
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def write_returns(folder: Path, day: Partition) -> None:
    rows = returns(day)
    there = folder / "returns" / f"dt={day}"
    there.mkdir(parents=True, exist_ok=True)
    for number in range(2):
        (there / f"{number}.csv.gz").write_bytes(gzip.compress(csv_of(rows[number::2])))


# -- refunds: a table of all days ------------------------------------------------------------------------------

COLUMNS = """COLUMN_NAME,DATA_TYPE,NUMERIC_PRECISION,NUMERIC_SCALE
REFUND_ID,TEXT,,
INVOICE_ID,TEXT,,
CUSTOMER_ID,TEXT,,
AMOUNT,NUMBER,18,2
CURRENCY,TEXT,,
CAUSE,TEXT,,
LINES,NUMBER,38,0
IS_PARTIAL,BOOLEAN,,
CREATED_AT,TIMESTAMP_NTZ,,
BOOKED_ON,DATE,,
"""
_TABLE = pa.schema(
    [
        *((name, pa.string()) for name in ("REFUND_ID", "INVOICE_ID", "CUSTOMER_ID")),
        ("AMOUNT", pa.decimal128(18, 2)),
        *((name, pa.string()) for name in ("CURRENCY", "CAUSE")),
        ("LINES", pa.int64()),
        ("IS_PARTIAL", pa.bool_()),
        ("CREATED_AT", pa.timestamp("us")),
        ("BOOKED_ON", pa.date32()),
    ]
)


def refunds(day: Partition, count: int = ROWS) -> list[Row]:
    return [
        {
            "refund_id": f"F-{day}-{number:05}",
            "invoice_id": f"INV-{number}",
            "customer_id": f"C-{number % 41}" if number % 17 else None,
            "amount": Decimal(number * 2_503) / 100,
            "currency": "EUR",
            "cause": ("gekränkt", None)[number % 2],
            "lines": number % 12 + 1,
            "is_partial": number % 2 == 0,
            "created_at": at,
            "booked_on": day.date if number % 23 else None,
        }
        for number, at in enumerate(instants(day, count))
    ]


def write_refunds(folder: Path, days: Sequence[Partition]) -> None:
    """TIMESTAMP_NTZ is UTC, without saying so."""
    rows = [row | {"created_at": row["created_at"].replace(tzinfo=None)} for day in days for row in refunds(day)]
    upper = [{name.upper(): value for name, value in row.items()} for row in rows]
    file = folder / "snowflake" / "FINANCE.REFUNDS.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(upper, schema=_TABLE), file)


def comparable(rows: Sequence[Row]) -> list[str]:
    """Whole rows in any order; an instant is the same in every zone, a number in every scale."""
    return sorted(repr([(name, _plain(value)) for name, value in sorted(row.items())]) for row in rows)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value.normalize()
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def write_samples(folder: Path, day: Partition) -> None:
    """What the walkthrough calls page.json, returns.csv and columns.csv."""
    (folder / "page.json").write_text(page(day))
    (folder / "returns.csv").write_bytes(csv_of(returns(day)[:30]))
    (folder / "columns.csv").write_text(COLUMNS)


def neighbours(day: Partition) -> list[Partition]:
    """The day before, the day itself, the day after."""
    dates: list[date] = [day.date + timedelta(days=number) for number in (-1, 0, 1)]
    return [day.calendar.of(each) for each in dates]
