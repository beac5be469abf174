"""A job without Spark that behaves as its test wants: shipped in the place of the job whose name its file has.

BEHAVIOUR, or what BEHAVIOURS has for "<partition> <job> <attempt>", is put in when it is packed. It reports through
the jobs' own code.
"""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from emr_jobs import recording
from emr_jobs.catalog import job_named
from emr_jobs.job import parser
from emr_jobs.partition import Partition
from emr_jobs.report import Report, asset_key, checks_of

BEHAVIOUR = "good"
BEHAVIOURS: dict[str, str] = {}

job = job_named(Path(__file__).stem)
given = parser(job).parse_args()
partition = given.partition or str(Partition.from_scheduled_time(given.scheduled_time))
behaviour = BEHAVIOURS.get(f"{partition} {job.name} {given.attempt}", BEHAVIOUR)
published = job
if behaviour == "is an older version":  # one dataset and its checks less, and one that is not there any more
    job = replace(job, outputs=job.outputs[:-1])
    published = replace(job, outputs=(*job.outputs, "intermediate.returns"))
if behaviour == "says nothing":
    sys.exit(0)
with recording.open_session(
    published,
    partition=partition,
    run_id=given.run_id,
    attempt=given.attempt,
    messages=given.messages,
    under_dagster=given.dagster_pipes_context is not None,
) as pipes:
    report = Report(pipes, job, partition=partition, code_version="1", attempt=given.attempt)
    report.log("working", partition=partition)
    if behaviour == "hangs":
        report.log("hanging")
        time.sleep(600)
    if behaviour == "fails" or (behaviour == "has no orders" and given.allow_empty == "no"):
        report.failed(ValueError("no orders today"))
        print("this is in the log of the step", file=sys.stderr)
        sys.exit(1)
    if behaviour == "is killed":
        print("about to die", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    for dataset, check in checks_of(job):
        pipes.report_asset_check(asset_key=asset_key(dataset), check_name=check.name, passed=True)
    if behaviour == "is an older version":
        pipes.report_asset_materialization(asset_key="intermediate/returns", metadata={})
        pipes.report_asset_check(asset_key=asset_key(job.outputs[0]), check_name="was_there_once", passed=True)
    outputs = job.outputs[:-1] if behaviour == "two of three" else job.outputs
    if behaviour != "publishes nothing":
        for dataset in outputs:
            report.materialized(dataset, version="1", rows=7)
    if behaviour == "talks for long":
        for number in range(20):
            report.log(f"line {number}")
            time.sleep(0.5)
    if behaviour == "is killed at the end":
        time.sleep(recording.UPLOAD_INTERVAL_S * 2)  # what it said so far is uploaded
        os.kill(os.getpid(), signal.SIGKILL)
