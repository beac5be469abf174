"""What the shop's contracts promise of every dataset, what they keep from onlookers, and the rules of the transform."""

from datetime import time
from decimal import Decimal

import pytest

from emr_jobs.contracts import Contract
from emr_jobs.core.errors import CheckFailed
from emr_jobs.publish import audit, preview
from emr_jobs.publish.lake import Staged
from shop.transforms import order_line
from tests.emr_jobs.publish.staged import finding, staged
from tests.promises import assert_described_whole, assert_sources_are_published_before, outputs
from tests.shop import SHOP

DAY = SHOP.calendar.partition("2026-11-21")
REJECTED = SHOP.contracts["intermediate.rejected_orders"]


@pytest.mark.parametrize("contract", outputs(SHOP), ids=lambda contract: contract.id)
def test_every_output_of_a_job_is_described_whole(contract: Contract) -> None:
    assert_described_whole(contract, owner="data-engineering", available_by=time(10), index="search")


def test_sources_of_the_datasets_are_published_before_them() -> None:
    assert_sources_are_published_before(SHOP)


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
    return staged(SHOP, "intermediate.fx_rates", "usd_rate", least)


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
