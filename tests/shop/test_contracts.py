"""What the shop's contracts promise of every dataset, what they keep from onlookers, and the rules of the transform."""

from datetime import time
from decimal import Decimal

import pytest

from emr_jobs.contracts import Contract, Medium
from emr_jobs.core.errors import CheckFailed
from emr_jobs.frame.report import Finding
from emr_jobs.publish import audit, preview
from emr_jobs.publish.lake import ColumnMetrics, Staged
from shop.transforms import order_line
from tests.shop import SHOP

DAY = SHOP.calendar.partition("2026-11-21")
OUTPUTS = [SHOP.contracts[dataset] for job in SHOP.jobs for dataset in job.outputs]
REJECTED = SHOP.contracts["intermediate.rejected_orders"]


@pytest.mark.parametrize("contract", OUTPUTS, ids=lambda contract: contract.id)
def test_every_output_of_a_job_is_described_whole(contract: Contract) -> None:
    assert contract.owner == "data-engineering"
    assert contract.description
    assert contract.granularity
    assert contract.version
    assert contract.available_by == time(10)
    assert contract.checks
    assert contract.medium is (Medium.INDEX if contract.layer == "search" else Medium.TABLE)
    assert contract.columns[0].name == "partition_date"
    assert bool(contract.key) != contract.name.startswith("rejected_")


def test_sources_of_the_datasets_are_published_before_them() -> None:
    published = [contract.id for contract in SHOP.contracts.values() if contract.medium is Medium.SOURCE]
    for job in SHOP.jobs:
        for dataset in job.outputs:
            assert set(SHOP.contracts[dataset].upstream) <= set(published), dataset
            published.append(dataset)


def test_reasons_of_the_contract_are_those_of_the_transform_in_their_order() -> None:
    (reasons,) = [column.accepted for column in REJECTED.columns if column.name == "reason"]
    assert reasons == order_line.REASONS


def test_personal_data_is_left_out_of_previews() -> None:
    assert {
        table.id: {column.name for column in table.columns if not preview.is_shown(column)} - {"partition_date"}
        for table in SHOP.tables
    } == {
        "final.daily_sales": set(),
        "final.order_facts": {"customer_id", "customer_name", "shipping_city", "tags"},
        "intermediate.customers": {"customer_id", "name", "email_sha256"},
        "intermediate.fx_rates": set(),
        "intermediate.order_items": set(),
        "intermediate.orders": {"customer_id", "shipping_city", "shipping_postal_code", "tags"},
        "intermediate.rejected_orders": {"raw"},
        "intermediate.rejected_shipments": {"raw"},
        "intermediate.shipments": set(),
    }


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
