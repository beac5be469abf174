"""Jobs without Spark in the place of those that a deployment shipped: real executions in seconds.

Does not own: what such a job does (stub_job).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emr_jobs.catalog import MAINTAIN, RUN_JOB
from emr_jobs.core.s3_uri import bucket_and_key
from local_stack.simulation import stub_job

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PROGRAM = Path(stub_job.__file__)


def program(behaviour: str = stub_job.BEHAVIOUR, behaviours: Mapping[str, str] | None = None) -> bytes:
    """The one program, packed to behave like this; `behaviours` by "<partition> <job> <attempt>" or "<job>"."""
    text = _PROGRAM.read_text()
    for line, value in (
        ('BEHAVIOUR = "good"', f"BEHAVIOUR = {json.dumps(behaviour)}"),
        ("BEHAVIOURS: dict[str, str] = {}", f"BEHAVIOURS: dict[str, str] = {json.dumps(dict(behaviours or {}))}"),
    ):
        assert text.count(f"\n{line}\n") == 1, line
        text = text.replace(f"\n{line}\n", f"\n{value}\n")
    return text.encode()


def ship(s3: "S3Client", code: str, content: bytes, *, scripts: Sequence[str] = (RUN_JOB, MAINTAIN.script)) -> None:
    """Under the deployment's parameter Code, in the place of these."""
    for script in (Path(each).name for each in scripts):
        bucket, key = bucket_and_key(f"{code}/{script}")
        s3.put_object(Bucket=bucket, Key=key, Body=content)
