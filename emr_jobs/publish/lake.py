"""One partition of an Iceberg table: staged by WAP id, read back, published.

A staged snapshot is in the table's metadata, but no reader sees it until it is published. Invariant: readers
see the old day or the new one; a rerun replaces the day; the same WAP id is published at most once. Metadata is
read through Iceberg's own Java API: a Spark query for the same takes 0.3 s, and a job asks a dozen times.
Does not own: judging what was staged (audit), creating tables (pipeline lake apply).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from emr_jobs.contracts import PARTITION_COLUMN, Contract
from emr_jobs.contracts.table import spark_ddl, table_name
from emr_jobs.errors import BadInput, CheckFailed, Conflict, SchemaDrift
from emr_jobs.partition import Partition

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class ColumnMetrics:
    """Of one column over the staged files, from their footers: exact for counts, numbers and dates."""

    nulls: int
    lower: Any  # of a number; None without values


@dataclass(frozen=True)
class Staged:
    contract: Contract
    partition: Partition
    wap_id: str
    snapshot_id: int
    rows: int
    files: int
    size_bytes: int
    metrics: Mapping[str, ColumnMetrics]


def wap_id(partition: Partition, *, run_id: str, attempt: int) -> str:
    """Starts with the partition: that a day was published empty is known from the ids alone."""
    return f"{partition}.{run_id}.{attempt}"


def require_table(spark: "SparkSession", contract: Contract, *, partition: Partition) -> None:
    """Raises SchemaDrift naming every column that differs from the contract."""
    from pyspark.sql.types import StructType

    expected = {field.name: field.dataType.simpleString() for field in StructType.fromDDL(spark_ddl(contract))}
    found = _columns(spark, contract)
    if found == expected:
        return
    if found is None:
        difference = "no table"
    else:
        wrong = [
            f"{column} {found.get(column, 'missing')}, expected {expected.get(column, 'none')}"
            for column in {**expected, **found}
            if found.get(column) != expected.get(column)
        ]
        difference = f"{len(wrong)} columns that differ: {'; '.join(wrong)}"
    raise SchemaDrift(
        dataset=contract.id,
        partition=partition,
        expected=f"table {table_name(contract)} as in its contract",
        found=difference,
        fix="Bring the table up to its contract: pipeline lake apply",
    )


def _columns(spark: "SparkSession", contract: Contract) -> dict[str, str] | None:
    """Names and Spark types of the table's columns; None when there is no table."""
    from py4j.protocol import Py4JJavaError
    from pyspark.sql.types import StructType

    try:
        schema = _table(spark, contract).schema()
    except Py4JJavaError as error:
        if "NoSuch" in error.java_exception.getClass().getSimpleName():
            return None
        raise
    struct = StructType.fromJson(json.loads(_iceberg(spark).spark.SparkSchemaUtil.convert(schema).json()))
    return {field.name: field.dataType.simpleString() for field in struct}


def stage(spark: "SparkSession", rows: "DataFrame", contract: Contract, *, partition: Partition, wap_id: str) -> Staged:
    """Write the day as a snapshot that no reader sees; reuse it when this WAP id was staged before.

    Raises CheckFailed for a row of another day, which it would replace: nothing is staged then.
    """
    snapshot_id = _staged_snapshot(spark, contract, wap_id)
    if snapshot_id is None:
        with _write_audit_publish(spark, wap_id):
            _write(_of_this_day(rows, partition), contract, partition)
        snapshot_id = _staged_snapshot(spark, contract, wap_id)
    if snapshot_id is None:  # no rows: overwritePartitions staged nothing, and the old day would stay
        snapshot_id = _stage_empty(spark, contract, partition, wap_id)
    return _describe(spark, contract, partition, wap_id, snapshot_id)


_ANOTHER_DAY = "row with partition_date"


def _of_this_day(rows: "DataFrame", partition: Partition) -> "DataFrame":
    """Fails while it is written, without a scan of its own; of a constant that is right nothing is left in the plan."""
    from pyspark.sql import functions as F

    day, column = F.lit(partition.date), F.col(PARTITION_COLUMN)
    said = F.concat(F.lit(f"{_ANOTHER_DAY} "), F.coalesce(column.cast("string"), F.lit("None")), F.lit("."))
    return rows.withColumn(PARTITION_COLUMN, F.when(column.eqNullSafe(day), day).otherwise(F.raise_error(said)))


def _write(rows: "DataFrame", contract: Contract, partition: Partition) -> None:
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        rows.writeTo(table_name(contract)).overwritePartitions()
    except (Py4JJavaError, PySparkException) as error:
        found = re.search(rf"{_ANOTHER_DAY} ([^.]*)\.", str(error))
        if found is None:
            raise
        raise _another_day(contract, partition, f"a {_ANOTHER_DAY} {found[1]}") from None


