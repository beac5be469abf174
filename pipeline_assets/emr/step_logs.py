"""The end of what a failed step logged, read from where EMR copies logs to."""

import gzip
import re
import time
from collections.abc import Iterator

from emr_jobs.catalog import Job
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.settings import Emr

TAIL_CHARS = 4000
APPLICATION = re.compile(r"application_\d+_\d+")  # YARN's id, as spark-submit prints it
_RETRY_S = 1.0
# YARN's words in what spark-submit prints, before a list of processes that is longer than the tail.
_KILLED = re.compile(r"beyond the 'PHYSICAL' memory limit\. Current usage: (\S+ \S+) of (\S+ \S+) physical")


def tail(settings: Emr, cluster_id: str, step_id: str, job: Job) -> str:
    """Of the step and, where spark-submit names its application, of the driver; each under its address.

    Begins with what to change where YARN killed the job's driver for its memory.
    """
    return "\n".join(_tails(settings, f"{settings.log_uri}/{cluster_id}", step_id, job))


def driver_was_killed(log: str, job: Job) -> str | None:
    """What to change, where the step's log says that YARN killed the driver for its memory."""
    if (killed := _KILLED.search(log)) is None:
        return None
    return (
        f"YARN killed the driver of {job.name}: expected at most {killed[2]} of memory, found {killed[1]}. "
        f"Raise driver_memory_mb ({job.driver_memory_mb}, the JVM's heap) or driver_overhead_mb "
        f"({job.driver_overhead_mb}, Python and the rest) of {job.name} in {job.declared_in}"
    )


def _tails(settings: Emr, base: str, step_id: str, job: Job) -> Iterator[str]:
    uri = f"{base}/steps/{step_id}/stderr.gz"
    log = _read(uri, wait_s=settings.log_wait_s)
    if (killed := driver_was_killed(log, job)) is not None:
        yield killed
    yield f"{uri}:\n{log[-TAIL_CHARS:]}"
    if named := APPLICATION.findall(log):
        # The first container of the first attempt: in cluster mode, the driver's.
        driver = f"{named[-1].replace('application', 'container')}_01_000001"
        for name in ("stdout.gz", "stderr.gz"):
            uri = f"{base}/containers/{named[-1]}/{driver}/{name}"
            yield f"{uri}:\n{_read(uri, wait_s=settings.log_wait_s)[-TAIL_CHARS:]}"


def _read(uri: str, *, wait_s: float) -> str:
    """EMR copies logs to S3 when it likes, so they are waited for, and not for long."""
    import boto3
    from botocore.exceptions import ClientError

    bucket, key = bucket_and_key(uri)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            content = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            return gzip.decompress(content).decode(errors="replace")
        except ClientError as error:
            if time.monotonic() > deadline:
                return f"(not there after {wait_s} s: {error.response['Error']['Code']})"
        time.sleep(_RETRY_S)
