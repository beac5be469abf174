"""What is derived from the contracts, whole for one dataset of each kind, and what holds for all of them."""

from copy import deepcopy
from dataclasses import replace
from datetime import time
from typing import Any

import pytest
from pyiceberg import types
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField

from emr_jobs.contracts import PARTITION_COLUMN, Check, Column, Contract, Medium, Severity
from emr_jobs.contracts.mapping import Drift, drift, index_body
from emr_jobs.contracts.model import (
    AcceptedValues,
    Bound,
    Measure,
    MinimumValues,
    Query,
    RequiredColumns,
    RowCount,
    RowCountDrift,
    UniqueKey,
)
from emr_jobs.contracts.table import iceberg_schema, spark_ddl, spark_type, table_identifier
from tests.domains import LIBRARY
from tests.emr_jobs.library import make_dataset
from tests.promises import assert_described_whole, assert_sources_are_published_before, outputs

LENDING = LIBRARY.contracts["marts.lending"]
BRANCH_DAYS = LIBRARY.contracts["marts.branch_days"]
INDEX = LIBRARY.contracts["find.lending"]
OUTPUTS = outputs(LIBRARY)

COPIES = Column(
    "copies",
    "array",
    "nested",
    items="object",
    fields=(Column("shelf", "string", "keyword"), Column("price", "number", "scaled_float", scaling_factor=100)),
)
RICHER = replace(
    INDEX,
    columns=(
        *INDEX.columns,
        Column("topics", "array", "keyword", items="string"),
        Column("lent_at", "timestamp", "date"),
        COPIES,
    ),
)

KEYWORD = {"type": "keyword"}
TEXT = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 1024}}}
INSTANT = {"type": "date", "format": "strict_date_optional_time"}
CENTS = {"type": "scaled_float", "scaling_factor": 100}
INTEGER = {"type": "integer"}


def test_spark_schema_of_a_table() -> None:
    assert spark_ddl(LENDING) == (
        "`partition_date` date, `loan_id` string, `title` string, `kind` string, `member_name` string, "
        "`branch` string, `fee` decimal(18,2), `is_overdue` boolean, `review_count` bigint, "
        "`average_stars` decimal(4,2)"
    )
    assert table_identifier(LENDING, "library_") == ("library_marts", "lending")


def test_spark_types_of_what_an_index_holds() -> None:
    assert {column.name: spark_type(column) for column in RICHER.columns} == {
        "partition_date": "date",
        "loan_id": "string",
        "title": "string",
        "kind": "string",
        "member_name": "string",
        "fee": "decimal(18,2)",
        "is_overdue": "boolean",
        "reviews": "array<struct<review_id:bigint,stars:bigint,text:string>>",
        "topics": "array<string>",
        "lent_at": "timestamp",
        "copies": "array<struct<shelf:string,price:decimal(18,2)>>",
    }


def test_iceberg_schema_of_a_table_where_only_the_day_is_not_null() -> None:
    text, whole = types.StringType(), types.LongType()
    assert iceberg_schema(LENDING) == Schema(
        NestedField(1, "partition_date", types.DateType(), required=True),
        NestedField(2, "loan_id", text, required=False),
        NestedField(3, "title", text, required=False),
        NestedField(4, "kind", text, required=False),
        NestedField(5, "member_name", text, doc="Classified as confidential", required=False),
        NestedField(6, "branch", text, required=False),
        NestedField(7, "fee", types.DecimalType(18, 2), required=False),
        NestedField(8, "is_overdue", types.BooleanType(), doc="Due before the partition's day", required=False),
        NestedField(9, "review_count", whole, required=False),
        NestedField(10, "average_stars", types.DecimalType(4, 2), required=False),
    )


def test_an_array_that_is_required_is_not_null_in_the_table() -> None:
    """The audit cannot see its nulls: files count none for arrays."""
    dataset = make_dataset(Column("topics", "array", items="string", required=True))
    assert iceberg_schema(dataset).find_field("topics") == NestedField(
        2, "topics", types.ListType(1000, types.StringType(), element_required=False), required=True
    )


def test_mapping_and_settings_of_an_index() -> None:
    assert index_body(RICHER, meta={"run": "r1"}) == {
        "settings": {
            "index": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1", "hidden": True}
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {"run": "r1"},
            "properties": {
                "partition_date": INSTANT,
                "loan_id": KEYWORD,
                "title": TEXT,
                "kind": KEYWORD,
                "member_name": TEXT,
                "fee": CENTS,
                "is_overdue": {"type": "boolean"},
                "reviews": {
                    "type": "nested",
                    "dynamic": "strict",
                    "properties": {"review_id": INTEGER, "stars": INTEGER, "text": TEXT},
                },
                "topics": KEYWORD,
                "lent_at": INSTANT,
                "copies": {"type": "nested", "dynamic": "strict", "properties": {"shelf": KEYWORD, "price": CENTS}},
            },
        },
    }


