"""The client of the shipments API over loopback: what is asked again, what is not, and what is said in the end.

Every request is a real one, so that urllib3 and requests do the retrying; only what they wait is not waited.
"""

import gzip
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import requests

from emr_jobs.errors import AccessDenied, BadInput, PipelineError, Unavailable
from emr_jobs.settings import ShipmentsSource
from emr_jobs.sources.web_api import ApiClient, CursorPagination, Slice, slices
from local_stack.shipments_api import shipments_api
from tests.shop import SHOP

DAY = SHOP.calendar.partition("2026-11-21")
NOON = slices(DAY)[7]
IN_NOON = "slice 2026-11-21T12:00:00Z/2026-11-21T13:00:00Z"
SHIPMENTS = 25  # of the hour from 12:00; before it there is one more
TOKEN = "s3cr3t"
CLOSED = "http://127.0.0.1:9/v1/shipments"  # the discard port, which nobody serves
ASK_OWNER = "Ask the API's owner for its state."
TELL_OWNER = "If it happens again, tell the API's owner: its paging or its total is wrong."


@dataclass(frozen=True)
class Api:
    base: str

    @property
    def url(self) -> str:
        return f"{self.base}/v1/shipments"

    @property
    def requests(self) -> int:
        """Answered so far."""
        return requests.get(f"{self.base}/health", timeout=10).json()["requests"]

    def fault(self, kind: str, **more: Any) -> None:
        requests.put(f"{self.base}/faults", json={"kind": kind, **more}, timeout=10).raise_for_status()

    def client(self, **changes: Any) -> ApiClient:
        values = {"url": self.url, "token": "env:CARRIER_TOKEN", "requests_per_second": 500}
        values |= {"max_retries": 2, "page_size": 10} | changes
        return ApiClient(ShipmentsSource(**values), dataset="web_api.shipments", partition=DAY)

    def refusal(self, **changes: Any) -> PipelineError:
        """Of the hour, and that it does not carry the token."""
        with pytest.raises(PipelineError) as refused:
            self.client(**changes).chain(NOON, CursorPagination(), read=list, stop=threading.Event())
        assert TOKEN not in str(refused.value)
        return refused.value


def message(expected: str, found: str, fix: str) -> str:
    return f"web_api.shipments {DAY}: expected {expected}, found {found}. {fix}"


