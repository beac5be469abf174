"""What is judged without a session: bounds from the files' footers, and what is shown of what is wrong."""

from dataclasses import replace
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession

from emr_jobs.contracts.model import AcceptedValues, Bound, Check, MinimumValues, RequiredColumns, Rule, Severity
from emr_jobs.core.errors import CheckFailed
from emr_jobs.frame.report import Finding
from emr_jobs.publish import audit
from emr_jobs.publish.lake import ColumnMetrics, Staged
from tests.domains import LIBRARY
from tests.emr_jobs.publish.staged import finding, staged

DAY = LIBRARY.calendar.partition("2026-11-21")


def branch_days(least: Decimal | None) -> Staged:
    """A staged day of the branches whose smallest fees are these."""
    return staged(LIBRARY, "marts.branch_days", "fees", least)


@pytest.mark.parametrize("fees", ["-0.01", "-1.08", "-9999999999999999.99"])
def test_fees_below_zero_block_the_day(fees: str) -> None:
    found = finding(branch_days(Decimal(fees)), "no_negative_fees")
    with pytest.raises(CheckFailed) as failed:
        audit.require([found], partition=DAY)
    assert (failed.value.expected, failed.value.found) == (
        "no_negative_fees: fees at least 0",
        f"least fees {fees}",
    )


@pytest.mark.parametrize("fees", ["0.00", "9999999999999999.99", None])
def test_any_other_fees_pass(fees: str | None) -> None:
    assert finding(branch_days(fees and Decimal(fees)), "no_negative_fees").passed


@pytest.mark.parametrize(
    ("fee", "stars", "passed"),
    [
        (Decimal("0.00"), 1, True),
        (None, 1, True),
        (Decimal("0.00"), 0, False),
        (Decimal("0.00"), Decimal("0E-8"), False),
        (Decimal("0.00"), Decimal("1E-8"), True),
        (Decimal("-0.01"), 1, False),
        (None, None, True),
    ],
)
def test_every_column_has_its_own_minimum(fee: Decimal | None, stars: Decimal | int | None, passed: bool) -> None:
    loans = LIBRARY.contracts["staged.loans"]
    minima = (("fee", Bound("mustBeGreaterOrEqualTo", 0.0)), ("stars", Bound("mustBeGreaterThan", 0.0)))
    check = Check("minimum_values", Severity.ERROR, "", MinimumValues(minima))
    metrics = {"fee": ColumnMetrics(0, fee), "stars": ColumnMetrics(0, stars)}
    found = audit._by_metrics(Staged(loans, DAY, "wap", 1, 5, 1, 1000, metrics), check, allow_empty=False)
    least = [f"least {name} {value}" for name, value in (("fee", fee), ("stars", stars)) if value is not None]
    assert (found.passed, found.expected, found.found) == (
        passed,
        "fee at least 0; stars more than 0",
        "; ".join(least) or "no value",
    )


@pytest.mark.parametrize(
    ("dataset", "classified", "shown"),
    [
        ("staged.members", "member_id", False),
        ("staged.members", "branch", True),
        ("marts.branch_days", "kind", False),
        ("marts.branch_days", "loans", True),
    ],
)
def test_a_repeated_key_is_not_shown_when_it_is_classified(dataset: str, classified: str, shown: bool) -> None:
    """Nor one of which a part is."""
    declared = LIBRARY.contracts[dataset]
    columns = tuple(
        replace(column, classification="confidential" if column.name == classified else None)
        for column in declared.columns
    )
    contract = replace(declared, columns=columns)
    (check,) = (check for check in contract.checks if check.name == "key_unique")
    statement = audit.compiled(check, contract)
    assert statement is not None
    assert (statement.samples_sql is not None) == shown


@pytest.mark.parametrize(("earlier", "drift"), [([10, 10, 10, 2], -0.375), ([10, 10, 10], None), ([5, 5, 5, 5], 0.0)])
def test_drift_is_against_the_mean_of_as_many_days_before(
    monkeypatch: pytest.MonkeyPatch, earlier: list[int], drift: float | None
) -> None:
    day, unused = branch_days(None), None
    monkeypatch.setattr(audit, "recent_row_counts", lambda _, contract, *, before, days: earlier[:days])
    assert audit.row_count_drift(unused, day, days=4) == drift  # type: ignore[arg-type]


AT_LEAST, ABOVE = Bound("mustBeGreaterOrEqualTo", 2.0), Bound("mustBeGreaterThan", 2.0)


@pytest.mark.parametrize(
    ("rule", "keys"),
    [
        (RequiredColumns(("kind",)), ["L3"]),
        (RequiredColumns(("kind", "fee")), ["L2", "L3"]),
        (AcceptedValues((("kind", ("it's",)),)), ["L1", "L2"]),
        (AcceptedValues((("kind", ("book",)),)), ["L4"]),
        (MinimumValues((("fee", AT_LEAST),)), ["L1"]),
        (MinimumValues((("fee", ABOVE),)), ["L1", "L3"]),
    ],
)
def test_a_check_that_failed_by_rows_names_their_keys(spark: SparkSession, rule: Rule, keys: list[str]) -> None:
    loans = LIBRARY.contracts["staged.loans"]
    rows = [("L1", "book", 1), ("L2", "book", None), ("L3", None, 2), ("L4", "it's", 3)]
    spark.createDataFrame(rows, "loan_id string, kind string, fee int").createOrReplaceTempView("staged_loans")
    failed = Finding("staged.loans", Check("rule", Severity.ERROR, "", rule), False, "none", "some")
    assert audit._with_keys(spark, loans, failed).found == f"some; keys ({', '.join(keys)})"
    assert audit._with_keys(spark, loans, replace(failed, passed=True)).found == "some"


def test_no_key_is_named_where_a_part_of_it_is_classified() -> None:
    loans = LIBRARY.contracts["staged.loans"]
    hidden = tuple(replace(each, classification="secret" if each.name == "loan_id" else None) for each in loans.columns)
    check = Check("rule", Severity.ERROR, "", RequiredColumns(("kind",)))
    assert audit.keys_sql(check, loans) is not None
    assert audit.keys_sql(check, replace(loans, columns=hidden)) is None


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("row_count", {"rows": 5}), ("required_columns", {"nulls": 0}), ("no_negative_fees", {"least_fees": -1.5})],
)
def test_what_was_found_is_a_number_too(name: str, numbers: dict[str, float]) -> None:
    assert finding(branch_days(Decimal("-1.50")), name).numbers == numbers


def test_a_measure_is_a_number_under_the_name_of_its_check() -> None:
    (check,) = (check for check in LIBRARY.contracts["marts.lending"].checks if check.name == "row_count_drift")
    assert audit._bounded("marts.lending", check, Bound("mustBe", 0.0), 0.25).numbers == {"row_count_drift": 0.25}
    assert audit._bounded("marts.lending", check, Bound("mustBe", 0.0), None).numbers == {}
