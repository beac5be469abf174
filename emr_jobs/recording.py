"""The Pipes session of a job that Dagster did not start: the same messages, recorded instead of streamed.

Context from plain arguments; messages under <--messages>/<run id>/<job>/<attempt>/, a folder or s3://, or
nowhere without --messages. Under Dagster the two Pipes arguments decide, and the message writer follows from
what they say. Does not own: what is reported (report).
"""

import os
import shutil
from pathlib import Path
from typing import Any

from dagster_pipes import (
    PipesCliArgsParamsLoader,
    PipesContext,
    PipesDefaultContextLoader,
    PipesDefaultMessageWriter,
    PipesMessageWriter,
    PipesParams,
    PipesParamsLoader,
    PipesS3MessageWriter,
)

from emr_jobs.catalog import Job
from emr_jobs.report import asset_key
from emr_jobs.s3_uri import bucket_and_key

UPLOAD_INTERVAL_S = 2


class PlainArguments(PipesParamsLoader):
    """Builds from the job's own arguments what Dagster would have put into the Pipes ones."""

    def __init__(self, job: Job, *, partition: str, run_id: str, attempt: int, messages: str | None) -> None:
        self._job = job
        self._partition = partition
        self._run_id = run_id
        self._attempt = attempt
        self._messages = messages

    def is_dagster_pipes_process(self) -> bool:
        return True

    def load_context_params(self) -> PipesParams:
        keys = [asset_key(dataset) for dataset in self._job.outputs]
        context: dict[str, Any] = {
            "asset_keys": keys,
            "code_version_by_asset_key": dict.fromkeys(keys),
            "provenance_by_asset_key": dict.fromkeys(keys),
            "partition_key": self._partition,
            "partition_key_range": {"start": self._partition, "end": self._partition},
            "partition_time_window": None,
            "run_id": self._run_id,
            "job_name": self._job.name,
            "retry_number": self._attempt,
            "extras": {},
        }
        return {"data": context}

    def load_messages_params(self) -> PipesParams:
        if self._messages is None:
            return {"path": os.devnull}
        prefix = f"{self._run_id}/{self._job.name}/{self._attempt}"
        if self._messages.startswith("s3://"):
            bucket, key = bucket_and_key(f"{self._messages.rstrip('/')}/{prefix}")
            return {"bucket": bucket, "key_prefix": key}
        folder = Path(self._messages.removeprefix("file://")) / prefix
        shutil.rmtree(folder, ignore_errors=True)  # the same attempt once more: its stream starts anew
        folder.mkdir(parents=True)
        return {"path": str(folder / "messages.jsonl")}


def open_session(
    job: Job, *, partition: str, run_id: str, attempt: int, messages: str | None, under_dagster: bool
) -> PipesContext:
    loader: PipesParamsLoader = (
        PipesCliArgsParamsLoader()
        if under_dagster
        else PlainArguments(job, partition=partition, run_id=run_id, attempt=attempt, messages=messages)
    )
    # Not open_dagster_pipes: it keeps one session a process and hands out the closed one to the next job.
    return PipesContext(loader, PipesDefaultContextLoader(), _writer(loader.load_messages_params()))


def _writer(params: PipesParams) -> PipesMessageWriter[Any]:
    if "bucket" not in params:
        return PipesDefaultMessageWriter()
    import boto3

    return PipesS3MessageWriter(boto3.client("s3"), interval=UPLOAD_INTERVAL_S)
