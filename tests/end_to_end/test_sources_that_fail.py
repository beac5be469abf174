"""A job whose source fails, once for each kind of failure: the last line, the exit code, and readers of the old day.

What else a source can do, and what is said of it, is tested where the source is: tests/emr_jobs/sources.
"""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.end_to_end.conftest import PARTITION, deliver, delivered_loans
from tests.running import Day, Ended, InProcess, readers_see

pytestmark = pytest.mark.usefixtures("unchanged")

API = rf"http\.reviews {PARTITION}"


def assert_says(ended: Ended, message: str, *, code: int = 1) -> None:
    """The last line is the message, a pattern; the exit code is as documented."""
    assert re.fullmatch(message, ended.last_line), ended.output
    assert ended.code == code


def reviews_job(run_job: InProcess, day: Day, folder: Path, **changes: Any) -> Ended:
    impatient = {"max_retries": 2, "backoff_s": 0.001}
    uri = day.settings_with(folder, connections_club=impatient | changes)
    return run_job("extract_reviews", settings_uri=uri, partition=day.partition)


def test_a_file_that_does_not_unpack_is_bad_input(own_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    uri = deliver(own_day, tmp_path, delivered_loans(own_day))
    (file,) = (tmp_path / "loans").rglob("*.csv.gz")
    file.with_name("1120-desk1.csv.gz").write_bytes(gzip.compress(b"LOAN;MEMBER\r\n" + b"L-1;M-1\r\n" * 999)[:-20])
    assert_says(
        run_job("extract_loans", settings_uri=uri, partition=PARTITION),
        rf"BadInput: files\.loans {PARTITION}: expected whole files, found /.*/1120-desk1\.csv\.gz that is cut off\. "
        r"Deliver the file again\.",
    )


def test_a_total_that_the_slices_do_not_reach_is_bad_input(
    own_day: Day, run_job: InProcess, tmp_path: Path, api_fault: Callable[..., None]
) -> None:
    api_fault("lying_total", times=1)
    ended = reviews_job(run_job, own_day, tmp_path)
    rows = len(readers_see(own_day.settings, PARTITION)["staged.reviews"])
    assert_says(
        ended,
        rf"BadInput: {API}: expected total {rows + 1} of the whole day, found {rows} rows in its slices\. "
        r"If it happens again, tell the API's owner: its total is wrong\.",
    )


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            {"kind": "status", "status": 503, "after": 3},
            rf"Unavailable: {API}: expected whole answers from http://127.*, found 503 Service Unavailable after 2 "
            r"retries\. Ask the API's owner for its state\.",
        ),
        (
            {"kind": "status", "status": 401, "after": 3},
            rf"AccessDenied: {API}: expected http://127.* to accept the key file:/.*/club-key, found 401 "
            r"Unauthorized\. Renew the key under that name\.",
        ),
    ],
    ids=["unavailable", "access denied"],
)
def test_what_a_worker_met_is_said_by_the_driver(
    own_day: Day,
    run_job: InProcess,
    tmp_path: Path,
    api_fault: Callable[..., None],
    fault: dict[str, Any],
    message: str,
) -> None:
    api_fault(**fault)
    ended = reviews_job(run_job, own_day, tmp_path)
    assert_says(ended, message)
    assert (own_day.home / "secrets" / "club-key").read_text() not in ended.output


def test_a_secret_that_does_not_exist_is_misconfigured(own_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    assert_says(
        reviews_job(
            run_job, own_day, tmp_path, auth={"kind": "header", "name": "X-Library-Key", "key": "env:NOBODY_SET_THIS"}
        ),
        r"Misconfigured: secret env:NOBODY_SET_THIS: the environment variable is not set\. "
        r"Set it: export NOBODY_SET_THIS=\.\.\.",
        code=2,
    )


def test_a_fault_that_passes_is_retried_by_the_workers(
    own_day: Day, run_job: InProcess, tmp_path: Path, api_fault: Callable[..., None]
) -> None:
    api_fault("status", status=429, times=2, retry_after=0, after=3)
    ended = reviews_job(run_job, own_day, tmp_path)
    assert ended.code == 0, ended.output
    left = requests.delete(f"{own_day.settings.connections['club'].url}/faults", timeout=10).json()
    assert (left["after"], left["times"]) == (0, 0), "the workers met it"
