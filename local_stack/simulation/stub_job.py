"""A job without Spark, shipped in the place of the entry point of the jobs; it reports through the jobs' own code.

BEHAVIOUR, or what BEHAVIOURS has for "<partition> <job> <attempt>" or "<job>", is put in when it is packed (stubs).
"good" touches no data, "needs a secret" asks for those of its sources. "hands on rows" does as the real jobs do, with
numbers of rows instead of rows: a job of delivered files counts their lines, one of other sources asks for their
secrets, one of datasets hands on the number of its first input when all of them are there; each number lies at the
dataset's `trace`. The program's file must not need this package: the cluster has only the jobs' own code.
"""

import gzip
import json
import os
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emr_jobs.catalog import MAINTAIN, RUN_JOB, Job
from emr_jobs.contracts.read import Files
from emr_jobs.core import settings
from emr_jobs.core.errors import BadInput
from emr_jobs.core.partition import Partition
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.secret_ref import resolve
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain, domain_of
from emr_jobs.frame import recording
from emr_jobs.frame.report import Report, asset_key
from emr_jobs.job import parser, partition_of
from emr_jobs.sources.files import nothing_delivered, pattern_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BEHAVIOUR = "good"
BEHAVIOURS: dict[str, str] = {}
HANDS_ON = "hands on rows"
ROWS = 7  # of what has no number to hand on
# In what spark-submit prints.
YARN_KILLED = (
    "beyond the 'PHYSICAL' memory limit. Current usage: 3.1 GB of 3 GB physical memory used; Killing container."
)


def trace(values: Settings, dataset: str, partition: object) -> str:
    """Address of what a stub has published of a dataset's day: {"rows": N}."""
    return f"{values.lake.warehouse}/stubs/{dataset}/{partition}.json"


def told(values: Settings, partition: object) -> str:
    """Address of what is to be there before it stops talking."""
    return f"{values.lake.warehouse}/stubs/told/{partition}"


def main() -> None:
    arguments = parser(RUN_JOB).parse_args()
    found = domain_of(settings.load(arguments.settings))
    job = found.job(arguments.job)
    partition = partition_of(arguments, found.calendar)
    behaviour = BEHAVIOURS.get(f"{partition} {job.name} {arguments.attempt}", BEHAVIOURS.get(job.name, BEHAVIOUR))
    published = job
    if behaviour == "is an older version":  # one dataset and its checks less, and one that is not there any more
        job = replace(job, outputs=job.outputs[:-1])
        published = replace(job, outputs=(*job.outputs, "intermediate.of_before"))
    if behaviour == "says nothing":
        return
    with (
        recording.reason_kept(job.name, run_id=arguments.run_id, messages=arguments.messages),
        recording.open_session(
            published,
            partition=str(partition),
            run_id=arguments.run_id,
            attempt=arguments.attempt,
            messages=arguments.messages,
            under_dagster=arguments.dagster_pipes_context is not None,
        ) as pipes,
    ):
        report = Report(
            pipes,
            job,
            checks=found.checks_of(job),
            partition=partition,
            code_version="1",
            attempt=arguments.attempt,
        )
        try:
            _behave(behaviour, found, job, partition, arguments, pipes, report)
        except Exception as error:
            report.failed(error)
            raise


def _behave(
    behaviour: str,
    found: Domain,
    job: Job,
    partition: Partition,
    arguments: Namespace,
    pipes: Any,
    report: Report,
) -> None:
    report.log("working", partition=partition)
    rows = ROWS
    if behaviour == HANDS_ON:
        values = settings.load(arguments.settings)
        rows = _rows(found, job, partition, values, allow_empty=arguments.allow_empty == "yes")
    if behaviour == "needs a secret":
        _ask_for_secrets(found, job, settings.load(arguments.settings))
    if behaviour == "hangs":
        report.log("hanging")
        time.sleep(600)
    if behaviour == "fails" or (behaviour == "is delivered nothing" and arguments.allow_empty == "no"):
        print("this is in the log of the step", file=sys.stderr)  # noqa: T201
        raise ValueError("no rows today")
    if behaviour in ("is killed", "is killed for its memory"):
        words = YARN_KILLED if behaviour == "is killed for its memory" else "about to die"
        print(words, file=sys.stderr, flush=True)  # noqa: T201
        os.kill(os.getpid(), signal.SIGKILL)
    for dataset, check in found.checks_of(job):
        pipes.report_asset_check(asset_key=asset_key(dataset), check_name=check.name, passed=True)
    if behaviour == "is an older version":
        pipes.report_asset_materialization(asset_key="intermediate/of_before", metadata={})
        pipes.report_asset_check(asset_key=asset_key(job.outputs[0]), check_name="was_there_once", passed=True)
    outputs = job.outputs[:-1] if behaviour == "two of three" else job.outputs
    if behaviour != "publishes nothing":
        for dataset in outputs:
            if behaviour == HANDS_ON:
                _write(trace(values, dataset, partition), {"rows": rows})
            report.materialized(dataset, version="1", rows=rows)
    if behaviour == "talks until told":
        _talk(told(settings.load(arguments.settings), partition), report)
    if behaviour == "is killed at the end":
        time.sleep(recording.UPLOAD_INTERVAL_S * 2)  # what it said so far is uploaded
        os.kill(os.getpid(), signal.SIGKILL)


