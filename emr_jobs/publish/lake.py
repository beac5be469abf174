"""One partition of an Iceberg table: staged by WAP id, read back, published.

A staged snapshot is in the table's metadata, but no reader sees it until its files are published. Invariant: readers
see the old day or the new one; a rerun replaces the day, and it only; a day is replaced only in the state of the table
that was looked at. Metadata is read through Iceberg's own Java API: a Spark query for the same takes 0.3 s, and a job
asks a dozen times. Does not own: judging what was staged (audit), who may publish (fence), creating tables (pipeline
lake apply).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from emr_jobs.contracts import PARTITION_COLUMN, Contract
from emr_jobs.contracts.table import spark_ddl
from emr_jobs.core.errors import CheckFailed, Damaged, Remedy, SchemaDrift, Unavailable
from emr_jobs.core.jvm import java_class
from emr_jobs.core.partition import Partition
from emr_jobs.frame.session import table_name
from emr_jobs.publish import versions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


COMMIT_TRIES = 20


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
    restores: str | None = None  # the version whose rows these are once more; None: the day gets a version of its own

    @property
    def version(self) -> str:
        """Of the day, once this is published."""
        return self.restores or self.wap_id


def wap_id(partition: Partition, *, run_id: str, attempt: int) -> str:
    """Starts with the partition, ends in a word of its own: the same command line again is another version."""
    return f"{partition}.{run_id}.{attempt}.{uuid4().hex[:8]}"


def require_table(spark: "SparkSession", contract: Contract, *, partition: Partition) -> None:
    """Raises SchemaDrift naming every column that differs from the contract, Damaged for a table that does not open."""
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
        expected="the table as in its contract",
        found=difference,
        fix="",
        remedy=Remedy.WIDEN,
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
    struct = StructType.fromJson(json.loads(_iceberg(spark, "spark.SparkSchemaUtil").convert(schema).json()))
    return {field.name: field.dataType.simpleString() for field in struct}


def stage(spark: "SparkSession", rows: "DataFrame", contract: Contract, *, partition: Partition, wap_id: str) -> Staged:
    """Write the day as a snapshot that no reader sees, also one without rows.

    Raises CheckFailed for a row of another day: nothing is staged then.
    """
    spark.conf.set("spark.wap.id", wap_id)
    try:
        _write(_of_this_day(rows, partition), contract, partition)
    finally:
        spark.conf.unset("spark.wap.id")
    return _describe(spark, contract, partition, wap_id)


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
    from pyspark.sql import functions as F

    try:
        # overwritePartitions() would stage nothing where there are no rows.
        day = F.col(PARTITION_COLUMN) == F.lit(partition.date)
        rows.writeTo(table_name(rows.sparkSession, contract)).overwrite(day)
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


def _iceberg(spark: "SparkSession", name: str) -> Any:
    return java_class(spark._jvm, f"org.apache.iceberg.{name}")


def _table(spark: "SparkSession", contract: Contract) -> Any:
    """Iceberg's Table, as it is now. Raises Damaged."""
    from py4j.protocol import Py4JJavaError

    try:
        return _iceberg(spark, "spark.Spark3Util").loadIcebergTable(spark._jsparkSession, table_name(spark, contract))
    except Py4JJavaError as error:
        if error.java_exception.getClass().getSimpleName() != "NotFoundException":
            raise
        raise Damaged.of(contract.id, str(error.java_exception.getMessage())) from None


def _each(iterable: Any) -> Iterator[Any]:
    iterator = iterable.iterator()
    while iterator.hasNext():
        yield iterator.next()


def version(spark: "SparkSession", contract: Contract, partition: Partition) -> str | None:
    """Of the day that readers see now."""
    return _version(spark, _table(spark, contract).operations().current(), partition)


def _version(spark: "SparkSession", current: Any, partition: Partition) -> str | None:
    found = versions.of_day(_as_json(spark, current), partition)
    return None if found is None else found.wap_id


def metadata(spark: "SparkSession", contract: Contract) -> versions.Metadata:
    """Of the table as it is now."""
    return _as_json(spark, _table(spark, contract).operations().current())


