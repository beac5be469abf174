"""Customers and exchange rates from Snowflake: intermediate.customers, intermediate.fx_rates, a statement each."""

from functools import partial
from pathlib import Path

from emr_jobs.contracts import Contract
from emr_jobs.extraction import queried, session
from emr_jobs.frame.job_run import JobRun
from emr_jobs.publish.day import audit_then_commit, stage
from emr_jobs.publish.lake import Staged
from emr_jobs.sources import snowflake
from emr_jobs.sources.statement import Statement
from pyspark.sql import DataFrame

SQL = Path(__file__).parent / "sql"


def statements(run: JobRun) -> list[Statement]:
    contracts = map(run.contract, run.job.outputs)
    return [Statement.in_file(SQL / f"{each.name}.sql", each, run.partition) for each in contracts]


def extract_customers(run: JobRun) -> None:
    staged = []
    for statement in statements(run):
        sources = [run.contract(source) for source in statement.contract.upstream]
        dataset = statement.contract.id
        with session(run, sources, dataset=dataset) as opened:
            staged.append(
                snowflake.extract(
                    run.spark,
                    statement,
                    snowflake.shape_of(statement.contract),
                    execute=partial(queried, run, opened, statement, dataset=dataset),
                    consume=partial(_stage, run, statement.contract),
                    rows_of=lambda day: day.rows,
                )
            )
    audit_then_commit(run, staged)


def _stage(run: JobRun, contract: Contract, rows: DataFrame) -> Staged:
    return stage(run, {contract.id: rows})[0]
