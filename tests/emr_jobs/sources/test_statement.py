"""Statements: named parameters become marks and values, and nothing else that looks like one does."""

from dataclasses import replace
from pathlib import Path

import pytest

from emr_jobs.contracts.model import Column, Contract, Medium
from emr_jobs.contracts.read import Snowflake
from emr_jobs.core.errors import Misconfigured
from emr_jobs.sources.statement import Statement, of_a_table, statement_of
from tests.domains import LIBRARY

DAY = LIBRARY.calendar.partition("2026-10-25")  # of 25 hours


def contract(id: str, *columns: Column, table: str = "loans") -> Contract:
    return Contract(id, "1.0.0", Medium.SOURCE, table, "", None, "desk", columns, (), None)


LOANS = contract(
    "snowflake.loans",
    Column("LOAN_ID", "string"),
    Column("LENT_AT", "timestamp"),
    Column("DUE", "date"),
    table="A.LOANS",
)


def test_names_are_bound_in_their_order_and_casts_and_times_are_left() -> None:
    conditions = "d = :partition AND at < :as_of AND at >= :start AND at < :end AND d=:partition"
    text = f"SELECT n::text, '10:30' FROM t WHERE {conditions}"
    statement = Statement(LOANS, DAY, text, "sql/loans.sql")
    assert statement.sql == "SELECT n::text, '10:30' FROM t WHERE d = ? AND at < ? AND at >= ? AND at < ? AND d=?"
    assert statement.parameters == (
        "2026-10-25",
        "2026-10-26 05:30:00",
        "2026-10-24 22:00:00",
        "2026-10-25 23:00:00",
        "2026-10-25",
    )


def test_a_name_that_no_day_has_is_refused() -> None:
    with pytest.raises(Misconfigured) as refused:
        _ = Statement(LOANS, DAY, "SELECT :yesterday", "sql/loans.sql").parameters
    assert str(refused.value) == (
        "sql/loans.sql: :yesterday is no parameter; known are :partition, :start, :end, :as_of"
    )


@pytest.mark.parametrize(
    ("day_column", "sql", "values"),
    [
        (
            "LENT_AT",
            'SELECT "LOAN_ID", "LENT_AT", "DUE" FROM "A"."LOANS" WHERE "LENT_AT" >= CAST(? AS TIMESTAMP_NTZ) '
            'AND "LENT_AT" < CAST(? AS TIMESTAMP_NTZ)',
            ("2026-10-24 22:00:00", "2026-10-25 23:00:00"),
        ),
        ("DUE", 'SELECT "LOAN_ID", "LENT_AT", "DUE" FROM "A"."LOANS" WHERE "DUE" = CAST(? AS DATE)', ("2026-10-25",)),
    ],
)
def test_rows_of_a_day_are_asked_for_by_the_columns_type(day_column: str, sql: str, values: tuple[str, ...]) -> None:
    statement = of_a_table(LOANS, day_column, contract("lent.loans"), DAY)
    assert (statement.sql, statement.parameters) == (sql, values)


def test_a_source_says_of_which_rows_by_its_day_column_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "loans.sql").write_text("SELECT 1")
    by_column, by_file, by_nothing = (
        replace(LOANS, read=Snowflake(kind="snowflake", connection="desk", **of))
        for of in ({"day_column": "DUE"}, {"sql": "loans.sql"}, {})
    )
    assert statement_of(by_column, LOANS, DAY, folder=tmp_path) == of_a_table(by_column, "DUE", LOANS, DAY)
    assert statement_of(by_file, LOANS, DAY, folder=tmp_path).text == "SELECT 1"
    with pytest.raises(Misconfigured) as refused:
        statement_of(by_nothing, LOANS, DAY, folder=tmp_path)
    assert str(refused.value).startswith("snowflake.loans: read by contract, so it says of which rows")


def test_the_first_rows_are_those_of_the_whole_statement() -> None:
    statement = Statement(LOANS, DAY, "SELECT :partition -- the day;\nFROM t;\n", "sql/loans.sql").first(20)
    assert statement.sql == "SELECT * FROM (SELECT ? -- the day;\nFROM t\n) LIMIT 20"
    assert statement.parameters == ("2026-10-25",)
