"""A job that nobody watches records what it reports: the same Pipes messages, in a folder."""

import json
from pathlib import Path
from typing import Any

from emr_jobs.frame.report import asset_key
from tests.domains import LIBRARY
from tests.running import Day, InProcess

JOB = LIBRARY.job("extract_reviews")


def recorded(run_job: InProcess, day: Day, folder: Path, settings_uri: str | None = None) -> list[dict[str, Any]]:
    run_job(
        JOB.name,
        settings_uri=settings_uri or day.settings_uri,
        partition=day.partition,
        run_id="by-hand",
        attempt=2,
        more=["--messages", str(folder)],
    )
    (file,) = folder.rglob("*.jsonl")
    assert file.relative_to(folder).as_posix().startswith("by-hand/extract_reviews/2/")
    return [json.loads(line) for line in file.read_text().splitlines()]


def of(messages: list[dict[str, Any]], method: str) -> list[dict[str, Any]]:
    return [message["params"] for message in messages if message["method"] == method]


def test_everything_that_is_published_and_checked_is_recorded(own_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    messages = recorded(run_job, own_day, tmp_path)
    assert (messages[0]["method"], messages[-1]["method"]) == ("opened", "closed")
    assert "exception" not in (messages[-1]["params"] or {})
    declared = of(messages, "report_custom_message")[0]["payload"]["declares"]
    assert (declared["job"], declared["outputs"]) == (JOB.name, [asset_key(name) for name in JOB.outputs])
    materialized = of(messages, "report_asset_materialization")
    assert [(each["asset_key"], each["metadata"]["attempt"]["raw_value"]) for each in materialized] == [
        ("staged/rejected_reviews", 2),
        ("staged/reviews", 2),
    ]
    reported = [(each["asset_key"], each["check_name"]) for each in of(messages, "report_asset_check")]
    assert reported == [(asset_key(dataset), check.name) for dataset, check in LIBRARY.checks_of(JOB)]


def test_the_same_attempt_once_more_starts_its_record_anew(own_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    first = recorded(run_job, own_day, tmp_path)
    again = recorded(run_job, own_day, tmp_path)
    assert [message["method"] for message in again if message["method"] == "opened"] == ["opened"]
    assert len(of(again, "report_asset_check")) == len(of(first, "report_asset_check"))


def test_why_a_job_failed_and_whether_to_try_again_is_recorded(
    own_day: Day, run_job: InProcess, tmp_path: Path
) -> None:
    uri = own_day.settings_with(tmp_path, connections_club={"url": "http://127.0.0.1:9", "max_retries": 0})
    messages = recorded(run_job, own_day, tmp_path / "messages", uri)
    failed = of(messages, "report_custom_message")[-1]["payload"]["failed"]
    assert (failed["kind"], failed["retryable"]) == ("Unavailable", True)
    assert failed["message"].startswith(f"http.reviews {own_day.partition}: expected whole answers")
    assert of(messages, "report_asset_materialization") == []
    assert messages[-1]["method"] == "closed"
    assert messages[-1]["params"]["exception"]["name"] == "Unavailable"