@pytest.fixture(scope="module")
def _api(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("shipments")
    ordered = [NOON.start + timedelta(minutes=number) for number in range(SHIPMENTS)]
    ordered.append(NOON.start - timedelta(microseconds=1))
    lines = [orjson.dumps({"shipment_id": f"S-{n:02}", "ordered_at": at.isoformat()}) for n, at in enumerate(ordered)]
    (folder / f"dt={DAY}.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    with shipments_api(folder, lambda: TOKEN) as base:
        yield Api(base)


@pytest.fixture
def api(_api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Without a fault, with its token in the environment."""
    monkeypatch.setenv("CARRIER_TOKEN", TOKEN)
    yield _api
    requests.delete(f"{_api.base}/faults", timeout=10).raise_for_status()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long urllib3 and tenacity would have waited between two requests."""
    waited: list[float] = []
    clock = SimpleNamespace(sleep=waited.append, time=time.time)
    monkeypatch.setattr("urllib3.util.retry.time", clock)
    monkeypatch.setattr("tenacity.nap.time", clock)
    return waited


def ids(client: ApiClient, window: Slice = NOON) -> list[str]:
    pages = client.chain(window, CursorPagination(), read=list, stop=threading.Event())
    return [row["shipment_id"] for page in pages for row in page]


ALL = [f"S-{number:02}" for number in range(SHIPMENTS)]


@pytest.mark.parametrize(("page_size", "pages"), [(10, 3), (25, 1), (1, 25)])
def test_a_slice_is_read_to_its_last_page(api: Api, page_size: int, pages: int) -> None:
    before = api.requests
    assert ids(api.client(page_size=page_size)) == ALL
    assert api.requests - before == pages


def test_a_window_is_half_open_and_its_total_its_own(api: Api) -> None:
    before_noon, after = slices(DAY)[6], slices(DAY)[8]
    assert (ids(api.client(), before_noon), ids(api.client(), after)) == ([f"S-{SHIPMENTS}"], [])
    windows = (NOON, before_noon, after, Slice(DAY.start, DAY.end))
    assert [api.client().total(window) for window in windows] == [SHIPMENTS, 1, 0, SHIPMENTS + 1]


@pytest.mark.parametrize(
    "fault",
    [
        *({"kind": "status", "status": status} for status in (408, 425, 429, 500, 502, 503, 504, 520, 522, 524)),
        {"kind": "truncated"},
        {"kind": "broken_json"},
    ],
    ids=lambda fault: str(fault.get("status", fault["kind"])),
)
def test_a_fault_that_passes_is_retried(api: Api, fault: dict[str, Any]) -> None:
    before = api.requests
    api.fault(**fault, times=2, after=1)
    assert ids(api.client()) == ALL
    assert api.requests - before == 3 + 2


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ({"kind": "status", "status": 429}, "429 Too Many Requests after 2 retries"),
        ({"kind": "status", "status": 500}, "500 Internal Server Error after 2 retries"),
        ({"kind": "status", "status": 503}, "503 Service Unavailable after 2 retries"),
        ({"kind": "truncated"}, "a body that was cut off, 3 times"),
        ({"kind": "broken_json"}, "a body that is no JSON, 3 times"),
    ],
    ids=lambda value: str(value.get("status", value["kind"])) if isinstance(value, dict) else "",
)
def test_a_fault_that_stays_is_unavailable(api: Api, fault: dict[str, Any], found: str) -> None:
    before = api.requests
    api.fault(**fault)
    error = api.refusal()
    assert (type(error), str(error)) == (Unavailable, message(f"whole answers from {api.url}", found, ASK_OWNER))
    assert api.requests - before == 3


@pytest.mark.parametrize(("retry_after", "waited"), [(0, []), (7, [7, 7]), (3600, [20, 20])])
def test_as_long_as_the_api_asks_is_waited_up_to_a_limit(
    api: Api, waits: list[float], retry_after: int, waited: list[float]
) -> None:
    api.fault("status", status=429, times=2, retry_after=retry_after)
    assert ids(api.client(backoff_s=0.001, max_retry_after_s=20)) == ALL
    assert [wait for wait in waits if wait > 1] == waited


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_is_named_not_shown_and_not_sent_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    before = api.requests
    if status == 401:
        monkeypatch.setenv("CARRIER_TOKEN", f"{TOKEN}-and-wrong")
    else:
        api.fault("status", status=status)
    error = api.refusal()
    assert (type(error), str(error)) == (
        AccessDenied,
        message(
            f"{api.url} to accept the token env:CARRIER_TOKEN",
            {401: "401 Unauthorized", 403: "403 Forbidden"}[status],
            "Renew the token under that name.",
        ),
    )
    assert api.requests - before == 1


def test_an_answer_that_nobody_expects_is_not_asked_for_again(api: Api) -> None:
    before = api.requests
    api.fault("status", status=418)
    error = api.refusal()
    compare = "Compare the request with the API's documentation; its parameters may have changed."
    assert (type(error), str(error)) == (BadInput, message(f"{api.url} to answer 200", "418 I'm a Teapot", compare))
    assert api.requests - before == 1


def test_a_request_that_the_api_does_not_understand_is_not_sent_again(api: Api) -> None:
    error = api.refusal(page_size=1001)
    assert (type(error), error.found) == (BadInput, "400 Bad Request")


def test_a_cursor_that_comes_again_is_refused(api: Api) -> None:
    api.fault("repeated_cursor")
    error = api.refusal()
    twice = "{'cursor': 'MTA='} a second time, after 2 pages"
    assert (type(error), str(error)) == (BadInput, message(f"every page once in {IN_NOON}", twice, TELL_OWNER))


def test_a_total_that_is_not_that_of_the_rows_is_refused(api: Api) -> None:
    api.fault("lying_total")
    error = api.refusal()
    assert (type(error), str(error)) == (BadInput, message(f"total 26 in {IN_NOON}", "25 rows", TELL_OWNER))


def test_an_api_that_is_not_there_is_unavailable(api: Api) -> None:
    error = api.refusal(url=CLOSED)
    nobody = message(f"whole answers from {CLOSED}", "ConnectionError after 2 retries", ASK_OWNER)
    assert (type(error), str(error)) == (Unavailable, nobody)
