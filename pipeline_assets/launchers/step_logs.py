"""The end of what a failed step logged, read from where EMR copies logs to."""

import gzip
import re
import time
from collections.abc import Iterator

from emr_jobs.s3_uri import bucket_and_key
from emr_jobs.settings import Emr

TAIL_SIZE_BYTES = 4000
APPLICATION = re.compile(r"application_\d+_\d+")  # YARN's id, as spark-submit prints it
_RETRY_S = 1.0


def tail(settings: Emr, cluster_id: str, step_id: str) -> str:
    """Of the step and, where spark-submit names its application, of the driver; each under its address."""
    return "\n".join(_tails(settings, f"{settings.log_uri}/{cluster_id}", step_id))


def _tails(settings: Emr, base: str, step_id: str) -> Iterator[str]:
    uri = f"{base}/steps/{step_id}/stderr.gz"
    end = _end_of(uri, wait_s=settings.log_wait_s)
    yield f"{uri}:\n{end}"
    if named := APPLICATION.findall(end):
        # The first container of the first attempt: in cluster mode, the driver's.
        driver = f"{named[-1].replace('application', 'container')}_01_000001"
        for name in ("stdout.gz", "stderr.gz"):
            uri = f"{base}/containers/{named[-1]}/{driver}/{name}"
            yield f"{uri}:\n{_end_of(uri, wait_s=settings.log_wait_s)}"


def _end_of(uri: str, *, wait_s: float) -> str:
    """EMR copies logs to S3 when it likes, so they are waited for, and not for long."""
    import boto3
    from botocore.exceptions import ClientError

    bucket, key = bucket_and_key(uri)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            content = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            return gzip.decompress(content)[-TAIL_SIZE_BYTES:].decode(errors="replace")
        except ClientError as error:
            if time.monotonic() > deadline:
                return f"(not there after {wait_s} s: {error.response['Error']['Code']})"
        time.sleep(_RETRY_S)
