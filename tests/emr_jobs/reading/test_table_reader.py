"""Rows of a table that is read by contract: by the same rules as records, refused without what is classified."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from emr_jobs.contracts.model import Column
from emr_jobs.contracts.reading import plan_of
from emr_jobs.reading.records import BatchMismatch
from emr_jobs.reading.table_reader import typed_rows
from tests.emr_jobs.library import WAREHOUSE, make_dataset, make_source, of

LOANS = make_source(
    Column("ID", "string"),
    Column("MEMBER", "string", classification="restricted"),
    Column("RENEWALS", "integer"),
    Column("FEE", "number"),
    Column("LENT_AT", "timestamp"),
    Column("DUE", "date"),
    Column("IS_LOST", "boolean"),
    read=WAREHOUSE,
)
COLUMNS = (
    of("ID", "loan_id", required=True, key_position=1),
    of("MEMBER", "member"),
    of("RENEWALS", "renewals", "integer", accepted=("0", "1")),
    of("FEE", "fee", "number"),
    of("LENT_AT", "lent_at", "timestamp", required=True),
    of("DUE", "due", "date", classification="confidential"),
    of("IS_LOST", "is_lost", "boolean"),
)
AT = datetime(2026, 11, 21, 10, 0, 0, 5)
ROW = {
    "ID": "L-1",
    "MEMBER": "Ada",
    "RENEWALS": 1,
    "FEE": Decimal("1.00"),
    "LENT_AT": AT,
    "DUE": AT.date(),
    "IS_LOST": False,
}
READ = {
    "loan_id": "L-1",
    "member": "Ada",
    "renewals": 1,
    "fee": Decimal("1.00"),
    "lent_at": AT.replace(tzinfo=UTC),
    "due": date(2026, 11, 21),
    "is_lost": False,
    **dict.fromkeys(("reason", "raw", "misread", "unknown")),
}
SHAPE = typed_rows(plan_of(make_dataset(*COLUMNS), LOANS))


def batch(*overrides: dict[str, Any], **types: pa.DataType) -> pa.Table:
    """As Snowflake gives it: in an order and a case of its own."""
    rows = [ROW | each for each in overrides]
    columns = {name: pa.array([row[name] for row in rows], types.get(name)) for name in reversed(ROW)}
    return pa.table({name if name == "FEE" else name.lower(): column for name, column in columns.items()})


def made(*overrides: dict[str, Any], **types: pa.DataType) -> list[dict[str, Any]]:
    table = SHAPE.make(batch(*overrides, **types))
    assert table.schema == SHAPE.schema
    return table.to_pylist()


def raw(**shown: Any) -> str:
    parts = {
        "is_lost": "false",
        "lent_at": '"2026-11-21T10:00:00.000005"',
        "FEE": "1.00",
        "renewals": "1",
        "id": '"L-1"',
    }
    return "{" + ",".join(f'"{name}":{value}' for name, value in (parts | shown).items()) + "}"


def test_texts_are_trimmed_and_amounts_rounded_as_everywhere() -> None:
    odd = {"ID": " L-2 ", "MEMBER": "  ", "FEE": Decimal("-2.345"), "IS_LOST": None, "DUE": None}
    columns = {"loan_id": "L-2", "member": None, "fee": Decimal("-2.35"), "is_lost": None, "due": None}
    assert made({}, odd) == [READ, READ | columns]


def test_a_row_is_refused_for_the_first_reason_without_what_is_classified() -> None:
    assert made({}, {"ID": " ", "RENEWALS": 7}, {"RENEWALS": 7}, {"ID": "x" * 513}) == [
        READ,
        READ | {"loan_id": None, "renewals": 7, "reason": "null_loan_id", "raw": raw(renewals=7, id='" "')},
        READ | {"renewals": 7, "reason": "not_accepted_renewals", "raw": raw(renewals=7)},
        READ | {"loan_id": "x" * 513, "reason": "too_large", "raw": raw(id=f'"{"x" * 513}"')},
    ]


def test_what_no_column_holds_is_one_rows_fault() -> None:
    huge = {"RENEWALS": Decimal(2**63)}
    assert made(
        {"RENEWALS": Decimal(1)}, huge, {"RENEWALS": None, "FEE": Decimal(10**17)}, FEE=pa.decimal128(38, 4)
    ) == [
        READ,
        READ | {"renewals": None, "reason": "too_large", "raw": raw(renewals=2**63, FEE="1.0000")},
        READ | {"renewals": None, "fee": None, "misread": ["fee"]},
    ]


def test_a_column_of_another_type_is_read_by_its_values() -> None:
    assert made({"FEE": "1", "DUE": "2026-11-21", "MEMBER": 7}, {"FEE": "free", "DUE": "soon", "MEMBER": 8}) == [
        READ | {"member": None, "misread": ["member"]},
        READ | {"member": None, "fee": None, "due": None, "misread": ["member", "fee", "due"]},
    ]


def test_timestamps_are_utc_cut_to_microseconds() -> None:
    nanoseconds = pa.array([1795255200000005999], pa.timestamp("ns"))
    table = batch({"ID": None}).set_column(2, "lent_at", nanoseconds)
    assert [row["lent_at"] for row in SHAPE.make(table).to_pylist()] == [READ["lent_at"]]


def test_no_rows_are_no_rows() -> None:
    table = batch({}).slice(0, 0)
    assert SHAPE.make(table) == SHAPE.schema.empty_table()


def test_every_raw_row_is_kept_where_columns_are_still_to_be_made() -> None:
    label = Column("label", "string", required=True, logic="lower(member)")
    (row,) = typed_rows(plan_of(make_dataset(*COLUMNS, label), LOANS)).make(batch({})).to_pylist()
    assert (row["reason"], row["raw"]) == (None, raw())


def test_missing_columns_are_named() -> None:
    with pytest.raises(BatchMismatch) as raised:
        SHAPE.make(batch({}).drop_columns(["FEE", "due"]))
    assert str(raised.value) == "columns differ: FEE 0 times; DUE 0 times"


def test_a_column_that_is_there_twice_is_named() -> None:
    with pytest.raises(BatchMismatch, match=r"^columns differ: ID 2 times$"):
        SHAPE.make(batch({}).append_column("ID", pa.array(["L-2"])))