def _another_day(contract: Contract, partition: Partition, found: str) -> CheckFailed:
    return CheckFailed(
        dataset=contract.id,
        partition=partition,
        expected="rows of this partition only",
        found=found,
        fix="Nothing was staged. Mend the job: it publishes the day that it was started for, and no other.",
    )


def _stage_empty(spark: "SparkSession", contract: Contract, partition: Partition, wap_id: str) -> int:
    from pyspark.sql import functions as F

    nothing = spark.createDataFrame([], spark_ddl(contract))
    with _write_audit_publish(spark, wap_id):
        nothing.writeTo(table_name(contract)).overwrite(F.col(PARTITION_COLUMN) == F.lit(partition.date))
    snapshot_id = _staged_snapshot(spark, contract, wap_id)
    assert snapshot_id is not None, f"{contract.id} {partition}: an empty overwrite staged no snapshot"
    return snapshot_id


@contextmanager
def _write_audit_publish(spark: "SparkSession", wap_id: str) -> Iterator[None]:
    spark.conf.set("spark.wap.id", wap_id)
    try:
        yield
    finally:
        spark.conf.unset("spark.wap.id")


def _iceberg(spark: "SparkSession") -> Any:
    assert spark._jvm is not None
    return spark._jvm.org.apache.iceberg


def _table(spark: "SparkSession", contract: Contract) -> Any:
    """Iceberg's Table, as it is now."""
    return _iceberg(spark).spark.Spark3Util.loadIcebergTable(spark._jsparkSession, table_name(contract))


def _each(iterable: Any) -> Iterator[Any]:
    iterator = iterable.iterator()
    while iterator.hasNext():
        yield iterator.next()


def _staged_snapshot(spark: "SparkSession", contract: Contract, wap_id: str) -> int | None:
    snapshots = _each(_table(spark, contract).snapshots())
    return next((each.snapshotId() for each in snapshots if each.summary().get("wap.id") == wap_id), None)


def _files(spark: "SparkSession", table: Any, partition: Partition, snapshot_id: int) -> list[Any]:
    """The data files of one day at a snapshot, from the manifests."""
    day = _iceberg(spark).expressions.Expressions.equal(PARTITION_COLUMN, str(partition))
    scan = table.newScan().useSnapshot(snapshot_id).filter(day).includeColumnStats()
    tasks = scan.planFiles()
    try:
        return [task.file() for task in _each(tasks)]
    finally:
        tasks.close()


def _staged_files(
    spark: "SparkSession", table: Any, contract: Contract, partition: Partition, snapshot_id: int
) -> list[Any]:
    """What a staged snapshot added, from its manifests: files of this day and of no other."""
    snapshot = table.snapshot(snapshot_id)
    changes = _iceberg(spark).SnapshotChanges.builderFor(table).snapshot(snapshot).build()
    files = list(_each(changes.addedDataFiles()))
    days = {table.specs().get(file.specId()).partitionToPath(file.partition()) for file in files}
    if others := sorted(days - {f"{PARTITION_COLUMN}={partition}"}):
        raise _another_day(contract, partition, f"files of {', '.join(others)}")
    return files


def _describe(spark: "SparkSession", contract: Contract, partition: Partition, wap_id: str, snapshot_id: int) -> Staged:
    table = _table(spark, contract)
    files = _staged_files(spark, table, contract, partition, snapshot_id)
    return Staged(
        contract=contract,
        partition=partition,
        wap_id=wap_id,
        snapshot_id=snapshot_id,
        rows=sum(file.recordCount() for file in files),
        files=len(files),
        size_bytes=sum(file.fileSizeInBytes() for file in files),
        metrics={
            column.name: _metrics(spark, table.schema().findField(column.name), files) for column in contract.columns
        },
    )


def _metrics(spark: "SparkSession", field: Any, files: Iterable[Any]) -> ColumnMetrics:
    number = field.fieldId()
    nulls, bounds = 0, []
    for file in files:
        nulls += (file.nullValueCounts() or {}).get(number) or 0
        bound = (file.lowerBounds() or {}).get(number)
        if bound is not None and field.type().typeId().toString() in ("LONG", "DECIMAL"):
            bounds.append(_iceberg(spark).types.Conversions.fromByteBuffer(field.type(), bound))
    return ColumnMetrics(nulls, min(bounds, default=None))


