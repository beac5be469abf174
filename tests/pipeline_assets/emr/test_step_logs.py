"""What the log of a step says of its end."""

import pytest

from pipeline_assets.emr.step_logs import driver_was_killed
from pipeline_assets.home import ROOT
from tests.domains import LIBRARY

PRINTED = """\
26/11/27 09:40:12 ERROR Client: Application diagnostics message: Application application_1_0001 failed 1 times (global \
limit =2; local limit is =1) due to AM Container for appattempt_1_0001_000001 exited with  exitCode: -104
Failing this attempt.Diagnostics: [2026-11-27 09:40:11.930]Container [pid=1,containerID=container_1_0001_01_000001] is \
running 41496576B beyond the 'PHYSICAL' memory limit. Current usage: 3.1 GB of 3 GB physical memory used; 5.2 GB of \
6.3 GB virtual memory used. Killing container.
Dump of the process-tree for container_1_0001_01_000001 :
"""


@pytest.mark.parametrize(
    ("job", "file"), [("catalogue", "tests/library/jobs.py"), ("extract_loans", "emr_jobs/derived.py")]
)
def test_a_driver_that_yarn_killed_names_what_to_raise(job: str, file: str) -> None:
    assert (ROOT / file).is_file()
    assert driver_was_killed(PRINTED, LIBRARY.job(job)) == (
        f"YARN killed the driver of {job}: expected at most 3 GB of memory, found 3.1 GB. "
        "Raise driver_memory_mb (2048, the JVM's heap) or driver_overhead_mb (1024, Python and the rest) "
        f"of {job} in {file}"
    )


def test_a_step_that_failed_otherwise_says_nothing_of_memory() -> None:
    assert driver_was_killed("exited with  exitCode: 1", LIBRARY.job("catalogue")) is None
