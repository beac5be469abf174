"""What is derived from the contracts, whole for one dataset of each kind, and what holds for all of them."""

from copy import deepcopy
from datetime import time
from typing import Any

import pytest
from pyiceberg import types
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField

from emr_jobs.contracts import Check, Contract, Medium, Severity
from emr_jobs.contracts.mapping import Drift, drift, index_body
from emr_jobs.contracts.model import (
    AcceptedValues,
    Bound,
    Measure,
    Query,
    RequiredColumns,
    RowCount,
    RowCountDrift,
    UniqueKey,
)
from emr_jobs.contracts.table import iceberg_schema, spark_ddl, spark_type, table_identifier
from shop.transforms import order_line
from tests.shop import SHOP

SALES = SHOP.contracts["final.daily_sales"]
SEARCH = SHOP.contracts["search.orders"]
REJECTED = SHOP.contracts["intermediate.rejected_orders"]
OUTPUTS = [SHOP.contracts[dataset] for job in SHOP.jobs for dataset in job.outputs]
SALES_KEY = ("partition_date", "shipping_country", "customer_segment", "channel")

KEYWORD = {"type": "keyword"}
TEXT = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 1024}}}
INSTANT = {"type": "date", "format": "strict_date_optional_time"}
CENTS = {"type": "scaled_float", "scaling_factor": 100}


def test_spark_schema_of_a_table() -> None:
    assert spark_ddl(SALES) == (
        "`partition_date` date, `shipping_country` string, `customer_segment` string, `channel` string, "
        "`orders` bigint, `customers` bigint, `units` bigint, `net_amount_usd` decimal(18,2), "
        "`average_order_value_usd` decimal(18,2), `late_orders` bigint, `late_share` decimal(5,4)"
    )
    assert table_identifier(SALES, "shop_") == ("shop_final", "daily_sales")


def test_spark_types_of_what_an_index_holds() -> None:
    kinds = {column.name: spark_type(column) for column in SEARCH.columns}
    assert [kinds[name] for name in ("tags", "placed_at", "is_late", "net_amount")] == [
        "array<string>",
        "timestamp",
        "boolean",
        "decimal(18,2)",
    ]
    assert kinds["items"] == (
        "array<struct<line_no:bigint,sku:string,name:string,category:string,quantity:bigint,"
        "unit_price:decimal(18,2),line_net:decimal(18,2)>>"
    )


def test_iceberg_schema_of_a_table_where_only_the_day_is_not_null() -> None:
    money, text, whole = types.DecimalType(18, 2), types.StringType(), types.LongType()
    unknown = "unknown without one"
    assert iceberg_schema(SALES) == Schema(
        NestedField(1, "partition_date", types.DateType(), required=True),
        NestedField(2, "shipping_country", text, doc=unknown, required=False),
        NestedField(3, "customer_segment", text, doc=unknown, required=False),
        NestedField(4, "channel", text, doc=unknown, required=False),
        NestedField(5, "orders", whole, required=False),
        NestedField(6, "customers", whole, doc="Distinct", required=False),
        NestedField(7, "units", whole, required=False),
        NestedField(8, "net_amount_usd", money, required=False),
        NestedField(
            9,
            "average_order_value_usd",
            money,
            doc="net_amount_usd / orders, rounded half away from zero",
            required=False,
        ),
        NestedField(10, "late_orders", whole, doc="An order of which it is not known is not late", required=False),
        NestedField(11, "late_share", types.DecimalType(5, 4), doc="late_orders / orders", required=False),
    )


def test_an_array_that_is_required_is_not_null_in_the_table() -> None:
    """The audit cannot see its nulls: files count none for arrays."""
    assert iceberg_schema(SHOP.contracts["final.order_facts"]).find_field("tags") == NestedField(
        11, "tags", types.ListType(1000, types.StringType(), element_required=False), required=True
    )


def test_mapping_and_settings_of_an_index() -> None:
    texts = ("customer_name", "shipping_city")
    instants = ("partition_date", "placed_at", "shipped_at", "promised_at", "delivered_at")
    keywords = (
        *("order_id", "status", "currency", "channel", "tags", "customer_id", "customer_segment"),
        *("customer_country", "loyalty_tier", "shipping_country", "shipping_region"),
        *("payment_status", "delivery_status"),
    )
    assert index_body(SEARCH, meta={"run": "r1"}) == {
        "settings": {
            "index": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1", "hidden": True}
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {"run": "r1"},
            "properties": {
                **dict.fromkeys(keywords, KEYWORD),
                **dict.fromkeys(texts, TEXT),
                **dict.fromkeys(instants, INSTANT),
                "is_late": {"type": "boolean"},
                "units": {"type": "integer"},
                "net_amount": CENTS,
                "net_amount_usd": CENTS,
                "items": {
                    "type": "nested",
                    "dynamic": "strict",
                    "properties": {
                        "line_no": {"type": "integer"},
                        "sku": KEYWORD,
                        "name": TEXT,
                        "category": KEYWORD,
                        "quantity": {"type": "integer"},
                        "unit_price": CENTS,
                        "line_net": CENTS,
                    },
                },
            },
        },
    }


