"""What is judged without a session: bounds from the files' footers, and what is shown of what is wrong."""

from decimal import Decimal

import pytest

from emr_jobs.contracts.model import Bound, Check, MinimumValues, Severity
from emr_jobs.errors import CheckFailed
from emr_jobs.publish import audit
from emr_jobs.publish.lake import ColumnMetrics, Staged
from emr_jobs.report import Finding
from tests.domains import LIBRARY
from tests.shop import SHOP

DAY = SHOP.calendar.partition("2026-11-21")


def rates(least: Decimal | None) -> Staged:
    """A staged day of exchange rates whose smallest is this one."""
    contract = SHOP.contracts["intermediate.fx_rates"]
    metrics = {column.name: ColumnMetrics(0, None) for column in contract.columns}
    metrics["usd_rate"] = ColumnMetrics(0, least)
    return Staged(contract, DAY, "wap", 1, 5, 1, 1000, metrics)


def finding(day: Staged, name: str) -> Finding:
    (check,) = (check for check in day.contract.checks if check.name == name)
    return audit._by_metrics(day, check, allow_empty=False)


@pytest.mark.parametrize("rate", ["0.00000000", "-0.00000001", "-1.08214500"])
def test_a_rate_that_is_not_above_zero_blocks_the_day(rate: str) -> None:
    found = finding(rates(Decimal(rate)), "positive_rate")
    with pytest.raises(CheckFailed) as failed:
        audit.require([found], partition=DAY)
    assert (failed.value.expected, failed.value.found) == (
        "positive_rate: usd_rate more than 0",
        f"least usd_rate {Decimal(rate)}",
    )


@pytest.mark.parametrize("rate", ["0.00000001", "9999999999.99999999", None])
def test_any_other_rate_passes(rate: str | None) -> None:
    assert finding(rates(rate and Decimal(rate)), "positive_rate").passed


@pytest.mark.parametrize(
    ("fee", "stars", "passed"),
    [
        (Decimal("0.00"), 1, True),
        (None, 1, True),
        (Decimal("0.00"), 0, False),
        (Decimal("-0.01"), 1, False),
        (None, None, True),
    ],
)
def test_every_column_has_its_own_minimum(fee: Decimal | None, stars: int | None, passed: bool) -> None:
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
    ("dataset", "shown"),
    [("intermediate.customers", False), ("intermediate.fx_rates", True), ("final.order_facts", True)],
)
def test_a_repeated_key_is_not_shown_when_it_is_classified(dataset: str, shown: bool) -> None:
    contract = SHOP.contracts[dataset]
    (check,) = (check for check in contract.checks if check.name == "key_unique")
    statement = audit.compiled(check, contract)
    assert statement is not None
    assert (statement.samples_sql is not None) == shown


@pytest.mark.parametrize(("earlier", "drift"), [([10, 10, 10, 2], -0.375), ([10, 10, 10], None), ([5, 5, 5, 5], 0.0)])
def test_drift_is_against_the_mean_of_as_many_days_before(
    monkeypatch: pytest.MonkeyPatch, earlier: list[int], drift: float | None
) -> None:
    day, unused = rates(None), None
    monkeypatch.setattr(audit, "recent_row_counts", lambda _, contract, *, before, days: earlier[:days])
    assert audit.row_count_drift(unused, day, days=4) == drift  # type: ignore[arg-type]
