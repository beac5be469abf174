"""The frame around every job: arguments, settings, session, Pipes, exit code.

    spark-submit emr_jobs/run_job.py JOB --partition P|--scheduled-time T --settings URI --run-id ID --attempt N
                 [--messages URI] [--allow-empty [yes|no]] [Pipes arguments]

Invariant: exit code 0 only when every declared output was published and every declared check reported;
1 when the day was not published; 2 when nothing was tried because the call itself was wrong.
"""

import argparse
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pkgutil import resolve_name
from typing import TYPE_CHECKING, NoReturn

from emr_jobs.catalog import Job
from emr_jobs.contracts import Medium
from emr_jobs.core import settings
from emr_jobs.core.code import code_version
from emr_jobs.core.errors import Misconfigured, PipelineError
from emr_jobs.core.partition import Calendar, Partition
from emr_jobs.domain import Domain, domain_of
from emr_jobs.frame import recording, session
from emr_jobs.frame.job_run import JobRun
from emr_jobs.frame.report import Report
from emr_jobs.publish import lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")  # part of file names, index names and SQL


class Incomplete(Exception):
    """The job ended without an error and did not report everything that it declares."""


Body = Callable[[JobRun], None]


def main(given: argparse.Namespace, body: Body | None = None, *, spark: "SparkSession | None" = None) -> NoReturn:
    """Run the job as a process, to its exit code. `given` is what `parser` understood; see `run`."""
    try:
        run(given, body, spark=spark)
        sys.exit(0)
    except Misconfigured as error:
        _say(error)
        sys.exit(2)
    except PipelineError as error:
        _say(error)
        sys.exit(1)


def _say(error: Exception) -> None:
    print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201


def run(given: argparse.Namespace, body: Body | None = None, *, spark: "SparkSession | None" = None) -> None:
    """Run the job in this process, in a session of its own or the caller's. Raises what made it fail, once reported.

    Without a body, the one that the domain declares.
    """
    with recording.reason_kept(given.job, run_id=given.run_id, messages=given.messages):
        values, found, job = _declared(given)
        partition = partition_of(given, found.calendar)
        with _reported(given, job, partition, found) as report:
            _run_reported(job, body or resolve_name(str(job.body)), given, partition, values, found, report, spark)


def _declared(given: argparse.Namespace) -> tuple[settings.Settings, Domain, Job]:
    """The settings, their domain and its job of that name. Raises Misconfigured, which whoever listens hears, too."""
    try:
        values = settings.of_this_process(given.settings)
        found = domain_of(values)
        return values, found, found.job(given.job)
    except Misconfigured:
        unknown = Job(given.job, outputs=(), timeout_s=0, max_retries=0)
        with _reported(given, unknown, given.partition or given.scheduled_time, None):
            raise


def _reported(
    given: argparse.Namespace, job: Job, partition: Partition | str, found: Domain | None
) -> AbstractContextManager[Report]:
    return reported(
        job,
        partition,
        found,
        run_id=given.run_id,
        attempt=given.attempt,
        messages=given.messages,
        under_dagster=given.dagster_pipes_context is not None,
    )


@contextmanager
def reported(
    job: Job,
    partition: Partition | str,
    found: Domain | None,
    *,
    run_id: str,
    attempt: int,
    messages: str | None,
    under_dagster: bool = False,
) -> Iterator[Report]:
    """A report to whoever listens, which also says with what the body fails. Without a domain, of no checks."""
    with recording.open_session(
        job,
        partition=str(partition),
        run_id=run_id,
        attempt=attempt,
        messages=messages,
        under_dagster=under_dagster,
    ) as pipes:
        report = Report(
            pipes,
            job,
            checks=found.checks_of(job) if found else [],
            partition=partition,
            code_version=code_version(found.package if found else None),
            attempt=attempt,
        )
        try:
            yield report
        except Exception as error:
            report.failed(error)
            raise


def _run_reported(
    job: Job,
    body: Body,
    given: argparse.Namespace,
    partition: Partition,
    values: settings.Settings,
    found: Domain,
    report: Report,
    callers: "SparkSession | None",
) -> None:
    partition.check(now=datetime.now(UTC))
    with report.phase("session"):
        spark = callers or session.start(values, name=f"{job.name} {partition} {given.run_id}")
    report.runs_as(spark.sparkContext.applicationId)
    try:
        with report.phase("tables"):
            for contract in (found.contracts[dataset] for dataset in job.outputs):
                if contract.medium is Medium.TABLE:
                    lake.require_table(spark, contract, partition=partition)
            replaced = lake.version(spark, found.contracts[job.lead], partition) if job.outputs else None
        body(
            JobRun(
                job,
                found,
                partition,
                values,
                given.run_id,
                given.attempt,
                allow_empty=given.allow_empty == "yes",
                spark=spark,
                report=report,
                wap_id=lake.wap_id(partition, run_id=given.run_id, attempt=given.attempt),
                replaced=replaced,
            )
        )
        if missing := report.missing():
            raise Incomplete(f"{job.name} {partition}: declared but not reported: {', '.join(missing)}")
    finally:
        if callers is None:
            spark.stop()


def parser(script: str) -> argparse.ArgumentParser:
    """The one command line of every job, in every launcher. Unknown arguments are refused."""
    arguments = argparse.ArgumentParser(prog=script, allow_abbrev=False)
    arguments.add_argument("job", metavar="JOB", help="a job of the domain that the settings name")
    when = arguments.add_mutually_exclusive_group(required=True)
    when.add_argument("--partition", help="the day, YYYY-MM-DD")
    when.add_argument("--scheduled-time", help="the instant of the daily run; its partition is the day before")
    arguments.add_argument("--settings", required=True, help="path or s3:// of the settings")
    arguments.add_argument("--run-id", required=True, type=_run_id)
    arguments.add_argument("--attempt", required=True, type=_attempt, help="0, 1, ... when the job is retried")
    arguments.add_argument("--messages", help="folder or s3:// to record what is reported, when not under Dagster")
    arguments.add_argument(
        "--allow-empty",
        choices=("yes", "no"),  # a state machine always gives one
        nargs="?",
        const="yes",
        default="no",
        help="a day without rows is right this once",
    )
    arguments.add_argument("--dagster-pipes-context", help=argparse.SUPPRESS)
    arguments.add_argument("--dagster-pipes-messages", help=argparse.SUPPRESS)
    return arguments


def partition_of(given: argparse.Namespace, calendar: Calendar) -> Partition:
    """What --partition or --scheduled-time names."""
    if given.partition:
        return calendar.partition(given.partition)
    return calendar.of_scheduled_time(given.scheduled_time)


def _run_id(text: str) -> str:
    if not _RUN_ID.fullmatch(text):
        raise argparse.ArgumentTypeError("letters, digits, - and _, at most 80")
    return text


def _attempt(text: str) -> int:
    """Also part of names, which a sign would break."""
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise argparse.ArgumentTypeError("a whole number from 0")
    return int(text)


# PySpark logs every captured error once more as JSON of several kilobytes; the error itself is enough.
logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
