"""A job's record while S3 does not answer, and of a job that ends before it has begun. Without Spark and a stack."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from emr_jobs import job as frame
from emr_jobs.catalog import RUN_JOB
from emr_jobs.core.errors import Unavailable
from emr_jobs.frame import recording
from emr_jobs.frame.job_run import JobRun
from pipeline_assets.command import job_arguments
from tests.domains import LIBRARY, LOCAL
from tests.running import wait_for

JOB = LIBRARY.job("extract_reviews")
PARTITION = "2026-11-20"
REFUSED = ClientError({"Error": {"Code": "SlowDown", "Message": "Please reduce your request rate."}}, "PutObject")


class Store:
    """S3's put_object and delete_object; the first calls fail as they are told to."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}
        self.failures: Iterator[Exception] = iter(())
        self.calls = 0

    def put_object(self, *, Bucket: str, Key: str, Body: str) -> None:  # noqa: N803  # as boto3 calls them
        self.calls += 1
        for failure in self.failures:
            raise failure
        assert Key not in self.objects, "nothing is uploaded twice"
        self.objects[Key] = Body

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        self.objects.pop(Key, None)

    @property
    def reason(self) -> str | None:
        return self.objects.get(f"pipes/by-hand/{JOB.name}/reason.txt")

    @property
    def stream(self) -> list[dict[str, Any]]:
        """What a reader gets, who takes 1.json, 2.json, ... until there is none."""
        found = []
        while text := self.objects.get(f"pipes/by-hand/{JOB.name}/0/{len(found) + 1}.json"):
            found.append(text)
        assert len(found) == len(self.objects) - (self.reason is not None), "no gap"
        return [json.loads(line) for text in found for line in text.splitlines()]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """In the place of S3, with waits of milliseconds where Pipes and its retries have seconds."""
    store = Store()
    monkeypatch.setattr("boto3.client", lambda _, config: store)
    sleep = time.sleep
    monkeypatch.setattr("dagster_pipes.time", SimpleNamespace(sleep=lambda _: sleep(0.01)))
    monkeypatch.setattr(recording, "UPLOAD_INTERVAL_S", -1)  # every round
    monkeypatch.setattr(recording, "RETRY_WAIT_S", 0.01)
    return store


def run(body: Callable[[JobRun], None], *more: str, settings: Path = LOCAL) -> int:
    """Exit code of a job without outputs."""
    arguments = job_arguments(
        JOB, partition=("--partition", PARTITION), settings=str(settings), run_id="by-hand", attempt="0"
    )
    spark: Any = SimpleNamespace(sparkContext=SimpleNamespace(applicationId="application"))
    given = frame.parser(RUN_JOB).parse_args([*arguments, *more])
    without_outputs = replace(LIBRARY, jobs=(replace(JOB, outputs=()),))
    with mock.patch.object(frame, "domain_of", return_value=without_outputs), pytest.raises(SystemExit) as ended:
        frame.main(given, body, spark=spark)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def says(store: Store, lines: int) -> Callable[[JobRun], None]:
    """A body whose every line is an object of its own, but those that are said while S3 does not answer."""

    def body(run: JobRun) -> None:
        for number in range(lines):
            run.report.log(f"line {number}")
            wait_for(lambda calls=number: store.calls > calls)

    return body


def lines(messages: list[dict[str, Any]]) -> list[str]:
    said = [message["params"]["message"] for message in messages if message["method"] == "log"]
    return [line for line in said if line.startswith("line ")]


def test_record_is_whole_when_s3_fails_for_a_while(store: Store) -> None:
    store.failures = iter([REFUSED, ConnectTimeoutError(endpoint_url="https://s3"), REFUSED])
    assert run(says(store, 6), "--messages", "s3://runs/pipes") == 0
    assert store.calls > len(store.objects) > 1
    assert [store.stream[0]["method"], store.stream[-1]["method"]] == ["opened", "closed"]
    assert lines(store.stream) == [f"line {number}" for number in range(6)]


def test_chunks_that_were_given_up_go_before_the_next_one(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recording, "RETRY_S", 0)
    store.failures = iter([REFUSED] * 3)
    assert run(says(store, 6), "--messages", "s3://runs/pipes") == 0
    assert capsys.readouterr().err.count("are not recorded yet") == 3
    assert store.stream[-1]["method"] == "closed"
    assert lines(store.stream) == [f"line {number}" for number in range(6)]