def test_checks_of_a_table() -> None:
    required = (*SALES_KEY, "orders", "customers", "units", "net_amount_usd", "average_order_value_usd")
    required += ("late_orders", "late_share")
    key = " + ".join(SALES_KEY)
    assert SALES.checks == (
        Check("required_columns", Severity.ERROR, f"No null in {', '.join(required)}", RequiredColumns(required)),
        Check("key_unique", Severity.ERROR, f"One row per {key}, never null", UniqueKey(SALES_KEY)),
    )


def test_checks_of_a_table_with_accepted_values_and_no_key() -> None:
    required = ("partition_date", "reason", "raw")
    reasons = next(column.accepted for column in REJECTED.columns if column.name == "reason")
    accepted = AcceptedValues((("reason", reasons),))
    assert REJECTED.checks == (
        Check("required_columns", Severity.ERROR, "No null in partition_date, reason, raw", RequiredColumns(required)),
        Check("accepted_values", Severity.ERROR, "Only declared values in reason", accepted),
    )


def test_checks_of_an_index_have_no_required_columns_because_absent_fields_are_null() -> None:
    assert SEARCH.checks == (
        Check("key_unique", Severity.ERROR, "One row per order_id, never null", UniqueKey(("order_id",))),
        Check("row_count", Severity.ERROR, "Rows: more than 0", RowCount(Bound("mustBeGreaterThan", 0.0))),
        Check(
            "document_count",
            Severity.ERROR,
            "Orders of final.order_facts that are not in the index, or the other way round",
            Measure("missing_documents", Bound("mustBe", 0.0)),
        ),
    )


def test_checks_of_a_query_with_samples_and_of_a_measure_between_two_limits() -> None:
    checks = {check.name: check for check in SHOP.contracts["final.order_facts"].checks}
    rate_known, drift = checks["fx_rate_known"].rule, checks["row_count_drift"]
    assert isinstance(rate_known, Query)
    assert rate_known.sql.startswith("SELECT count(*) FROM (")
    assert rate_known.samples_sql is not None
    assert rate_known.samples_sql.startswith("SELECT DISTINCT")
    assert (drift.severity, drift.rule) == (
        Severity.WARNING,
        RowCountDrift(7, Bound("mustBeBetween", (-0.5, 0.5))),
    )


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
    assert bool(contract.key) == (contract.id != "intermediate.rejected_orders")


@pytest.mark.parametrize("contract", OUTPUTS, ids=lambda contract: contract.id)
def test_every_column_of_an_output_comes_from_columns_that_exist(contract: Contract) -> None:
    for column in contract.columns:
        assert column.lineage or (contract.layer, column.name) == ("intermediate", "partition_date"), column.name
        for dataset, source_column in column.lineage:
            names = [each.name for each in SHOP.contracts[dataset].columns]
            assert source_column is None or source_column in names, f"{column.name}: {dataset}.{source_column}"
            assert source_column or SHOP.contracts[dataset].medium is Medium.SOURCE, f"{column.name}: all of {dataset}"


def test_sources_of_the_datasets_are_published_before_them() -> None:
    published = [contract.id for contract in SHOP.contracts.values() if contract.medium is Medium.SOURCE]
    for job in SHOP.jobs:
        for dataset in job.outputs:
            assert set(SHOP.contracts[dataset].upstream) <= set(published), dataset
            published.append(dataset)


def test_reasons_of_the_contract_are_those_of_the_transform_in_their_order() -> None:
    (reasons,) = [column.accepted for column in REJECTED.columns if column.name == "reason"]
    assert reasons == order_line.REASONS


class TestDrift:
    """Of an index that was made from an older contract."""

    def mappings(self) -> dict[str, Any]:
        return deepcopy(index_body(SEARCH, meta={"run": "r1"})["mappings"])

    def test_an_index_of_the_contract_lacks_nothing_whatever_it_has_beyond(self) -> None:
        found = self.mappings()
        found["properties"]["gone_from_the_contract"] = KEYWORD
        found["properties"]["customer_name"]["fields"]["raw"] = KEYWORD
        assert drift(SEARCH, found) == Drift()

    def test_fields_beside_fields_and_in_nested_ones_can_be_added_and_others_refused(self) -> None:
        found = self.mappings()
        del found["properties"]["units"], found["properties"]["customer_name"]["fields"]
        del found["properties"]["items"]["properties"]["category"], found["properties"]["items"]["dynamic"]
        found["dynamic"] = "true"
        assert drift(SEARCH, found) == Drift(
            addable=("dynamic strict", "customer_name.keyword", "units", "items.dynamic strict", "items.category")
        )

    def test_a_type_and_what_belongs_to_it_stay(self) -> None:
        found = self.mappings()
        found["properties"]["units"] = KEYWORD
        found["properties"]["items"]["properties"]["line_net"] = {**CENTS, "scaling_factor": 10}
        found["properties"]["customer_name"]["fields"]["keyword"] = KEYWORD
        assert drift(SEARCH, found) == Drift(
            fixed=(
                "customer_name.keyword ignore_above None instead of 1024",
                "units type keyword instead of integer",
                "items.line_net scaling_factor 10 instead of 100",
            )
        )
