"""The Pipes session of a job that Dagster did not start: the same messages, recorded instead of streamed.

Context from plain arguments; messages under <--messages>/<run id>/<job>/<attempt>/, a folder or s3://, or
nowhere without --messages. Beside the attempts lies `reason.txt`: why the last one failed, in one line, for the state
machine, which reads an object and no stream. Under Dagster the two Pipes arguments decide, and the message writer
follows from what they say. Does not own: what is reported (report).
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dagster_pipes import (
    PipesCliArgsParamsLoader,
    PipesContext,
    PipesDefaultContextLoader,
    PipesDefaultMessageWriter,
    PipesMessageWriter,
    PipesParams,
    PipesParamsLoader,
    PipesS3MessageWriter,
    PipesS3MessageWriterChannel,
)

from emr_jobs.catalog import Job
from emr_jobs.core.errors import in_one_line
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.frame.report import asset_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOAD_INTERVAL_S = 2
# Pipes waits 60 s for what is still to be uploaded when the job ends. That is at most two rounds, the one that goes on
# and the last, each of them this long and one request longer.
RETRY_S = 15
RETRY_WAIT_S = 4  # at most
REQUEST_S = 5


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


def reason_path(run_id: str, job: str) -> str:
    """Under <--messages>."""
    return f"{run_id}/{job}/reason.txt"


@contextmanager
def reason_kept(job: str, *, run_id: str, messages: str | None) -> Iterator[None]:
    """What the body fails with is kept as the reason; an earlier attempt's is gone before it begins.

    So a job that is killed leaves none, rather than another's.
    """
    if messages is None:
        yield
        return
    uri = f"{messages.rstrip('/')}/{reason_path(run_id, job)}"
    _keep(uri, None)
    try:
        yield
    except Exception as error:
        _keep(uri, in_one_line(error))
        raise


def _keep(uri: str, reason: str | None) -> None:
    """Without it a job ends as it would: who reads the reason says where the log is."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if uri.startswith("s3://"):
            bucket, key = bucket_and_key(uri)
            s3 = _s3(attempts=3)
            if reason is None:
                s3.delete_object(Bucket=bucket, Key=key)
            else:
                s3.put_object(Bucket=bucket, Key=key, Body=reason.encode())
        else:
            file = Path(uri.removeprefix("file://"))
            file.unlink(missing_ok=True)
            if reason is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(reason)
    except (BotoCoreError, ClientError, OSError) as error:
        print(f"{uri} is not written: {error}", file=sys.stderr, flush=True)  # noqa: T201


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
    return _Writer(_s3(attempts=1), interval=UPLOAD_INTERVAL_S)


def _s3(*, attempts: int) -> "S3Client":
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=REQUEST_S, read_timeout=REQUEST_S, retries={"total_max_attempts": attempts})
    return boto3.client("s3", config=config)


class _Writer(PipesS3MessageWriter):
    def make_channel(self, params: PipesParams) -> "_Channel":
        return _Channel(self._client, params["bucket"], params["key_prefix"], interval=self.interval)


class _Channel(PipesS3MessageWriterChannel):
    """Uploads every chunk once and in order, however often it takes: a reader stops at the first gap.

    Of Pipes' own channel an error of S3 ends the thread, and everything from there on is lost without a word.
    """

    def __init__(self, client: "S3Client", bucket: str, key_prefix: str, *, interval: float) -> None:
        super().__init__(client, bucket, key_prefix, interval=interval)
        self._waiting: list[tuple[int, str]] = []

    def upload_messages_chunk(self, payload: IO[str], index: int) -> None:
        from botocore.exceptions import BotoCoreError, ClientError
        from tenacity import Retrying, retry_if_exception_type, stop_before_delay, wait_exponential_jitter

        errors = (BotoCoreError, ClientError)
        self._waiting.append((index, payload.read()))
        again = Retrying(
            retry=retry_if_exception_type(errors),
            stop=stop_before_delay(RETRY_S),
            wait=wait_exponential_jitter(multiplier=0.5, max=RETRY_WAIT_S),
            reraise=True,
        )
        try:
            again(self._upload_waiting)
        except errors as error:
            where = f"s3://{self._bucket}/{self._key_prefix}/{self._waiting[0][0]}.json"
            print(f"messages from {where} on are not recorded yet: {error}", file=sys.stderr, flush=True)  # noqa: T201

    def _upload_waiting(self) -> None:
        while self._waiting:
            index, chunk = self._waiting[0]
            super().upload_messages_chunk(StringIO(chunk), index)
            del self._waiting[0]
