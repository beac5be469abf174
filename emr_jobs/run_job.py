"""The entry point of every job of the domain, in every launcher.

    spark-submit emr_jobs/run_job.py JOB <the arguments of every job>

Does not own: those arguments and what happens around a job's body (job).
"""

import argparse
import sys
from collections.abc import Callable
from pkgutil import resolve_name

from emr_jobs.catalog import Job
from emr_jobs.domain import JOBS, job_named
from emr_jobs.job import JobRun, main


def body_of(job: Job) -> Callable[[JobRun], None]:
    assert job.body is not None, f"{job.name} has a script of its own"
    return resolve_name(job.body)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(prog="emr_jobs/run_job.py", allow_abbrev=False)
    arguments.add_argument("job", choices=[job.name for job in JOBS], metavar="JOB")
    asked = job_named(arguments.parse_args(sys.argv[1:2]).job)
    main(asked, body_of(asked), sys.argv[1:])
