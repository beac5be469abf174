"""What a dataset that is read by contract brings with it: the dataset of its rejects, and the checks of its reading.

    <layer>.rejected_<source>   partition_date, reason, raw; published also where too many rejects block the day
    rejected_share, new_fields, misread_values, unproven   what the job measures while it reads
    missing_rows                                           this too; only a check of the dataset's own takes it

Pure. Does not own: the reasons (reading), which record has one (emr_jobs/reading/rejects.py).
Invariant: a check of the dataset's own that has the name or the measure of one of these takes its place.
"""

from collections.abc import Iterable, Iterator

from emr_jobs.catalog import Pick
from emr_jobs.contracts.load import PARTITION_COLUMN, REJECTED_SHARE, checks_of_columns, measures_of
from emr_jobs.contracts.model import (
    Bound,
    Check,
    Column,
    Contract,
    Extraction,
    Measure,
    Medium,
    NewFields,
    Severity,
)
from emr_jobs.contracts.read import Rest
from emr_jobs.contracts.reading import plan_of

NEW_FIELDS = "new_fields"  # how many undeclared paths the day's records have
UNPROVEN = "unproven"  # 1 where nothing says that the source gave all of its day
MISREAD_VALUES = "misread_values"  # how many values have a wrong type in columns that may be null
MISSING_ROWS = "missing_rows"  # how many records are neither rows nor rejects: they came more than once

KEEP_DAYS = 30  # raw records, with whatever personal data they carry


def rejects_id(dataset: Contract, source: Contract) -> str:
    return f"{dataset.layer}.rejected_{source.name}"


def rejects_of(dataset: Contract, source: Contract, picks: Iterable[Pick] = ()) -> Contract:
    """Raises InvalidContracts where the dataset cannot be read by contract."""
    lineage = ((source.id, None),)
    columns = (
        Column(PARTITION_COLUMN, "date", required=True, lineage=lineage, description="The day that it was read for"),
        Column(
            "reason",
            "string",
            required=True,
            accepted=plan_of(dataset, source, picks).reasons,
            lineage=lineage,
            description="The first that applies, in the order given here",
        ),
        Column(
            "raw",
            "string",
            required=True,
            classification="confidential",
            lineage=lineage,
            description="The record; of a table's row what is not classified",
        ),
    )
    name = rejects_id(dataset, source).partition(".")[2]
    return Contract(
        id=rejects_id(dataset, source),
        version=dataset.version,
        medium=Medium.TABLE,
        physical_name=name,
        description=f"The records of {source.id} that are not in {dataset.id}, each with the first reason.",
        granularity="one row per rejected record",
        owner=dataset.owner,
        columns=columns,
        checks=tuple(checks_of_columns(columns)),
        available_by=dataset.available_by,
        keep_days=min(KEEP_DAYS, dataset.keep_days or KEEP_DAYS),
    )


def checks_of_extraction(dataset: Contract, source: Contract) -> list[Check]:
    """Those that the dataset does not declare itself."""
    names, measures = {check.name for check in dataset.checks}, measures_of(dataset.checks)
    return [
        check
        for measure, check in _checks(dataset, source, dataset.taken)
        if check.name not in names and measure not in measures
    ]


def _checks(dataset: Contract, source: Contract, extraction: Extraction) -> Iterator[tuple[str, Check]]:
    """By measure."""
    shown = f"SELECT reason, raw FROM {rejects_id(dataset, source)} WHERE partition_date = '{{partition}}'"  # noqa: S608  # shown to people
    yield _check(
        REJECTED_SHARE,
        Severity.ERROR,
        "Rejected records over all records of the day",
        Bound("mustBeLessOrEqualTo", extraction.max_rejected_share),
        f'Nothing was published but the rejects: pipeline query "{shown}"',
    )
    if extraction.new_fields is not NewFields.IGNORE:
        yield _check(
            NEW_FIELDS,
            Severity.ERROR if extraction.new_fields is NewFields.FAIL else Severity.WARNING,
            f"Fields that {source.id} delivers and does not declare",
            Bound("mustBe", 0.0),
            f"Declare them in the contract {source.id}, or set new_fields: ignore in {dataset.id}.",
        )
    if isinstance(source.read, Rest) and not source.read.is_proven:
        yield _check(
            UNPROVEN,
            Severity.WARNING,
            f"Nothing that {source.id} answers proves that its records are all of the day",
            Bound("mustBe", 0.0),
            f"Declare its total or has_more as complete, in the contract {source.id}.",
        )
    yield _check(
        MISREAD_VALUES,
        Severity.WARNING,
        "Values of a wrong type in columns that are not required: they are null",
        Bound("mustBe", 0.0),
        f"Mend {source.id}, or the types of the columns in {dataset.id}.",
    )


def _check(measure: str, severity: Severity, description: str, bound: Bound, fix: str) -> tuple[str, Check]:
    return measure, Check(measure, severity, description, Measure(measure, bound), fix)