def _as_json(spark: "SparkSession", current: Any) -> versions.Metadata:
    return json.loads(_iceberg(spark, "TableMetadataParser").toJson(current))  # type: ignore[no-any-return]


def _files(spark: "SparkSession", table: Any, partition: Partition, snapshot_id: int) -> list[Any]:
    """The data files of one day at a snapshot, from the manifests."""
    day = _iceberg(spark, "expressions.Expressions").equal(PARTITION_COLUMN, str(partition))
    scan = table.newScan().useSnapshot(snapshot_id).filter(day).includeColumnStats()
    tasks = scan.planFiles()
    try:
        return [task.file() for task in _each(tasks)]
    finally:
        tasks.close()


def _describe(spark: "SparkSession", contract: Contract, partition: Partition, wap_id: str) -> Staged:
    table = _table(spark, contract)
    (snapshot,) = (each for each in _each(table.snapshots()) if each.summary().get("wap.id") == wap_id)
    files = _staged_files(spark, table, contract, partition, snapshot.snapshotId())
    return Staged(
        contract=contract,
        partition=partition,
        wap_id=wap_id,
        snapshot_id=snapshot.snapshotId(),
        rows=sum(file.recordCount() for file in files),
        files=len(files),
        size_bytes=sum(file.fileSizeInBytes() for file in files),
        metrics={
            column.name: _metrics(spark, table.schema().findField(column.name), files) for column in contract.columns
        },
    )


def _staged_files(
    spark: "SparkSession", table: Any, contract: Contract, partition: Partition, snapshot_id: int
) -> list[Any]:
    """What a staged snapshot added, from its manifests: files of this day and of no other."""
    changes = _iceberg(spark, "SnapshotChanges").builderFor(table).snapshot(table.snapshot(snapshot_id)).build()
    files = list(_each(changes.addedDataFiles()))
    days = {table.specs().get(file.specId()).partitionToPath(file.partition()) for file in files}
    if others := sorted(days - {f"{PARTITION_COLUMN}={partition}"}):
        raise _another_day(contract, partition, f"files of {', '.join(others)}")
    return files


def _metrics(spark: "SparkSession", field: Any, files: Iterable[Any]) -> ColumnMetrics:
    number = field.fieldId()
    nulls, bounds = 0, []
    for file in files:
        nulls += (file.nullValueCounts() or {}).get(number) or 0
        bound = (file.lowerBounds() or {}).get(number)
        if bound is not None and field.type().typeId().toString() in ("LONG", "DECIMAL"):
            bounds.append(_iceberg(spark, "types.Conversions").fromByteBuffer(field.type(), bound))
    return ColumnMetrics(nulls, min(bounds, default=None))


def at_snapshot(spark: "SparkSession", contract: Contract, *, partition: Partition, snapshot_id: int) -> "DataFrame":
    """The rows of one day as of a snapshot, staged or published."""
    from pyspark.sql import functions as F

    table = spark.read.option("versionAsOf", snapshot_id).table(table_name(spark, contract))
    return table.where(F.col(PARTITION_COLUMN) == F.lit(partition.date))


