"""An extraction without code of its own: one source into one dataset and its rejects, as the contracts declare it.

The records are read once, in the workers, and kept on disk; the rejects are published first and always, so that they
can be read exactly when they are too many. Does not own: which column is read how (contracts.reading), reading and
refusing (record_reader, rejects), the source (extraction).
"""

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emr_jobs.contracts import Contract
from emr_jobs.contracts.load import PARTITION_COLUMN, REJECTED_SHARE
from emr_jobs.contracts.read import Files, Rest
from emr_jobs.contracts.reading import Plan, plan_of
from emr_jobs.contracts.rejects import MISREAD_VALUES, MISSING_ROWS, NEW_FIELDS, UNPROVEN
from emr_jobs.extraction import Records, from_api, from_files, from_table
from emr_jobs.frame.job_run import JobRun
from emr_jobs.publish.day import audit_then_commit, publish_lake, stage
from emr_jobs.reading.record_reader import RecordReader

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_FIRST = 20  # names of fields, and of columns, that a materialization lists


@dataclass(frozen=True)
class Tally:
    """Of all records: the reasons of those that are refused, the columns of wrong types, the undeclared paths."""

    records: int
    reasons: Counter[str]
    misread: Counter[str]  # of good records, by column
    new_fields: int  # paths
    first_new_fields: Counter[str]  # those that come most

    @property
    def rejected(self) -> int:
        return self.reasons.total()


def extract(run: JobRun) -> None:
    rejected, dataset = run.job.outputs
    (source,) = run.domain.sources_of(run.job)
    contract = run.contract(dataset)
    plan = plan_of(contract, source, run.job.picks)
    with _read(run, source, contract, plan) as records:
        rows = _with_derived(records.rows, plan)
        with run.report.phase("count"):
            tally = tally_of(rows)
        facts = _facts(tally, records)
        run.report.log("read", dataset=source.id, records=tally.records, rejected=tally.rejected, **tally.reasons)
        publish_lake(run, {rejected: _rejects(rows, run)}, facts=facts)
        staged = stage(run, {dataset: _kept(rows, contract, run, source)})
        measures = {
            REJECTED_SHARE: tally.rejected / tally.records if tally.records else 0.0,
            MISREAD_VALUES: float(tally.misread.total()),
            MISSING_ROWS: float(tally.records - tally.rejected - staged[0].rows),
            NEW_FIELDS: float(tally.new_fields),
            UNPROVEN: float(isinstance(source.read, Rest) and not source.read.is_proven),
        }
        audit_then_commit(run, staged, measures={dataset: measures}, facts=facts)


def _read(run: JobRun, source: Contract, contract: Contract, plan: Plan) -> AbstractContextManager[Records]:
    reader = RecordReader(plan, new_fields=contract.taken.new_fields)
    match source.read:
        case Rest():
            return from_api(run, source, schema=reader.schema, read=reader.read)
        case Files():
            return from_files(run, source, schema=reader.schema, read=reader.read)
    return from_table(run, source, contract, plan)


def _with_derived(rows: "DataFrame", plan: Plan) -> "DataFrame":
    """With the columns that expressions make of others, and what these refuse."""
    from pyspark.sql import functions as F

    made = rows.withColumns({name: F.expr(expression) for name, expression in plan.derived.items()})
    if plan.derived_reason is None:
        return made
    return made.withColumn("reason", F.coalesce("reason", F.expr(plan.derived_reason)))


def tally_of(rows: "DataFrame") -> Tally:
    """However many paths a source invents, the driver is given the number of them and the first."""
    from pyspark.sql import functions as F

    by_reason = rows.groupBy("reason").agg(
        F.count("*").alias("records"), F.count("misread").alias("misread"), F.count("unknown").alias("unknown")
    )
    groups = by_reason.collect()
    reasons = Counter({group["reason"]: group["records"] for group in groups if group["reason"] is not None})
    misread, first, paths = Counter[str](), Counter[str](), 0
    good = rows.where(F.col("reason").isNull())
    if any(group["misread"] for group in groups if group["reason"] is None):
        misread.update(_counted(good.select(F.explode("misread").alias("name")).groupBy("name").count()))
    if any(group["unknown"] for group in groups):
        by_path = rows.select(F.explode("unknown").alias("name")).groupBy("name").count()
        paths = by_path.count()
        first.update(_counted(by_path.orderBy(F.col("count").desc(), "name").limit(_FIRST)))
    return Tally(sum(group["records"] for group in groups), reasons, misread, paths, first)


def _counted(names: "DataFrame") -> dict[str, int]:
    return {row["name"]: row["count"] for row in names.collect()}


def _facts(tally: Tally, records: Records) -> dict[str, object]:
    facts: dict[str, object] = {"records": tally.records, "rejected": tally.rejected}
    if records.total is not None:
        facts["announced"] = records.total
    for name, counter in (("wrong_types", tally.misread), ("new_fields", tally.first_new_fields)):
        if counter:
            facts[name] = ", ".join(f"{each} {count}" for each, count in counter.most_common(_FIRST))
    return facts


def _rejects(rows: "DataFrame", run: JobRun) -> "DataFrame":
    from pyspark.sql import functions as F

    day = F.lit(run.partition.date).alias(PARTITION_COLUMN)
    return rows.where(F.col("reason").isNotNull()).select(day, "reason", "raw")


def _kept(rows: "DataFrame", contract: Contract, run: JobRun, source: Contract) -> "DataFrame":
    """In contract order; of a key that came more than once the row that the contract keeps."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    columns = [column.name for column in contract.columns if column.name != PARTITION_COLUMN]
    good = rows.where(F.col("reason").isNull())
    if isinstance(source.read, Rest) and contract.key:
        good = good.dropDuplicates(columns)  # on the boundary of two slices
    if (greatest := contract.taken.keep_greatest) is not None:
        by = [F.col(greatest).desc_nulls_last(), F.struct(*columns).desc()]
        latest = F.row_number().over(Window.partitionBy(*contract.key).orderBy(*by))
        good = good.withColumn("_rank", latest).where(F.col("_rank") == 1)
    return good.select(F.lit(run.partition.date).alias(PARTITION_COLUMN), *columns)
