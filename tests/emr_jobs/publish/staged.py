"""A staged day of which one smallest value is known, and how its checks judge that."""

from decimal import Decimal

from emr_jobs.domain import Domain
from emr_jobs.frame.report import Finding
from emr_jobs.publish import audit
from emr_jobs.publish.lake import ColumnMetrics, Staged


def staged(domain: Domain, dataset: str, column: str, least: Decimal | None) -> Staged:
    """A day whose column has this smallest value."""
    contract = domain.contracts[dataset]
    metrics = {each.name: ColumnMetrics(0, None) for each in contract.columns} | {column: ColumnMetrics(0, least)}
    return Staged(contract, domain.calendar.partition("2026-11-21"), "wap", 1, 5, 1, 1000, metrics)


def finding(day: Staged, name: str) -> Finding:
    (check,) = (check for check in day.contract.checks if check.name == name)
    return audit._by_metrics(day, check, allow_empty=False)