def first_rows(spark: "SparkSession", staged: Staged, columns: Sequence[str], *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` rows of a staged day; what has no like in Python, such as an instant, is Java's object."""
    table = _table(spark, staged.contract)
    day = _iceberg(spark, "expressions.Expressions").equal(PARTITION_COLUMN, str(staged.partition))
    scan = _iceberg(spark, "data.IcebergGenerics").read(table).useSnapshot(staged.snapshot_id).where(day)
    records = scan.project(table.schema().select([PARTITION_COLUMN, *columns])).build()
    try:
        return [{name: record.getField(name) for name in columns} for record in islice(_each(records), limit)]
    finally:
        records.close()


@dataclass(frozen=True)
class Published:
    snapshot_id: int
    version: str | None  # None: published before versions were written, or empty by --allow-empty


def published(
    spark: "SparkSession", contract: Contract, *, partition: Partition, allow_empty: bool
) -> Published | None:
    """The table's current snapshot, to read a job's input at one point in time, and the day's version in it.

    None when the day was never published: an absent day and an empty one look alike in the rows, so a day without rows
    counts as published only by its version, or with allow_empty.
    """
    table = _table(spark, contract)
    current = table.currentSnapshot()
    found = _version(spark, table.operations().current(), partition)
    if current is not None and (allow_empty or found or _files(spark, table, partition, current.snapshotId())):
        return Published(current.snapshotId(), found)
    return None


def recent_row_counts(spark: "SparkSession", contract: Contract, *, before: Partition, days: int) -> list[int]:
    """Rows of the last published days before this one, newest first, from metadata."""
    from pyspark.sql import functions as F

    date = F.col("partition")[PARTITION_COLUMN]
    partitions = spark.table(f"{table_name(spark, contract)}.partitions").where(date < F.lit(before.date))
    return [row.record_count for row in partitions.orderBy(date.desc()).limit(days).select("record_count").collect()]


def publish(
    spark: "SparkSession", staged: Staged, *, inputs: versions.Inputs, permitted: Callable[[str | None], None]
) -> int:
    """Make the staged files the table's day, and them only; returns the snapshot that readers see it in.

    `permitted` gets the version that would be replaced and raises when it must not be. It is asked after the table's
    state was read, and the catalog takes the commit only on that very state: nothing can come between. Publishing it
    twice is publishing it once.
    """
    for _ in range(COMMIT_TRIES):
        operations = _table(spark, staged.contract).operations()
        transaction = _iceberg(spark, "Transactions").newTransaction(table_name(spark, staged.contract), operations)
        base = transaction.startMetadata()
        replaced = _version(spark, base, staged.partition)
        if replaced == staged.version:
            return base.currentSnapshot().snapshotId()
        permitted(replaced)
        _replace_day(spark, staged, transaction, inputs)
        if _committed(operations, base, transaction.currentMetadata()):
            return transaction.currentMetadata().currentSnapshot().snapshotId()
    raise Unavailable(
        dataset=staged.contract.id,
        partition=staged.partition,
        expected="the catalog to take a commit",
        found=f"other commits before it, {COMMIT_TRIES} times",
        fix="Fewer jobs at once.",
        remedy=Remedy.RERUN,
    )


def _replace_day(spark: "SparkSession", staged: Staged, transaction: Any, inputs: versions.Inputs) -> None:
    table = _table(spark, staged.contract)
    day = _iceberg(spark, "expressions.Expressions").equal(PARTITION_COLUMN, str(staged.partition))
    overwrite = transaction.newOverwrite().overwriteByRowFilter(day)
    for file in _staged_files(spark, table, staged.contract, staged.partition, staged.snapshot_id):
        overwrite.addFile(file).validateAddedFilesMatchOverwriteFilter()  # which cannot be asked for without a file
    overwrite.set(versions.PUBLISHED, staged.version)
    if staged.restores:
        overwrite.set(versions.RESTORED_BY, staged.wap_id)
    overwrite.set(versions.COMPUTED_FROM, versions.written(inputs))
    # As a cherry-pick writes it: whoever expires the staged snapshot keeps the files that it shares with this one.
    overwrite.set("source-snapshot-id", str(staged.snapshot_id))
    overwrite.commit()  # into the transaction


def _committed(operations: Any, base: Any, changed: Any) -> bool:
    """The catalog's compare-and-swap. A transaction's own commit would apply itself again to whatever it then finds."""
    from py4j.protocol import Py4JJavaError

    try:
        operations.commit(base, changed)
    except Py4JJavaError as error:
        if error.java_exception.getClass().getSimpleName() != "CommitFailedException":
            raise
        return False
    return True


def keep_versions(spark: "SparkSession", contract: Contract, *, before: datetime, but_of: Iterable[date] = ()) -> None:
    """To be called before the snapshots of before that time expire. The versions of days that were deleted go."""
    table = _table(spark, contract)
    current = _as_json(spark, table.operations().current())
    kept = versions.to_keep(current, before_ms=int(before.timestamp() * 1000))
    deleted = {name for day in but_of for name in versions.properties_of(day)}
    written, gone = kept.keys() - deleted, deleted & current["properties"].keys()
    if not written and not gone:
        return
    update = table.updateProperties()
    for name in written:
        update.set(name, kept[name])
    for name in gone:
        update.remove(name)
    update.commit()
