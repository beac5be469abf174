"""Judges what is staged against its contract: each check becomes a finding; nothing is read twice.

Row counts, nulls and bounds come from the staged files' footers, without a scan. Keys, accepted values and
the contract's own SQL become scalar subqueries of one statement a job. What neither can see (a share of the
input, a count in the search index) the job hands in as a measure; the days before are in the table's own metadata.
A check that failed by single rows names keys of some, unless the key is classified: findings go where previews go,
into events that more people read than the lake.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emr_jobs.contracts import Check, Contract
from emr_jobs.contracts.load import PLACEHOLDER
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
from emr_jobs.core.errors import CheckFailed, Remedy, samples
from emr_jobs.core.partition import Partition
from emr_jobs.frame.report import Finding
from emr_jobs.publish.lake import Staged, recent_row_counts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EMPTY_ASKED_FOR = "empty day, asked for with --allow-empty"
NO_HISTORY = "not enough history to compare with"

Measures = Mapping[str, float | None]  # None: it cannot be taken yet, which passes with a note


@dataclass(frozen=True)
class Statement:
    """A check as SQL: one number, and up to four values to show when it is wrong."""

    sql: str
    bound: Bound
    samples_sql: str | None


def view_name(dataset: str) -> str:
    return dataset.replace(".", "_")


def audit(
    spark: "SparkSession", staged: Iterable[Staged], *, measures: Mapping[str, Measures], allow_empty: bool
) -> list[Finding]:
    """One finding per check of every staged dataset. Its view, and those its SQL names, must exist."""
    days = list(staged)
    statements = {
        (day.contract.id, check.name): statement
        for day in days
        for check in day.contract.checks
        if (statement := compiled(check, day.contract)) is not None
    }
    results = dict(zip(statements, _numbers(spark, list(statements.values())), strict=True))
    findings = []
    for day in days:
        for check in day.contract.checks:
            key = (day.contract.id, check.name)
            if key in statements:
                findings.append(_by_statement(spark, day, check, statements[key], results[key]))
            elif isinstance(check.rule, Measure):
                findings.append(measured(day.contract.id, check, measures.get(day.contract.id, {})))
            elif isinstance(check.rule, RowCountDrift):
                drift = row_count_drift(spark, day, days=check.rule.days)
                findings.append(_bounded(day.contract.id, check, check.rule.bound, drift))
            else:
                findings.append(_by_metrics(day, check, allow_empty=allow_empty))
            findings[-1] = _with_keys(spark, day.contract, findings[-1])
    return findings


def _with_keys(spark: "SparkSession", contract: Contract, finding: Finding) -> Finding:
    statement = None if finding.passed else keys_sql(finding.check, contract)
    if statement is None:
        return finding
    shown = [row[0] for row in spark.sql(statement).collect()]  # none where the view's rows are not those of the files
    return replace(finding, found=f"{finding.found}; keys{samples(shown)}") if shown else finding


def keys_sql(check: Check, contract: Contract) -> str | None:
    """The keys of up to four rows that break a rule of columns. None of other rules, and where no key may be shown."""
    match check.rule:
        case RequiredColumns(columns):
            wrong = [f"`{column}` IS NULL" for column in columns]
        case AcceptedValues(values):
            wrong = [_not_in(column, accepted) for column, accepted in values]
        case MinimumValues(minima):
            wrong = [f"`{column}` {_BELOW[minimum.operator]} {minimum.limit}" for column, minimum in minima]
        case _:
            return None
    if not wrong or not _may_be_shown(contract, contract.key):
        return None
    return (
        f"SELECT DISTINCT {_joined(contract.key)} AS key FROM {view_name(contract.id)} "
        f"WHERE {' OR '.join(wrong)} ORDER BY 1 LIMIT 4"
    )


_BELOW = {"mustBeGreaterOrEqualTo": "<", "mustBeGreaterThan": "<="}  # what breaks a minimum


def _may_be_shown(contract: Contract, columns: Sequence[str]) -> bool:
    classified = {column.name for column in contract.columns if column.classification}
    return bool(columns) and not classified.intersection(columns)


def _joined(columns: Sequence[str]) -> str:
    return f"concat_ws('/', {', '.join(f'`{column}`' for column in columns)})"


def _not_in(column: str, accepted: Iterable[str]) -> str:
    return f"`{column}` NOT IN ({', '.join(map(_literal, accepted))})"


def compiled(check: Check, contract: Contract) -> Statement | None:
    """The check as SQL, or None when it needs none. Pure."""
    view = view_name(contract.id)
    match check.rule:
        case UniqueKey(columns):
            key = ", ".join(f"`{column}`" for column in columns)
            repeated = f"SELECT {key} FROM {view} GROUP BY {key} HAVING count(*) > 1"
            shown_keys = f"SELECT {_joined(columns)} FROM ({repeated}) ORDER BY 1 LIMIT 4"
            return Statement(
                f"SELECT count(*) FROM ({repeated})",
                Bound("mustBe", 0.0),
                shown_keys if _may_be_shown(contract, columns) else None,
            )
        case AcceptedValues(values):
            wrong = [_not_in(column, accepted) for column, accepted in values]
            shown = [f"CASE WHEN {test} THEN `{column}` END" for test, (column, _) in zip(wrong, values, strict=True)]
            return Statement(
                f"SELECT count_if({' OR '.join(f'coalesce({test}, false)' for test in wrong)}) FROM {view}",
                Bound("mustBe", 0.0),
                f"SELECT DISTINCT coalesce({', '.join(shown)}) AS found FROM {view} "
                f"WHERE {' OR '.join(wrong)} ORDER BY 1 LIMIT 4",
            )
        case Query(sql, bound, samples_sql):
            return Statement(_with_views(sql), bound, samples_sql and _with_views(samples_sql))
    return None


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _with_views(sql: str) -> str:
    return PLACEHOLDER.sub(lambda match: view_name(match.group(1)), sql)


def _numbers(spark: "SparkSession", statements: list[Statement]) -> list[float]:
    if not statements:
        return []
    columns = ", ".join(f"CAST(({each.sql}) AS DOUBLE) AS n{number}" for number, each in enumerate(statements))
    row = spark.sql(f"SELECT {columns}").first()
    assert row is not None, "a SELECT without FROM has one row"
    return list(row)


def _by_statement(spark: "SparkSession", day: Staged, check: Check, statement: Statement, number: float) -> Finding:
    passed = statement.bound.allows(number)
    shown: list[object] = []
    if not passed and statement.samples_sql:
        shown = [row[0] for row in spark.sql(statement.samples_sql).collect()]
    if isinstance(check.rule, UniqueKey):
        nulls = {column: day.metrics[column].nulls for column in check.rule.columns if day.metrics[column].nulls}
        if nulls:
            found = "; ".join(f"{count} null {column}" for column, count in nulls.items())
            numbers = {"repeated_keys": int(number), "nulls": sum(nulls.values())}
            return Finding(day.contract.id, check, False, "keys that are not null", found, numbers=numbers)
        found = f"{number:.0f} repeated keys{samples(shown)}"
        numbers = {"repeated_keys": int(number)}
        return Finding(day.contract.id, check, passed, "0 repeated keys", found, numbers=numbers)
    found = f"{number:g}{samples(shown)}"
    return Finding(day.contract.id, check, passed, str(statement.bound), found, numbers={check.name: number})


def _by_metrics(day: Staged, check: Check, *, allow_empty: bool) -> Finding:
    match check.rule:
        case RowCount(bound):
            allowed = day.rows == 0 and allow_empty
            return Finding(
                day.contract.id,
                check,
                allowed or bound.allows(day.rows),
                f"rows: {bound}",
                f"{day.rows} rows",
                EMPTY_ASKED_FOR if allowed else None,
                {"rows": day.rows},
            )
        case RequiredColumns(columns):
            nulls = {column: day.metrics[column].nulls for column in columns if day.metrics[column].nulls}
            found = "; ".join(f"{count} in {column}" for column, count in nulls.items())
            numbers: dict[str, float] = {"nulls": sum(nulls.values())}
            return Finding(day.contract.id, check, not nulls, "no nulls", found or "no nulls", numbers=numbers)
        case MinimumValues(minima):
            least = {column: lower for column, _ in minima if (lower := day.metrics[column].lower) is not None}
            passed = all(minimum.allows(float(least[column])) for column, minimum in minima if column in least)
            expected = "; ".join(f"{column} {minimum}" for column, minimum in minima)
            found = "; ".join(f"least {column} {lower}" for column, lower in least.items())
            numbers = {f"least_{column}": float(lower) for column, lower in least.items()}
            return Finding(day.contract.id, check, passed, expected, found or "no value", numbers=numbers)
    raise AssertionError(f"no way to audit {check}")


def measured(dataset: str, check: Check, measures: Measures) -> Finding:
    """A check by what the job measured. A measure that was not handed in is a fault of the job."""
    assert isinstance(check.rule, Measure), check
    return _bounded(dataset, check, check.rule.bound, measures[check.rule.measure])


def _bounded(dataset: str, check: Check, bound: Bound, value: float | None) -> Finding:
    if value is None:
        return Finding(dataset, check, True, str(bound), "nothing", NO_HISTORY)
    return Finding(dataset, check, bound.allows(value), str(bound), f"{value:g}", numbers={check.name: value})


def row_count_drift(spark: "SparkSession", day: Staged, *, days: int) -> float | None:
    """Rows against the mean of the last partitions that were published before, less one; None while there are fewer."""
    earlier = recent_row_counts(spark, day.contract, before=day.partition, days=days)
    return day.rows / (sum(earlier) / days) - 1 if len(earlier) == days else None


def require(findings: Iterable[Finding], *, partition: Partition) -> None:
    """Raises CheckFailed naming every blocking check that failed."""
    failed = [finding for finding in findings if finding.blocks]
    failed.sort(key=lambda finding: isinstance(finding.check.rule, RequiredColumns))  # a null has its cause elsewhere
    if not failed:
        return
    first, others = failed[0], failed[1:]
    also = "".join(f"; {each.dataset} {each.check.name}: {each.found}" for each in others)
    raise CheckFailed(
        dataset=first.dataset,
        partition=partition,
        expected=f"{first.check.name}: {first.expected}",
        found=f"{first.found}{also}",
        fix=_fix(first, partition),
        remedy=Remedy.ALLOW_EMPTY if isinstance(first.check.rule, RowCount) else Remedy.RERUN,
    )


def _fix(finding: Finding, partition: Partition) -> str:
    if finding.check.fix:
        return finding.check.fix.replace("{partition}", str(partition))
    if isinstance(finding.check.rule, RowCount):
        return "Nothing was published."
    return "Nothing was published. Mend the source."
