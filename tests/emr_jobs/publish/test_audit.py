"""What is judged without a session: bounds from the files' footers, and what is shown of what is wrong."""

from dataclasses import replace
from decimal import Decimal

import pytest

from emr_jobs.contracts.model import Bound, Check, MinimumValues, Severity
from emr_jobs.core.errors import CheckFailed
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
