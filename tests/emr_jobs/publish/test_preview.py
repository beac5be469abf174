"""What of a day's rows goes into Dagster's events, and how much."""

import json

import pytest

from emr_jobs.contracts import Column
from emr_jobs.publish import preview
from tests.domains import LIBRARY


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, "true"),
        (9007199254740993, "9007199254740993"),
        (["chess", "novel"], "chess, novel"),
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
        ("marts.lending", {"partition_date", "member_name"}),
        ("marts.branch_days", {"partition_date"}),
        ("staged.loans", {"partition_date", "member_id"}),
        ("staged.members", {"partition_date", "name"}),
        ("staged.reviews", {"partition_date"}),
        ("staged.rejected_loans", {"partition_date", "raw"}),
        ("staged.rejected_members", {"partition_date", "raw"}),
        ("staged.rejected_reviews", {"partition_date", "raw"}),
    ],
)
def test_classified_columns_and_the_day_itself_are_left_out(dataset: str, left_out: set[str]) -> None:
    assert {column.name for column in LIBRARY.contracts[dataset].columns if not preview.is_shown(column)} == left_out


def test_rows_that_do_not_fit_are_left_out_from_the_end() -> None:
    columns = [Column(f"column_{number}", "string") for number in range(30)]
    rows: list[dict[str, str | None]] = [{column.name: f"{row}" * 20 for column in columns} for row in range(5)]
    shown = preview.table(columns, rows)
    assert shown["records"] == rows[: len(shown["records"])]
    assert 0 < len(shown["records"]) < 5
    assert len(json.dumps(shown)) <= preview.SIZE_BYTES
    assert preview.table(columns, rows[:1])["records"] == rows[:1]


def test_a_preview_names_every_column_also_without_rows() -> None:
    assert preview.table([Column("loan_id", "string"), Column("shelf", "integer")], []) == {
        "schema": [{"name": "loan_id", "type": "string"}, {"name": "shelf", "type": "bigint"}],
        "records": [],
    }