def at_snapshot(spark: "SparkSession", contract: Contract, *, partition: Partition, snapshot_id: int) -> "DataFrame":
    """The rows of one day as of a snapshot, staged or published."""
    from pyspark.sql import functions as F

    table = spark.read.option("versionAsOf", snapshot_id).table(table_name(contract))
    return table.where(F.col(PARTITION_COLUMN) == F.lit(partition.date))


def first_rows(spark: "SparkSession", staged: Staged, columns: Sequence[str], *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` rows of a staged day; what has no like in Python, such as an instant, is Java's object."""
    table = _table(spark, staged.contract)
    day = _iceberg(spark).expressions.Expressions.equal(PARTITION_COLUMN, str(staged.partition))
    scan = _iceberg(spark).data.IcebergGenerics.read(table).useSnapshot(staged.snapshot_id).where(day)
    records = scan.project(table.schema().select([PARTITION_COLUMN, *columns])).build()
    try:
        return [{name: record.getField(name) for name in columns} for record in islice(_each(records), limit)]
    finally:
        records.close()


def published_snapshot(
    spark: "SparkSession", contract: Contract, *, partition: Partition, publisher: str, allow_empty: bool
) -> int:
    """The table's current snapshot, to read a whole job's inputs at one point in time.

    Raises BadInput when the day was never published: an absent day and an empty one look alike in the rows,
    so a day without rows counts as published only by the WAP id of a snapshot, or with allow_empty.
    """
    table = _table(spark, contract)
    current = table.currentSnapshot()
    if current is not None and (
        allow_empty
        or _files(spark, table, partition, current.snapshotId())
        or _published_since(spark, table, partition, after=None)
    ):
        return current.snapshotId()
    raise BadInput(
        dataset=contract.id,
        partition=partition,
        expected="a published day",
        found="none",
        fix=f"Publish it first: job {publisher} of this partition",
    )


def _published_since(spark: "SparkSession", table: Any, partition: Partition, *, after: int | None) -> bool:
    """Whether this day became readable after that snapshot, or ever.

    By ancestry: a snapshot keeps the time at which it was staged, which may be long before it was published.
    """
    for snapshot in _each(_iceberg(spark).util.SnapshotUtil.currentAncestors(table)):
        if snapshot.snapshotId() == after:
            return False
        summary = snapshot.summary()
        published = summary.get("published-wap-id") or summary.get("wap.id") or ""
        if published.startswith(f"{partition}."):
            return True
    return False


def recent_row_counts(spark: "SparkSession", contract: Contract, *, before: Partition, days: int) -> list[int]:
    """Rows of the last published days before this one, newest first, from metadata."""
    from pyspark.sql import functions as F

    date = F.col("partition")[PARTITION_COLUMN]
    partitions = spark.table(f"{table_name(contract)}.partitions").where(date < F.lit(before.date))
    return [row.record_count for row in partitions.orderBy(date.desc()).limit(days).select("record_count").collect()]


def publish(spark: "SparkSession", staged: Staged) -> int:
    """Make the staged snapshot the table's day; returns the snapshot that readers now see it in.

    Publishing it twice is publishing it once. Raises Conflict when another run published the same day after
    this one was staged.
    """
    from py4j.protocol import Py4JJavaError

    while True:
        table = _table(spark, staged.contract)
        try:
            table.manageSnapshots().cherrypick(staged.snapshot_id).commit()
            return table.currentSnapshot().snapshotId()
        except Py4JJavaError as error:
            cause = str(error.java_exception)
            if "DuplicateWAPCommitException" in cause or "already an ancestor" in cause:
                return staged.snapshot_id
            if "changed partition" in cause:
                raise _conflict(staged) from None
            if "not append, dynamic overwrite, or fast-forward" not in cause:
                raise
            staged = _restage_empty(spark, staged)


def _restage_empty(spark: "SparkSession", staged: Staged) -> Staged:
    """An empty day publishes only as a fast-forward: after another day's commit it is staged anew. Metadata only."""
    table = _table(spark, staged.contract)
    parent = table.snapshot(staged.snapshot_id).parentId()
    if _published_since(spark, table, staged.partition, after=parent):
        raise _conflict(staged)
    wap_id = f"{staged.wap_id.partition('+')[0]}+{uuid4().hex[:8]}"
    snapshot_id = _stage_empty(spark, staged.contract, staged.partition, wap_id)
    return _describe(spark, staged.contract, staged.partition, wap_id, snapshot_id)


def _conflict(staged: Staged) -> Conflict:
    return Conflict(
        dataset=staged.contract.id,
        partition=staged.partition,
        expected="to be the only run of this partition",
        found="another run that published it after this one had staged its rows; that one stands",
        fix=f"Nothing is lost. If this run's input was the newer: pipeline run --partition {staged.partition}",
    )
