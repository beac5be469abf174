"""A source's day, read once: asked for, counted against what the source announced, kept on disk for what follows.

What is read of a record is the caller's (`read`, run in the workers). Does not own: one kind's mechanics (sources),
what is published (publish). Invariant: rows that are fewer or more than announced are an error, never a day.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from emr_jobs.contracts import Contract
from emr_jobs.contracts.read import Files, Rest
from emr_jobs.contracts.reading import Plan
from emr_jobs.core.errors import BadInput, Remedy
from emr_jobs.core.settings import RestConnection, SnowflakeConnection
from emr_jobs.frame.job_run import JobRun
from emr_jobs.reading.table_reader import typed_rows
from emr_jobs.sources import files, rest, snowflake
from emr_jobs.sources.statement import Statement, statement_of

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame
    from snowflake.connector import SnowflakeConnection as Session

Read = Callable[[list[Any]], "pa.RecordBatch"]


@dataclass(frozen=True)
class Records:
    rows: "DataFrame"
    total: int | None = None  # that the source announced; None: it announces none


@contextmanager
def from_api(run: JobRun, source: Contract, *, schema: "pa.Schema", read: Read) -> Iterator[Records]:
    """Those of a day, as `schema`."""
    from pyspark import StorageLevel

    assert isinstance(source.read, Rest), source.id
    connection = run.settings.connection(source.connection, RestConnection, source=source.id)
    client = rest.Client(connection, source.read, source=source.id, partition=run.partition)
    with run.report.phase("count"):
        total = client.total(rest.Slice(run.partition.start, run.partition.end))
    fetched = rest.fetch(
        run.spark, connection, source.read, source=source.id, partition=run.partition, schema=schema, read=read
    ).persist(StorageLevel.DISK_ONLY)  # asked for once: counted, then published
    with run.report.phase("fetch"):
        rows = rest.require_whole(fetched, source=source.id, partition=run.partition)
    run.report.log("fetched", dataset=source.id, rows=rows, total=total)
    if total is not None and rows != total:
        raise BadInput(
            dataset=source.id,
            partition=run.partition,
            expected=f"total {total} of the whole day",
            found=f"{rows} rows in its slices",
            fix="If it happens again, tell the API's owner: its total is wrong.",
            remedy=Remedy.RERUN,
        )
    yield Records(fetched.drop("error"), total)
    fetched.unpersist()


@contextmanager
def from_files(run: JobRun, source: Contract, *, schema: "pa.Schema", read: Read) -> Iterator[Records]:
    """Those of a day's files, as `schema`."""
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    declared = source.read
    assert isinstance(declared, Files), source.id
    listed = listed_files(run, source)
    columns = [column.name for column in source.columns]
    fetched = files.fetch(
        run.spark,
        listed,
        declared,
        source=source.id,
        partition=run.partition,
        schema=schema,
        read=read,
        columns=columns,
    ).persist(StorageLevel.DISK_ONLY)  # parsed once: counted, then published
    with run.report.phase("read"):
        groups = fetched.groupBy("file", "records", "error").count().collect()
    reports = [row for row in groups if row["file"] is not None]
    count = sum(row["count"] for row in groups if row["file"] is None)
    by_file = files.require_whole(reports, listed, count, dataset=source.id, partition=run.partition)
    for name, records in sorted(by_file.items()):
        run.report.log("read file", dataset=source.id, file=name, records=records)
    yield Records(fetched.where(F.col("file").isNull()).select(*schema.names))
    fetched.unpersist()


def listed_files(run: JobRun, source: Contract) -> list[files.File]:
    """Raises what is wrong with the day's folder."""
    pattern = files.pattern_of(run.settings, source, run.partition)
    return files.listed(pattern, dataset=source.id, partition=run.partition, allow_empty=run.allow_empty)


@contextmanager
def from_table(run: JobRun, source: Contract, dataset: Contract, plan: Plan) -> Iterator[Records]:
    """Rows of a table's day, or of the source's statement, as the plan reads them."""
    from pyspark import StorageLevel

    statement = statement_of(source, dataset, run.partition, folder=run.domain.folder)

    def kept(rows: "DataFrame") -> tuple["DataFrame", int]:
        rows = rows.persist(StorageLevel.DISK_ONLY)
        with run.report.phase("fetch"):
            return rows, rows.count()

    with session(run, [source], dataset=source.id) as opened:
        rows, _ = snowflake.extract(
            run.spark,
            statement,
            typed_rows(plan),
            execute=partial(queried, run, opened, statement, dataset=source.id),
            consume=kept,
            rows_of=lambda each: each[1],
        )
    yield Records(rows)
    rows.unpersist()


@contextmanager
def session(run: JobRun, sources: Sequence[Contract], *, dataset: str) -> Iterator["Session"]:
    """Of Snowflake, through the connection of these sources, whose tables are as their contracts say."""
    connection = run.settings.connection(sources[0].connection, SnowflakeConnection, source=sources[0].id)
    tag = {"run": run.run_id, "job": run.job.name, "partition": str(run.partition)}
    with snowflake.connection(connection, tag=tag, dataset=dataset, partition=run.partition) as opened:
        snowflake.require_columns(opened, sources, partition=run.partition)
        yield opened


def queried(
    run: JobRun, opened: "Session", statement: Statement, *, dataset: str
) -> tuple[list[snowflake.ResultBatch], int]:
    """The batches of the statement's result and the rows in them, told as those of `dataset`."""
    with run.report.phase(f"query {dataset}"):
        batches, rows = snowflake.run_statement(opened, statement)
    run.report.log("queried", dataset=dataset, rows=rows, batches=len(batches))
    return batches, rows
