"""Customers and exchange rates from Snowflake: intermediate.customers, intermediate.fx_rates, a statement each."""

from functools import partial
from pathlib import Path

from emr_jobs.contracts import Contract
from emr_jobs.job_run import JobRun
from emr_jobs.publish.both import audit_then_commit, stage
from emr_jobs.publish.lake import Staged
from emr_jobs.settings import SnowflakeConnection
from emr_jobs.sources import snowflake
from emr_jobs.sources.statement import Statement
from pyspark.sql import DataFrame

SQL = Path(__file__).parent / "sql"


def statements(run: JobRun) -> list[Statement]:
    contracts = map(run.contract, run.job.outputs)
    return [Statement.in_file(SQL / f"{each.name}.sql", each, run.partition) for each in contracts]


def extract_customers(run: JobRun) -> None:
    tag = {"run": run.run_id, "job": run.job.name, "partition": str(run.partition)}
    staged = []
    for statement in statements(run):
        sources = [run.contract(source) for source in statement.contract.upstream]
        connection = run.settings.connection(sources[0].connection, SnowflakeConnection, source=sources[0].id)
        with snowflake.connection(
            connection, tag=tag, dataset=statement.contract.id, partition=run.partition
        ) as opened:
            snowflake.require_columns(opened, sources, partition=run.partition)
            staged.append(
                snowflake.extract(
                    run.spark,
                    statement,
                    snowflake.shape_of(statement.contract),
                    execute=partial(_execute, run, opened, statement),
                    consume=partial(_stage, run, statement.contract),
                    rows_of=lambda day: day.rows,
                )
            )
    audit_then_commit(run, staged)


def _execute(run: JobRun, opened, statement: Statement) -> tuple[list[snowflake.ResultBatch], int]:  # type: ignore[no-untyped-def]
    with run.report.phase(f"query {statement.contract.id}"):
        batches, rows = snowflake.run_statement(opened, statement)
    run.report.log("queried", dataset=statement.contract.id, rows=rows, batches=len(batches))
    return batches, rows


def _stage(run: JobRun, contract: Contract, rows: DataFrame) -> Staged:
    return stage(run, {contract.id: rows})[0]
