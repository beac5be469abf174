"""Upkeep of the lake: delete expired days, expire snapshots, remove orphan files, compact small ones. A step, no asset.

    spark-submit emr_jobs/maintain.py --settings URI [--run-id ID --messages URI]

Never touches what is younger than its limit: a day that is being staged right now, and what a rollback may need. A
table that its contract keeps for some days only has nothing to roll back to: its snapshots, which hold those days, stay
for a day, so that the files of a deleted day are gone with the upkeep of the next. Old dead letters go, too. What was
done is reported table by table, as jobs report, and printed as JSON.
"""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from emr_jobs.catalog import MAINTAIN
from emr_jobs.contracts import PARTITION_COLUMN, Contract
from emr_jobs.contracts.table import CATALOG
from emr_jobs.core import settings
from emr_jobs.core.partition import Calendar
from emr_jobs.core.settings import Lake, Runs, Settings
from emr_jobs.domain import domain_of
from emr_jobs.frame import session
from emr_jobs.frame.report import Report
from emr_jobs.frame.session import table_name
from emr_jobs.job import reported
from emr_jobs.publish.bulk import DEAD_LETTER_DAYS, DEAD_LETTERS
from emr_jobs.publish.earlier import kept_for
from emr_jobs.publish.lake import keep_versions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ORPHANS_MINIMUM = timedelta(days=1)  # Iceberg refuses less: a running write would lose its files


def maintain(
    spark: "SparkSession", contract: Contract, lake: Lake, calendar: Calendar, *, now: datetime
) -> dict[str, object]:
    """What was done, by figure."""
    table = table_name(spark, contract)
    days = _delete_expired_days(spark, contract, lake, calendar, now=now)
    expire_before = now - kept_for(contract, lake)
    keep_versions(spark, contract, before=expire_before, but_of=days)
    # Snapshots that nobody published are no ancestors of the table's state: they go with the others of their age.
    expired = _call(spark, "expire_snapshots", table, older_than=_instant(expire_before))
    keep = max(timedelta(days=lake.staged_keep_days), ORPHANS_MINIMUM)
    orphans = _call(spark, "remove_orphan_files", table, older_than=_instant(now - keep))
    compacted = _call(spark, "rewrite_data_files", table)
    return {
        "dataset": contract.id,
        "deleted_days": len(days),
        "deleted_data_files": sum(row["deleted_data_files_count"] for row in expired),
        "deleted_manifests": sum(row["deleted_manifest_files_count"] for row in expired),
        "orphan_files": len(orphans),
        "compacted_files": sum(row["rewritten_data_files_count"] for row in compacted),
    }


def _delete_expired_days(
    spark: "SparkSession", contract: Contract, lake: Lake, calendar: Calendar, *, now: datetime
) -> list[date]:
    """Which. A day that was published anew lately is left: somebody may be about to look at it."""
    if contract.keep_days is None:
        return []
    table, today = table_name(spark, contract), calendar.local(now).date()
    lately = now - timedelta(days=lake.snapshot_keep_days)
    old = f"coalesce(last_updated_at < {_instant(lately)}, true)"  # null: by a snapshot that has expired
    found = spark.table(f"{table}.partitions").where(old).select(f"partition.{PARTITION_COLUMN}").collect()
    days = [row[0] for row in found if contract.is_expired(row[0], today=today)]
    if days:
        # Iceberg's parser drops bound values; these are dates of the table's own metadata.
        listed = ", ".join(f"DATE '{day}'" for day in days)
        spark.sql(f"DELETE FROM {table} WHERE {PARTITION_COLUMN} IN ({listed})")  # noqa: S608
    return days


def _call(spark: "SparkSession", procedure: str, table: str, **arguments: str) -> list[dict[str, int]]:
    """CALL takes no bound values; what stands here comes from contracts and clock, not from input."""
    given = ", ".join([f"table => '{table}'", *(f"{name} => {value}" for name, value in arguments.items())])
    return [row.asDict() for row in spark.sql(f"CALL {CATALOG}.system.{procedure}({given})").collect()]


def _instant(at: datetime) -> str:
    return f"TIMESTAMP '{at.strftime('%Y-%m-%d %H:%M:%S')}'"  # the session is in UTC


def expire_dead_letters(runs: Runs, *, now: datetime) -> int:
    """Delete those that are too old, with folders that are empty then; returns how many. On S3 a rule does it."""
    uri = runs.uri.removeprefix("file://")
    if "://" in uri:
        return 0
    folder = Path(uri) / DEAD_LETTERS
    limit = (now - timedelta(days=DEAD_LETTER_DAYS)).timestamp()
    old = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime < limit]
    for path in old:
        path.unlink()
        for parent in path.relative_to(folder).parents[:-1]:
            if not any((folder / parent).iterdir()):
                (folder / parent).rmdir()
    return len([path for path in old if path.suffix == ".gz"])  # beside each is Hadoop's checksum


def main() -> None:
    arguments = argparse.ArgumentParser(prog="emr_jobs/maintain.py", allow_abbrev=False)
    arguments.add_argument("--settings", required=True, help="path or s3:// of the settings")
    arguments.add_argument("--run-id", default=MAINTAIN.name)
    arguments.add_argument("--messages", help="folder or s3:// to record what is reported")
    given = arguments.parse_args()
    with reported(MAINTAIN, "all days", None, run_id=given.run_id, attempt=0, messages=given.messages) as report:
        for done in _done(settings.of_this_process(given.settings), report, now=datetime.now(UTC)):
            report.done(done)
            print(json.dumps(done), flush=True)  # noqa: T201  # the result, in the step's log


def _done(values: Settings, report: Report, *, now: datetime) -> Iterator[dict[str, object]]:
    """A table after the other, then the dead letters."""
    spark = session.start(values, name=MAINTAIN.name)
    report.runs_as(spark.sparkContext.applicationId)
    found = domain_of(values)
    for contract in found.tables:
        report.log("maintaining", dataset=contract.id)
        yield maintain(spark, contract, values.lake, found.calendar, now=now)
    spark.stop()
    yield {"dead_letters": expire_dead_letters(values.runs, now=now)}


if __name__ == "__main__":
    main()