@pytest.mark.parametrize("code", [0, 1])
def test_job_ends_as_it_would_when_s3_fails_for_good(
    code: int, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recording, "RETRY_S", 0.02)
    store.failures = repeat(REFUSED)

    def body(run: JobRun) -> None:
        if code:
            raise Unavailable(dataset="http.reviews", partition=PARTITION, expected="rows", found="none", fix="x")

    assert run(body, "--messages", "s3://runs/pipes") == code
    first = f"s3://runs/pipes/by-hand/{JOB.name}/0/1.json"
    assert f"messages from {first} on are not recorded yet: An error occurred (SlowDown)" in capsys.readouterr().err
    assert not store.objects


def test_what_ends_a_job_before_it_begins_is_recorded(tmp_path: Path) -> None:
    assert run(says(Store(), 0), "--messages", str(tmp_path), settings=tmp_path / "none.toml") == 2
    (file,) = tmp_path.rglob("messages.jsonl")
    messages = [json.loads(line) for line in file.read_text().splitlines()]
    assert [messages[0]["method"], messages[-1]["method"]] == ["opened", "closed"]
    (failed,) = (each["params"]["payload"]["failed"] for each in messages if "failed" in str(each["params"]))
    assert (failed["kind"], failed["retryable"]) == ("Misconfigured", False)
    exception = messages[-1]["params"]["exception"]
    assert exception["name"] == "Misconfigured"
    assert "none.toml" in exception["message"]
    reason = tmp_path / "by-hand" / JOB.name / "reason.txt"
    assert reason.read_text().startswith(f"Misconfigured: settings {tmp_path}/none.toml: not readable")


def test_a_job_that_the_domain_has_not_is_told_and_kept_as_the_reason(tmp_path: Path) -> None:
    arguments = job_arguments(
        replace(JOB, name="extract_returns"),
        partition=("--partition", PARTITION),
        settings=str(LOCAL),
        run_id="by-hand",
        attempt="0",
    )
    given = frame.parser(RUN_JOB).parse_args([*arguments, "--messages", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        frame.main(given)
    assert ended.value.code == 2
    folder = tmp_path / "by-hand" / "extract_returns"
    said = "job extract_returns: tests.library has extract_loans, extract_members, extract_reviews, catalogue"
    assert (folder / "reason.txt").read_text() == f"Misconfigured: {said}"
    messages = [json.loads(line) for line in (folder / "0" / "messages.jsonl").read_text().splitlines()]
    (failed,) = [each["params"]["payload"]["failed"] for each in messages if "failed" in str(each["params"])]
    assert (failed["kind"], failed["message"]) == ("Misconfigured", said)


def test_reason_is_that_of_the_last_attempt_and_of_no_other(tmp_path: Path) -> None:
    """One that is killed leaves none, rather than that of the attempt before it."""
    reason = tmp_path / "by-hand" / JOB.name / "reason.txt"

    def body(run: JobRun) -> None:
        raise Unavailable(
            dataset="http.reviews", partition=PARTITION, expected="rows", found="none\x1b[31m", fix="Ask."
        )

    def looks(run: JobRun) -> None:
        assert not reason.exists()

    assert run(body, "--messages", str(tmp_path)) == 1
    assert reason.read_text() == "Unavailable: http.reviews: expected rows, found none [31m. Ask."
    assert run(looks, "--messages", str(tmp_path)) == 0
    assert not reason.exists()


def test_reason_is_kept_of_a_day_that_cannot_be_read(tmp_path: Path) -> None:
    """Before there is a Pipes session."""
    arguments = job_arguments(
        JOB,
        partition=("--scheduled-time", "soon"),
        settings=str(LOCAL),
        run_id="by-hand",
        attempt="0",
    )
    with pytest.raises(SystemExit):
        frame.main(frame.parser(RUN_JOB).parse_args([*arguments, "--messages", str(tmp_path)]), says(Store(), 0))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["reason.txt"]


def test_reason_lies_on_s3_where_the_state_machine_reads_it(store: Store) -> None:
    def body(run: JobRun) -> None:
        raise Unavailable(dataset="http.reviews", partition=PARTITION, expected="ü", found="none", fix="Ask.")

    assert run(body, "--messages", "s3://runs/pipes") == 1
    assert store.reason == "Unavailable: http.reviews: expected ü, found none. Ask.".encode()
