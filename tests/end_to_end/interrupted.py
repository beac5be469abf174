"""The master job, killed by kill -9 at a point.

spark-submit interrupted.py <the job's arguments>      INTERRUPT=<point>
"""

import os
import signal

from emr_jobs.catalog import job_named
from emr_jobs.job import main
from emr_jobs.master import master
from emr_jobs.publish import both, lake

POINTS = {
    "before staging": (lake, "stage"),
    "after staging": (both, "audit_staged"),
    "between the publishes": (both, "swap"),
}


def killed(*arguments: object, **options: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    module, name = POINTS[os.environ["INTERRUPT"]]
    setattr(module, name, killed)
    main(job_named("master"), master)
