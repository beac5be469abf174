"""Pipes messages from S3, under the prefix that every launcher uses: pipes/<run id>/<job>/<attempt>/<n>.json."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster_pipes import PipesParams
from emr_jobs.s3_uri import bucket_and_key


def prefix(run_id: str, job: str, attempt: int) -> str:
    return f"pipes/{run_id}/{job}/{attempt}"


def messages_on_s3(runs_uri: str, messages: str, *, interval_s: float) -> dg.PipesMessageReader:
    """Dagster's reader at a prefix of ours. Single use: a fresh one for every step."""
    import boto3
    from dagster_aws.pipes import PipesS3MessageReader

    bucket, key = bucket_and_key(f"{runs_uri}/{messages}")
    params: PipesParams = {"bucket": bucket, "key_prefix": key}

    class Reader(PipesS3MessageReader):
        @contextmanager
        def get_params(self) -> Iterator[PipesParams]:
            yield params

    return Reader(bucket=bucket, client=boto3.client("s3"), interval=interval_s)
