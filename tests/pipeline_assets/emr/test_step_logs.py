"""What the log of a step says of its end."""

from pipeline_assets.emr.step_logs import driver_was_killed
from tests.shop import SHOP

PRINTED = """\
26/11/27 09:40:12 ERROR Client: Application diagnostics message: Application application_1_0001 failed 1 times (global \
limit =2; local limit is =1) due to AM Container for appattempt_1_0001_000001 exited with  exitCode: -104
Failing this attempt.Diagnostics: [2026-11-27 09:40:11.930]Container [pid=1,containerID=container_1_0001_01_000001] is \
running 41496576B beyond the 'PHYSICAL' memory limit. Current usage: 3.1 GB of 3 GB physical memory used; 5.2 GB of \
6.3 GB virtual memory used. Killing container.
Dump of the process-tree for container_1_0001_01_000001 :
"""


def test_a_driver_that_yarn_killed_names_what_to_raise() -> None:
    assert driver_was_killed(PRINTED, SHOP.job("extract_orders")) == (
        "YARN killed the driver of extract_orders: expected at most 3 GB of memory, found 3.1 GB. "
        "Raise driver_memory_mb (2048, the JVM's heap) or driver_overhead_mb (1024, Python and the rest) "
        "of extract_orders in shop/jobs.py"
    )


def test_a_step_that_failed_otherwise_says_nothing_of_memory() -> None:
    assert driver_was_killed("exited with  exitCode: 1", SHOP.job("extract_orders")) is None
