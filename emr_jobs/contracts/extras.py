"""What a contract says in the free places of the standard: custom properties, measures, and options of a type.

Plain data, strictly validated. Does not own: `read` (read), what becomes of them (load).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, StringConstraints, model_validator

from emr_jobs.contracts.model import Bound, Extraction, NewFields
from emr_jobs.contracts.read import Read, Strict


class SourceExtras(Strict):
    """Custom properties of a source's contract."""

    read: Read
    """How it is read."""


class Duplicates(Strict):
    """Which of the rows with one key stays."""

    keep: Literal["greatest"]
    """The one with the greatest value; null is smaller than any."""
    by: str
    """Of this column."""


class DatasetExtras(Strict):
    """How its records are taken where it is read by its contract."""

    duplicates: Duplicates | None = None
    """Which of the rows with one key stays. Without it they block the day."""
    new_fields: NewFields = Extraction.new_fields
    """Fields that the source delivers and its contract does not declare: `report` counts them in a check that warns,
    `fail` in one that blocks."""
    max_rejected_share: Annotated[float, Field(ge=0, le=1)] = Extraction.max_rejected_share
    """Of the day's records; more rejected ones block it."""


class ColumnExtras(Strict):
    """What the standard has no word for."""

    scalingFactor: PositiveInt | None = None
    """Of a `scaled_float`, and only of it: 100 keeps two decimals."""


class QualityExtras(Strict):
    """What is said and shown when it fails."""

    samples: str | None = None
    """What to show of the rows that a `SELECT count(*) FROM …` counts: an expression over them. Of another query, a
    `SELECT` with one column. Never a column that is classified."""
    fix: str | None = None
    """What to do when it fails; `{partition}` is the day."""


class CustomMeasure(Strict):
    """`implementation` of a rule of type `custom`, engine `pipeline`. Exactly one of the limits."""

    measure: Annotated[str, StringConstraints(pattern=r"^[a-z_]+$")]
    """What the job measures while it runs. `row_count_drift` the audit takes by itself."""
    days: PositiveInt | None = None
    """Of history, for `row_count_drift` and only for it: rows against the mean of those days, less one."""
    mustBe: float | None = None
    """It is this."""
    mustBeGreaterThan: float | None = None
    """It is above."""
    mustBeGreaterOrEqualTo: float | None = None
    """It is at least this."""
    mustBeLessThan: float | None = None
    """It is below."""
    mustBeLessOrEqualTo: float | None = None
    """It is at most this."""
    mustBeBetween: tuple[float, float] | None = None
    """It is between, or one of the two."""


class TypeOptions(Strict):
    """`logicalTypeOptions` of a table's integer or number: exactly one, judged by the check `minimum_values`, or by the
    one that the column's rule of type `text` names."""

    minimum: float | None = None
    """The least value that it may have."""
    exclusiveMinimum: float | None = None
    """Every value is above."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"exactly one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def bound(self) -> Bound:
        if self.minimum is not None:
            return Bound("mustBeGreaterOrEqualTo", self.minimum)
        assert self.exclusiveMinimum is not None, "one of the two"
        return Bound("mustBeGreaterThan", self.exclusiveMinimum)
