"""What a contract says, as frozen data. No YAML, no Spark, no search engine here.

Owns the vocabulary: columns, checks, severities. `load` builds these from the ODCS files; `table` and
`mapping` derive schemas from them.
"""

from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum

from emr_jobs.contracts.read import Read, Snowflake


class Severity(StrEnum):
    ERROR = "error"  # blocks the publish
    WARNING = "warning"  # reported, changes nothing


class Medium(StrEnum):
    """Where a dataset lives: decides how it is derived, audited and published."""

    TABLE = "table"  # Iceberg
    INDEX = "index"  # OpenSearch
    SOURCE = "source"  # somebody else's; read, never written


class Status(StrEnum):
    """How far it may be relied upon, as the standard has it. Only what is not active may be taken out."""

    PROPOSED = "proposed"
    DRAFT = "draft"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


@dataclass(frozen=True)
class Bound:
    """A comparison with a number, named as ODCS names it."""

    operator: str
    limit: float | tuple[float, float]

    def allows(self, value: float) -> bool:
        match self.operator, self.limit:
            case "mustBe", float(limit):
                return value == limit
            case "mustBeGreaterThan", float(limit):
                return value > limit
            case "mustBeGreaterOrEqualTo", float(limit):
                return value >= limit
            case "mustBeLessThan", float(limit):
                return value < limit
            case "mustBeLessOrEqualTo", float(limit):
                return value <= limit
            case "mustBeBetween", (float(low), float(high)):
                return low <= value <= high
        raise AssertionError(f"unknown operator {self}")

    def __str__(self) -> str:
        signs = {
            "mustBe": "{}",
            "mustBeGreaterThan": "more than {}",
            "mustBeGreaterOrEqualTo": "at least {}",
            "mustBeLessThan": "less than {}",
            "mustBeLessOrEqualTo": "at most {}",
            "mustBeBetween": "{} to {}",
        }
        limits = self.limit if isinstance(self.limit, tuple) else (self.limit,)
        return signs[self.operator].format(*(f"{limit:g}" for limit in limits))


@dataclass(frozen=True)
class Column:
    name: str
    logical_type: str
    physical_type: str | None = None
    required: bool = False
    key_position: int | None = None
    description: str | None = None
    classification: str | None = None  # None: nobody says that it is personal or secret
    accepted: tuple[str, ...] = ()
    meanings: tuple[tuple[str, str], ...] = ()  # (accepted value, what it stands for), where somebody says it
    minimum: Bound | None = None  # of a table's number
    lineage: tuple[tuple[str, str | None], ...] = ()  # (dataset, its column, a.b for b in it, None for all of it)
    logic: str | None = None  # a Spark SQL expression over the dataset's other columns
    items: str | None = None  # of an array: their logical type
    fields: tuple["Column", ...] = ()  # of an object, or of each in an array
    scaling_factor: int | None = None
    default_timezone: str | None = None  # of instants without an offset; None: nobody says which


@dataclass(frozen=True)
class RowCount:
    """Rows of the partition."""

    bound: Bound


@dataclass(frozen=True)
class RequiredColumns:
    """No null in these columns."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class UniqueKey:
    """No two rows with the same key, and no null in it."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class AcceptedValues:
    """A column holds only these values, or null."""

    values: tuple[tuple[str, tuple[str, ...]], ...]  # (column, its values)


@dataclass(frozen=True)
class MinimumValues:
    """No value of a column is below its minimum."""

    minima: tuple[tuple[str, Bound], ...]  # (column, its minimum)


@dataclass(frozen=True)
class Query:
    """A SQL statement with one number as its result; `${dataset}` stands for the staged day of a dataset."""

    sql: str
    bound: Bound
    samples_sql: str | None = None


@dataclass(frozen=True)
class Measure:
    """A figure that the job takes while it runs and hands to the audit by name."""

    measure: str
    bound: Bound


@dataclass(frozen=True)
class RowCountDrift:
    """Rows against the mean of the last `days` published partitions, less one."""

    days: int
    bound: Bound


Rule = RowCount | RequiredColumns | UniqueKey | AcceptedValues | MinimumValues | Query | Measure | RowCountDrift


@dataclass(frozen=True)
class Check:
    name: str
    severity: Severity
    description: str
    rule: Rule
    fix: str | None = None  # what to do when it fails, where the rule alone does not say it; {partition} is the day

    @property
    def blocking(self) -> bool:
        return self.severity is Severity.ERROR


class NewFields(StrEnum):
    """What comes of fields that the source delivers and its contract does not declare."""

    IGNORE = "ignore"
    REPORT = "report"  # counted by path, a warning
    FAIL = "fail"  # counted by path, nothing is published


@dataclass(frozen=True)
class Extraction:
    """What a dataset that is read by contract declares beside its columns."""

    keep_greatest: str | None = None  # of rows with one key the one with the greatest value here; None: they block
    new_fields: NewFields = NewFields.REPORT
    max_rejected_share: float = 0.01  # of the records; more block


@dataclass(frozen=True)
class Contract:
    id: str  # layer.name
    version: str
    medium: Medium
    physical_name: str
    description: str
    granularity: str | None
    owner: str
    columns: tuple[Column, ...]
    checks: tuple[Check, ...]
    available_by: time | None  # where the domain is, on the day after the partition
    keep_days: int | None = None  # then a partition's rows are deleted; None: never
    read: Read | None = None  # of a source, how
    extraction: Extraction | None = None  # None: it declares none
    status: Status = Status.ACTIVE
    usage: str | None = None
    limitations: str | None = None

    def is_expired(self, day: date, *, today: date) -> bool:
        return self.keep_days is not None and (today - day).days > self.keep_days

    @property
    def taken(self) -> Extraction:
        """How its records are taken where it is read by contract, declared or not."""
        return self.extraction or Extraction()

    @property
    def connection(self) -> str:
        """Of a source: its name in the settings."""
        assert self.read is not None, f"{self.id} is no source"
        return self.read.connection

    @property
    def layer(self) -> str:
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        return self.id.partition(".")[2]

    @property
    def key(self) -> tuple[str, ...]:
        keyed = [column for column in self.columns if column.key_position is not None]
        return tuple(column.name for column in sorted(keyed, key=lambda column: column.key_position or 0))

    def path(self, reference: str) -> tuple[str, ...]:
        """Of a column, or of a field in a source's column (cost.amount), as they are spelt here.

        Raises KeyError with the part that is not declared. A column that declares no fields may have any.
        """
        column = self._named(self.columns, reference)
        if column:
            return (column.name,)
        path: tuple[str, ...] = ()
        columns = self.columns
        for part in reference.split("."):
            if path and not columns and self.medium is Medium.SOURCE:
                path += (part,)
                continue
            column = self._named(columns, part)
            if column is None:
                raise KeyError(".".join((*path, part)) if self.medium is Medium.SOURCE else reference)
            path += (column.name,)
            columns = column.fields
        return path

    def _named(self, columns: tuple[Column, ...], name: str) -> Column | None:
        """Snowflake knows its columns in any case."""
        if isinstance(self.read, Snowflake):
            return next((column for column in columns if column.name.lower() == name.lower()), None)
        return next((column for column in columns if column.name == name), None)

    @property
    def upstream(self) -> tuple[str, ...]:
        """The datasets that its columns come from, in the order in which they are first named."""
        return tuple(dict.fromkeys(dataset for column in self.columns for dataset, _ in column.lineage))
