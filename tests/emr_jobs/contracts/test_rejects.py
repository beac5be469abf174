"""What a dataset that is read by contract brings with it: its rejects and the checks of its reading."""

from dataclasses import replace
from datetime import time
from typing import Literal

import pytest

from emr_jobs.contracts.model import (
    AcceptedValues,
    Bound,
    Check,
    Column,
    Contract,
    Extraction,
    Measure,
    Medium,
    NewFields,
    RequiredColumns,
    RowCount,
    Severity,
)
from emr_jobs.contracts.read import Complete
from emr_jobs.contracts.rejects import checks_of_extraction, rejects_of
from tests.emr_jobs.library import API, SOURCE, make_dataset, make_source, of

REVIEWS = make_source(Column("id", "string"), Column("language", "string"))
DATASET = make_dataset(of("id", "id", required=True), of("language", "language", accepted=("en",)))


def test_rejects_are_a_table_of_the_layer_named_after_the_source() -> None:
    reasons = ("malformed", "null_id", "not_accepted_language", "too_large")
    whole = ((SOURCE, None),)
    dataset = replace(DATASET, id="raw.opinions", version="2.1.0")
    assert rejects_of(dataset, REVIEWS) == Contract(
        id="raw.rejected_reviews",
        version="2.1.0",
        medium=Medium.TABLE,
        physical_name="rejected_reviews",
        description="The records of web_api.reviews that are not in raw.opinions, each with the first reason.",
        granularity="one row per rejected record",
        owner="catalogue",
        columns=(
            Column("partition_date", "date", required=True, description="The day that it was read for", lineage=whole),
            Column(
                "reason",
                "string",
                required=True,
                description="The first that applies, in the order given here",
                accepted=reasons,
                lineage=whole,
            ),
            Column(
                "raw",
                "string",
                required=True,
                description="The record; of a table's row what is not classified",
                classification="confidential",
                lineage=whole,
            ),
        ),
        checks=(
            Check(
                "required_columns",
                Severity.ERROR,
                "No null in partition_date, reason, raw",
                RequiredColumns(("partition_date", "reason", "raw")),
            ),
            Check(
                "accepted_values",
                Severity.ERROR,
                "Only declared values in reason",
                AcceptedValues((("reason", reasons),)),
            ),
        ),
        available_by=time(10),
        keep_days=30,
    )


@pytest.mark.parametrize(("kept", "rejects_kept"), [(None, 30), (7, 7), (31, 30)])
def test_rejects_are_kept_for_thirty_days_and_never_longer_than_the_dataset(
    kept: int | None, rejects_kept: int
) -> None:
    assert rejects_of(replace(DATASET, keep_days=kept), REVIEWS).keep_days == rejects_kept


def test_rejects_above_one_percent_block_and_what_is_new_or_misread_is_a_warning() -> None:
    assert checks_of_extraction(DATASET, REVIEWS) == [
        Check(
            "rejected_share",
            Severity.ERROR,
            "Rejected records over all records of the day",
            Measure("rejected_share", Bound("mustBeLessOrEqualTo", 0.01)),
            'Nothing was published but the rejects: pipeline query "SELECT reason, raw FROM raw.rejected_reviews '
            "WHERE partition_date = '{partition}'\"",
        ),
        Check(
            "new_fields",
            Severity.WARNING,
            "Fields that web_api.reviews delivers and does not declare",
            Measure("new_fields", Bound("mustBe", 0.0)),
            "Declare them in the contract web_api.reviews, or set new_fields: ignore in raw.reviews.",
        ),
        Check(
            "misread_values",
            Severity.WARNING,
            "Values of a wrong type in columns that are not required: they are null",
            Measure("misread_values", Bound("mustBe", 0.0)),
            "Mend web_api.reviews, or the types of the columns in raw.reviews.",
        ),
    ]


@pytest.mark.parametrize(
    ("new_fields", "severities"),
    [
        (NewFields.IGNORE, {"rejected_share": "error", "misread_values": "warning"}),
        (NewFields.REPORT, {"rejected_share": "error", "new_fields": "warning", "misread_values": "warning"}),
        (NewFields.FAIL, {"rejected_share": "error", "new_fields": "error", "misread_values": "warning"}),
    ],
)
def test_new_fields_are_ignored_reported_or_block_as_declared(
    new_fields: NewFields, severities: dict[str, str]
) -> None:
    checks = checks_of_extraction(replace(DATASET, extraction=Extraction(new_fields=new_fields)), REVIEWS)
    assert {check.name: check.severity for check in checks} == severities


@pytest.mark.parametrize(("complete", "named"), [("unproven", ["unproven"]), (Complete(total="$.total"), [])])
def test_an_api_that_does_not_prove_that_it_gave_all_is_a_warning(
    complete: Complete | Literal["unproven"], named: list[str]
) -> None:
    source = replace(REVIEWS, read=API.model_copy(update={"complete": complete}))
    checks = checks_of_extraction(DATASET, source)
    assert [check.name for check in checks if check.name == "unproven" and not check.blocking] == named


def test_the_declared_share_is_the_limit() -> None:
    dataset = replace(DATASET, extraction=Extraction(max_rejected_share=0.2))
    assert checks_of_extraction(dataset, REVIEWS)[0].rule == Measure(
        "rejected_share", Bound("mustBeLessOrEqualTo", 0.2)
    )


@pytest.mark.parametrize(
    "own",
    [
        Check("few_rejects", Severity.WARNING, "", Measure("rejected_share", Bound("mustBeLessThan", 0.5))),
        Check("rejected_share", Severity.ERROR, "", RowCount(Bound("mustBeGreaterThan", 0.0))),
    ],
    ids=["same measure", "same name"],
)
def test_a_check_of_the_datasets_own_takes_the_place(own: Check) -> None:
    checks = checks_of_extraction(replace(DATASET, checks=(own,)), REVIEWS)
    assert [check.name for check in checks] == ["new_fields", "misread_values"]