def _maintain() -> None:
    arguments = ArgumentParser()
    for option in ("--settings", "--run-id", "--messages"):
        arguments.add_argument(option)
    given = arguments.parse_args()
    values = settings.load(given.settings)
    if given.messages is None:
        return
    with recording.open_session(
        MAINTAIN, partition="all days", run_id=given.run_id, attempt=0, messages=given.messages, under_dagster=False
    ) as pipes:
        report = Report(pipes, MAINTAIN, checks=[], partition="all days", code_version="1", attempt=0)
        report.log("maintaining", warehouse=values.lake.warehouse)
        if BEHAVIOUR == "fails":
            report.failed(ValueError("no lake today"))
            sys.exit(1)
        for done in ({"dataset": domain_of(values).jobs[-1].lead, "orphan_files": ROWS}, {"dead_letters": 0}):
            pipes.report_custom_message({"done": done})


def _rows(found: Domain, job: Job, partition: Partition, values: Settings, *, allow_empty: bool) -> int:
    """That the job hands on. Raises BadInput when nothing was delivered, or when an input is missing."""
    _ask_for_secrets(found, job, values)
    for source in found.sources_of(job):
        if isinstance(source.read, Files):
            return _delivered(source.id, pattern_of(values, source, partition), partition, allow_empty=allow_empty)
    rows = [
        _read(trace(values, each, partition), each, partition)["rows"]
        for each in job.inputs
        if not found.is_source(each)
    ]
    return int(rows[0]) if rows else ROWS


def _ask_for_secrets(found: Domain, job: Job, values: Settings) -> None:
    sections = [f"connections.{source.connection}" for source in found.sources_of(job)]
    for reference in values.secrets_of(*sections).values():
        resolve(reference)


def _talk(until: str, report: Report) -> None:
    bucket, key = bucket_and_key(until)
    s3, number = _s3(), 0
    while not s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"]:
        report.log(f"line {number}")
        number += 1
        time.sleep(0.3)
    report.log(f"told after {number} lines")


def _delivered(source: str, uri: str, partition: Partition, *, allow_empty: bool) -> int:
    """Lines in the day's files."""
    bucket, pattern = bucket_and_key(uri)
    s3 = _s3()
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=pattern.partition("*")[0]).get("Contents", [])
    keys = [each["Key"] for each in listed if fnmatch(each["Key"], pattern)]
    if not keys and not allow_empty:
        raise nothing_delivered(f"s3://{bucket}/{pattern}", dataset=source, partition=partition)
    files = (s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)
    return sum(gzip.decompress(content).count(b"\n") for content in files)


def _read(uri: str, dataset: str, partition: Partition) -> Any:
    bucket, key = bucket_and_key(uri)
    s3 = _s3()
    try:
        return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        raise BadInput(
            dataset=dataset,
            partition=partition,
            expected=f"rows at {uri}",
            found="none",
            fix="Run the job that publishes it.",
        ) from None


def _write(uri: str, content: Any) -> None:
    bucket, key = bucket_and_key(uri)
    _s3().put_object(Bucket=bucket, Key=key, Body=json.dumps(content).encode())


def _s3() -> "S3Client":
    import boto3

    return boto3.client("s3")


if __name__ == "__main__":
    _maintain() if Path(__file__).stem == MAINTAIN.name else main()
