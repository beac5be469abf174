"""A source that refuses, lies or is not there: the message, the exit code, and readers who still see the old day."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_stack.snowflake import key_pair
from tests.running import Day, Ended, InProcess

pytestmark = pytest.mark.usefixtures("unchanged")

DAY = "2026-11-21"
CLOSED = "http://127.0.0.1:9"  # the discard port, which nobody serves


def assert_says(ended: Ended, message: str, *, code: int = 1) -> None:
    """The last line is the message, a pattern; the exit code is as documented."""
    assert re.fullmatch(message, ended.last_line), ended.output
    assert ended.code == code


# -- orders ---------------------------------------------------------------------------------------------------


def orders_job(run_job: InProcess, day: Day, folder: Path) -> Ended:
    uri = day.settings_with(folder, sources_orders={"uri": f"{folder}/orders/dt={{partition}}/*.json.gz"})
    return run_job("extract_orders", settings_uri=uri, partition=DAY)


@pytest.mark.parametrize("exists", [False, True], ids=["missing", "empty"])
def test_a_folder_without_orders_must_be_asked_for(
    published_day: Day, run_job: InProcess, tmp_path: Path, exists: bool
) -> None:
    if exists:
        (tmp_path / "orders" / f"dt={DAY}").mkdir(parents=True)
    assert_says(
        orders_job(run_job, published_day, tmp_path),
        rf"BadInput: s3\.orders {DAY}: expected files in {tmp_path}/orders/dt={DAY}/\*\.json\.gz, found none "
        r"\(the folder is missing or empty\)\. Deliver the day, or if it really has no orders: --allow-empty\.",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"expected no empty object in .*\*\.json\.gz, found 1 of 2 with 0 bytes \(part-1\.json\.gz\)\. "),
        (gzip.compress(b'{"order_id": "A-1"}\n' * 999)[:-20], r"expected whole gzip files, found .*part-1.* unpack.*"),
    ],
    ids=["0 bytes", "truncated gzip"],
)
def test_a_broken_file_is_named(
    published_day: Day, run_job: InProcess, tmp_path: Path, content: bytes, message: str
) -> None:
    folder = tmp_path / "orders" / f"dt={DAY}"
    folder.mkdir(parents=True)
    (folder / "part-0.json.gz").write_bytes(gzip.compress(b"{}"))
    (folder / "part-1.json.gz").write_bytes(content)
    assert_says(
        orders_job(run_job, published_day, tmp_path),
        rf"BadInput: s3\.orders {DAY}: {message}Deliver .* again, then rerun the partition\.",
    )


# -- Snowflake ------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_refused_and_not_shown(published_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    private, _ = key_pair()
    key = tmp_path / "other_key"
    key.touch(mode=0o600)
    key.write_bytes(private)
    uri = published_day.settings_with(tmp_path, sources_snowflake={"private_key": f"file:{key}"})
    ended = run_job("extract_customers", settings_uri=uri, partition=DAY)
    assert_says(
        ended,
        rf"AccessDenied: intermediate\.customers {DAY}: expected Snowflake to let PIPELINE in with the key file:{key}, "
        r"found 390144: .*JWT token is invalid\. Compare the key's public half with the user's: DESC USER PIPELINE",
    )
    assert "PRIVATE" not in ended.output


def test_snowflake_that_does_not_answer(published_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    uri = published_day.settings_with(tmp_path, sources_snowflake={"port": 9, "connect_timeout_s": 1})
    assert_says(
        run_job("extract_customers", settings_uri=uri, partition=DAY),
        rf"Unavailable: intermediate\.customers {DAY}: expected Snowflake account fakesnow to answer within 1 s, "
        r"found .*\. Check account, network and https://status\.snowflake\.com, then rerun the partition\.",
    )


# -- the shipments API ----------------------------------------------------------------------------------------

IMPATIENT = {"max_retries": 2, "backoff_s": 0.001, "page_size": 50}


def shipments_job(run_job: InProcess, day: Day, folder: Path, **changes: Any) -> Ended:
    uri = day.settings_with(folder, sources_shipments=IMPATIENT | changes)
    return run_job("extract_shipments", settings_uri=uri, partition=DAY)


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ({"kind": "status", "status": 429}, "Unavailable", r"whole answers .*, found 429 Too Many Requests after 2 .*"),
        ({"kind": "status", "status": 500}, "Unavailable", r"whole answers .*, found 500 .* Error after 2 retries\..*"),
        ({"kind": "status", "status": 418}, "BadInput", r".* to answer 200, found 418 .*"),
        ({"kind": "truncated"}, "Unavailable", r"whole answers .*, found a body that was cut off, 3 times\..*"),
        ({"kind": "broken_json"}, "Unavailable", r"whole answers .*, found a body that is no JSON, 3 times\..*"),
        ({"kind": "repeated_cursor"}, "BadInput", r"every page once in slice .*, found .* a second time, after 2 .*"),
        ({"kind": "lying_total"}, "BadInput", r"total \d+ in slice .*, found \d+ rows\..*"),
    ],
    ids=lambda value: value.get("status", value["kind"]) if isinstance(value, dict) else "",
)
def test_an_api_that_fails(
    published_day: Day,
    run_job: InProcess,
    tmp_path: Path,
    api_fault: Callable[..., None],
    fault: dict[str, Any],
    kind: str,
    message: str,
) -> None:
    api_fault(**fault)
    changes = {"page_size": 10} if fault["kind"] == "repeated_cursor" else {}
    ended = shipments_job(run_job, published_day, tmp_path, **changes)
    assert_says(ended, rf"{kind}: web_api\.shipments {DAY}: expected {message}")
    assert f"pipeline run --partition {DAY}" in ended.last_line or "API" in ended.last_line


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 429, "times": 2, "retry_after": 0},
        {"kind": "status", "status": 503, "times": 2},
        {"kind": "truncated", "times": 2},
        {"kind": "broken_json", "times": 2},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)
def test_a_fault_that_passes_is_retried(
    published_day: Day, run_job: InProcess, tmp_path: Path, api_fault: Callable[..., None], fault: dict[str, Any]
) -> None:
    api_fault(**fault)
    assert shipments_job(run_job, published_day, tmp_path).code == 0


def test_a_token_that_is_refused_is_named_and_not_shown(
    published_day: Day, run_job: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARRIER_TOKEN", "s3cr3t-and-wrong")
    ended = shipments_job(run_job, published_day, tmp_path, token="env:CARRIER_TOKEN")
    assert_says(
        ended,
        rf"AccessDenied: web_api\.shipments {DAY}: expected http://127.* to accept the token env:CARRIER_TOKEN, "
        r"found 401 Unauthorized\. Renew the token under that name, then rerun the partition\.",
    )
    assert "s3cr3t" not in ended.output


def test_an_api_that_is_not_there(published_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    ended = shipments_job(run_job, published_day, tmp_path, url=f"{CLOSED}/v1/shipments")
    assert_says(
        ended, rf"Unavailable: web_api\.shipments {DAY}: expected whole answers .*, found ConnectionError after 2 .*"
    )


# -- arguments, settings, secrets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("partition", "message"),
    [
        ("2999-01-01", r"partition 2999-01-01: the New York day has not ended; the latest complete one is 20.*"),
        ("2026-02-30", r"partition '2026-02-30': expected a New York calendar day as YYYY-MM-DD .*"),
        ("2024-12-31", r"partition 2024-12-31: the first one is 2025-01-01 \(start in the settings\)"),
    ],
)
def test_a_partition_that_cannot_be(published_day: Day, run_job: InProcess, partition: str, message: str) -> None:
    ended = run_job("extract_orders", settings_uri=published_day.settings_uri, partition=partition)
    assert_says(ended, f"Misconfigured: {message}", code=2)


def test_every_wrong_settings_key_is_named_at_once(published_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    uri = published_day.settings_with(tmp_path, search={"retires": 3}, lake={"catalog": "hive"})
    assert_says(
        run_job("extract_orders", settings_uri=uri, partition=DAY),
        rf"Misconfigured: settings {uri}: lake\.catalog: Input should be .*; search\.retires: unknown key",
        code=2,
    )


def test_a_secret_that_does_not_exist(published_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    uri = published_day.settings_with(tmp_path, sources_shipments={"token": "env:NOBODY_SET_THIS"})
    assert_says(
        run_job("extract_shipments", settings_uri=uri, partition=DAY),
        r"Misconfigured: secret env:NOBODY_SET_THIS: the environment variable is not set\. "
        r"Set it: export NOBODY_SET_THIS=\.\.\.",
        code=2,
    )


def test_an_unknown_argument_is_refused(published_day: Day, run_job: InProcess) -> None:
    ended = run_job(
        "master", settings_uri=published_day.settings_uri, partition=DAY, more=["--partitoin", "2026-01-01"]
    )
    assert_says(ended, r".*error: unrecognized arguments: --partitoin 2026-01-01", code=2)
