"""Pipes messages from S3, under the prefix that every launcher uses: pipes/<run id>/<job>/<attempt>/<n>.json."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster_pipes import PipesParams
from emr_jobs.core.s3_uri import bucket_and_key


def prefix(run_id: str, job: str, attempt: int) -> str:
    return f"{attempts_prefix(run_id, job)}/{attempt}"


def attempts_prefix(run_id: str, job: str) -> str:
    """What holds a folder for each attempt of the job."""
    return f"pipes/{run_id}/{job}"


def messages_on_s3(runs_uri: str, messages: str, *, interval_s: float) -> dg.PipesMessageReader:
    """Dagster's reader at a prefix of ours. Single use: a fresh one for every stream.

    Dagster's own takes one object a poll and, once its session is closed, ten more at most. A job writes one every
    two seconds: of a long job the last ones, the closing message among them, were never read.
    """
    import boto3
    from botocore.exceptions import BotoCoreError
    from dagster_aws.pipes import PipesS3MessageReader

    bucket, key = bucket_and_key(f"{runs_uri}/{messages}")
    location: PipesParams = {"bucket": bucket, "key_prefix": key}

    class Reader(PipesS3MessageReader):
        @contextmanager
        def get_params(self) -> Iterator[PipesParams]:
            yield location

        # A connection that broke is no end of the stream: asked again at the next poll.
        def messages_are_readable(self, params: PipesParams) -> bool:
            try:
                return bool(super().messages_are_readable(params))
            except BotoCoreError:
                return False

        def download_messages_chunk(self, index: int, params: PipesParams) -> str | None:
            try:
                return super().download_messages_chunk(index, params)
            except BotoCoreError:
                return None

        def download_messages(  # type: ignore[override]  # Dagster's own narrows it in the same way
            self, cursor: int | None, params: PipesParams
        ) -> tuple[int, str] | None:
            """Every object that is there by now."""
            chunks = []
            while chunk := self.download_messages_chunk(self.counter, params):
                self.counter += 1
                chunks.append(chunk)
            return (self.counter, "\n".join(chunks)) if chunks else None

    return Reader(bucket=bucket, client=boto3.client("s3"), interval=interval_s)
