"""The master job, stopped at a point: killed there by kill -9, or waiting there until a pipe is opened.

spark-submit interrupted.py <the job's arguments>      INTERRUPT=kill:<point> or INTERRUPT=wait:<point>:<fifo>
"""

import os
import signal
import sys
from pathlib import Path

from emr_jobs.catalog import job_named
from emr_jobs.job import main
from emr_jobs.master import master
from emr_jobs.publish import both, lake

POINTS = {
    "before staging": (lake, "stage"),
    "after staging": (both, "audit_staged"),
    "before the publishes": (both, "commit"),
    "between the publishes": (both, "swap"),
}
WAITING = "waiting at the point"


def interrupt(how: str, fifo: str) -> None:
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    print(WAITING, file=sys.stderr, flush=True)
    Path(fifo).read_text()


if __name__ == "__main__":
    how, point, fifo = [*os.environ["INTERRUPT"].split(":"), ""][:3]
    module, name = POINTS[point]
    original = getattr(module, name)

    def interrupted(*arguments, **options):
        interrupt(how, fifo)
        return original(*arguments, **options)

    setattr(module, name, interrupted)
    main(job_named("master"), master)
