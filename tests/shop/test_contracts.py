"""What the shop's contracts promise of every dataset, what they keep from onlookers, and the rules of the transform."""

from datetime import time

import pytest

from emr_jobs.contracts import Contract, Medium
from emr_jobs.publish import preview
from shop.transforms import order_line
from tests.shop import SHOP

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


@pytest.mark.parametrize("contract", OUTPUTS, ids=lambda contract: contract.id)
def test_every_column_of_an_output_comes_from_columns_that_exist(contract: Contract) -> None:
    for column in contract.columns:
        assert column.lineage or (contract.layer, column.name) == ("intermediate", "partition_date"), column.name
        for dataset, reference in column.lineage:
            named = SHOP.contracts[dataset]
            assert reference is None or named.path(reference), f"{column.name}: {dataset}.{reference}"
            assert reference or named.medium is Medium.SOURCE, f"{column.name}: all of {dataset}"


def test_sources_of_the_datasets_are_published_before_them() -> None:
    published = [contract.id for contract in SHOP.contracts.values() if contract.medium is Medium.SOURCE]
    for job in SHOP.jobs:
        for dataset in job.outputs:
            assert set(SHOP.contracts[dataset].upstream) <= set(published), dataset
            published.append(dataset)


def test_reasons_of_the_contract_are_those_of_the_transform_in_their_order() -> None:
    (reasons,) = [column.accepted for column in REJECTED.columns if column.name == "reason"]
    assert reasons == order_line.REASONS


@pytest.mark.parametrize(
    ("dataset", "left_out"),
    [
        ("final.order_facts", {"partition_date", "customer_id", "customer_name", "shipping_city", "tags"}),
        ("final.daily_sales", {"partition_date"}),
        (
            "intermediate.orders",
            {"partition_date", "customer_id", "shipping_city", "shipping_postal_code", "tags"},
        ),
        ("intermediate.customers", {"partition_date", "customer_id", "name", "email_sha256"}),
        ("intermediate.fx_rates", {"partition_date"}),
        ("intermediate.shipments", {"partition_date"}),
        ("intermediate.rejected_orders", {"partition_date", "raw"}),
        ("intermediate.order_items", {"partition_date"}),
    ],
)
def test_personal_data_is_left_out_of_previews(dataset: str, left_out: set[str]) -> None:
    assert {column.name for column in SHOP.contracts[dataset].columns if not preview.is_shown(column)} == left_out