def test_checks_of_a_table() -> None:
    required = ("partition_date", "branch", "kind", "loans", "fees", "overdue")
    assert BRANCH_DAYS.checks == (
        Check(
            "required_columns",
            Severity.ERROR,
            "No null in partition_date, branch, kind, loans, fees, overdue",
            RequiredColumns(required),
        ),
        Check(
            "key_unique",
            Severity.ERROR,
            "One row per partition_date + branch + kind, never null",
            UniqueKey(("partition_date", "branch", "kind")),
        ),
        Check(
            "no_negative_fees",
            Severity.ERROR,
            "fees is at least 0",
            MinimumValues((("fees", Bound("mustBeGreaterOrEqualTo", 0.0)),)),
        ),
        Check("row_count", Severity.ERROR, "Rows: more than 0", RowCount(Bound("mustBeGreaterThan", 0.0))),
    )


def test_checks_of_a_table_with_accepted_values_and_no_key() -> None:
    required = ("partition_date", "reason", "raw")
    reasons = ("malformed", "null_loan_id", "null_lent_at", "not_accepted_kind", "too_large")
    assert LIBRARY.contracts["staged.rejected_loans"].checks == (
        Check("required_columns", Severity.ERROR, "No null in partition_date, reason, raw", RequiredColumns(required)),
        Check(
            "accepted_values",
            Severity.ERROR,
            "Only declared values in reason",
            AcceptedValues((("reason", reasons),)),
        ),
    )


def test_checks_of_an_index_have_no_required_columns_because_absent_fields_are_null() -> None:
    assert INDEX.checks == (
        Check("key_unique", Severity.ERROR, "One row per loan_id, never null", UniqueKey(("loan_id",))),
        Check("row_count", Severity.ERROR, "Rows: more than 0", RowCount(Bound("mustBeGreaterThan", 0.0))),
        Check(
            "document_count",
            Severity.ERROR,
            "Loans of marts.lending that are not in the index, or the other way round",
            Measure("missing_documents", Bound("mustBe", 0.0)),
        ),
    )


def test_checks_of_a_query_with_samples_and_of_a_measure_between_two_limits() -> None:
    checks = {check.name: check for check in LENDING.checks}
    counted = (
        "(SELECT loan_id FROM ${staged.loans}) l FULL OUTER JOIN (SELECT loan_id FROM ${marts.lending}) m "
        "ON m.loan_id = l.loan_id WHERE l.loan_id IS NULL OR m.loan_id IS NULL"
    )
    assert checks["every_loan"].rule == Query(
        f"SELECT count(*) FROM {counted}",
        Bound("mustBe", 0.0),
        f"SELECT DISTINCT coalesce(l.loan_id, m.loan_id) FROM {counted} ORDER BY 1 LIMIT 4",
    )
    assert (checks["row_count_drift"].severity, checks["row_count_drift"].rule) == (
        Severity.WARNING,
        RowCountDrift(5, Bound("mustBeBetween", (-0.4, 0.4))),
    )


@pytest.mark.parametrize("contract", OUTPUTS, ids=lambda contract: contract.id)
def test_every_output_of_a_job_is_described_whole(contract: Contract) -> None:
    assert_described_whole(contract, owner="librarians", available_by=time(8, 15), index="find")


@pytest.mark.parametrize("contract", OUTPUTS, ids=lambda contract: contract.id)
def test_every_column_of_an_output_comes_from_others(contract: Contract) -> None:
    made = {column.name for column in contract.columns if not column.lineage}
    assert made <= ({PARTITION_COLUMN} if contract.medium is Medium.TABLE else set())


def test_sources_of_the_datasets_are_published_before_them() -> None:
    assert_sources_are_published_before(LIBRARY)


class TestDrift:
    """Of an index that was made from an older contract."""

    def mappings(self) -> dict[str, Any]:
        return deepcopy(index_body(RICHER, meta={"run": "r1"})["mappings"])

    def test_an_index_of_the_contract_lacks_nothing_whatever_it_has_beyond(self) -> None:
        found = self.mappings()
        found["properties"]["gone_from_the_contract"] = KEYWORD
        found["properties"]["member_name"]["fields"]["raw"] = KEYWORD
        assert drift(RICHER, found) == Drift()

    def test_fields_beside_fields_and_in_nested_ones_can_be_added_and_others_refused(self) -> None:
        found = self.mappings()
        del found["properties"]["kind"], found["properties"]["member_name"]["fields"]
        del found["properties"]["copies"]["properties"]["shelf"], found["properties"]["copies"]["dynamic"]
        found["dynamic"] = "true"
        assert drift(RICHER, found) == Drift(
            addable=("dynamic strict", "kind", "member_name.keyword", "copies.dynamic strict", "copies.shelf")
        )

    def test_a_type_and_what_belongs_to_it_stay(self) -> None:
        found = self.mappings()
        found["properties"]["is_overdue"] = KEYWORD
        found["properties"]["copies"]["properties"]["price"] = {**CENTS, "scaling_factor": 10}
        found["properties"]["member_name"]["fields"]["keyword"] = KEYWORD
        assert drift(RICHER, found) == Drift(
            fixed=(
                "member_name.keyword ignore_above None instead of 1024",
                "is_overdue type keyword instead of boolean",
                "copies.price scaling_factor 10 instead of 100",
            )
        )
