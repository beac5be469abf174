"""What of a day's rows goes into Dagster's events, and how much."""

import json

import pytest

from emr_jobs.contracts import Column
from emr_jobs.publish import preview
from tests.shop import SHOP


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, "true"),
        (9007199254740993, "9007199254740993"),
        (["gift", "priority"], "gift, priority"),
        ([], ""),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 39 + "…"),
    ],
)
def test_a_cell_is_text_or_null(value: object, shown: str | None) -> None:
    assert preview.cell(value) == shown


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
def test_classified_columns_and_the_day_itself_are_left_out(dataset: str, left_out: set[str]) -> None:
    assert {column.name for column in SHOP.contracts[dataset].columns if not preview.is_shown(column)} == left_out


def test_rows_that_do_not_fit_are_left_out_from_the_end() -> None:
    columns = [Column(f"column_{number}", "string") for number in range(30)]
    rows: list[dict[str, str | None]] = [{column.name: f"{row}" * 20 for column in columns} for row in range(5)]
    shown = preview.table(columns, rows)
    assert shown["records"] == rows[: len(shown["records"])]
    assert 0 < len(shown["records"]) < 5
    assert len(json.dumps(shown)) <= preview.SIZE_BYTES
    assert preview.table(columns, rows[:1])["records"] == rows[:1]


def test_a_preview_names_every_column_also_without_rows() -> None:
    assert preview.table([Column("order_id", "string"), Column("units", "integer")], []) == {
        "schema": [{"name": "order_id", "type": "string"}, {"name": "units", "type": "bigint"}],
        "records": [],
    }
