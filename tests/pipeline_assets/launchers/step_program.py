"""A job without Spark that behaves as its step's tests want: shipped in the place of extract_shipments.

BEHAVIOUR is put in when it is packed. It reports through the jobs' own code.
"""

import os
import signal
import sys
import time

from emr_jobs import recording
from emr_jobs.catalog import job_named
from emr_jobs.job import parser
from emr_jobs.report import Report, asset_key, checks_of

BEHAVIOUR = "good"

job = job_named("extract_orders")
given = parser(job).parse_args()
if BEHAVIOUR == "says nothing":
    sys.exit(0)
with recording.open_session(
    job,
    partition=given.partition,
    run_id=given.run_id,
    attempt=given.attempt,
    messages=None,
    under_dagster=given.dagster_pipes_context is not None,
) as pipes:
    report = Report(pipes, job, partition=given.partition, code_version="1", attempt=given.attempt)
    if BEHAVIOUR == "hangs":
        report.log("hanging")
        time.sleep(600)
    if BEHAVIOUR == "fails":
        report.failed(ValueError("no orders today"))
        print("this is in the log of the step", file=sys.stderr)
        sys.exit(1)
    if BEHAVIOUR == "is killed":
        print("about to die", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    for dataset, check in checks_of(job):
        pipes.report_asset_check(asset_key=asset_key(dataset), check_name=check.name, passed=True)
    outputs = job.outputs[:-1] if BEHAVIOUR == "two of three" else job.outputs
    if BEHAVIOUR != "publishes nothing":
        for dataset in outputs:
            report.materialized(dataset, version="1", rows=7)
