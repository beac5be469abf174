"""Slices, pages, budget, envelope and errors of the web API source, without a request."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest

from emr_jobs.errors import AccessDenied, BadInput, PipelineError, Unavailable
from emr_jobs.settings import ShipmentsSource
from emr_jobs.sources import web_api
from emr_jobs.sources.arrow import packed, unpacked
from emr_jobs.sources.web_api import ApiClient, BrokenAnswer, Budget, CursorPagination, Slice, envelope, slices
from tests.shop import SHOP

DAY = SHOP.calendar.partition("2026-11-21")
HOUR = slices(DAY)[0]
SLICE = "slice 2026-11-21T05:00:00Z/2026-11-21T06:00:00Z"
FIX = "If it happens again, tell the API's owner: its paging or its total is wrong."


class Answers(ApiClient):
    """A client of an API that answers these pages, whatever it is asked."""

    def __init__(self, *pages: dict[str, Any] | Iterator[dict[str, Any]], **settings: Any) -> None:
        values = ShipmentsSource(url="https://carrier.example/v1/shipments", token="env:CARRIER_TOKEN", **settings)
        super().__init__(values, dataset="web_api.shipments", partition=DAY)
        self.pages = pages[0] if isinstance(pages[0], Iterator) else iter(pages)
        self.asked: list[dict[str, str]] = []

    def get(self, parameters: dict[str, str]) -> dict[str, Any]:
        self.asked.append(parameters)
        return next(self.pages)

    def rows(self, stop: threading.Event | None = None) -> list[int]:
        """Of each page of an hour."""
        return self.chain(HOUR, CursorPagination(), read=len, stop=stop or threading.Event())


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARRIER_TOKEN", "s3cr3t")


def page(rows: int, *, total: int, cursor: str | None = None) -> dict[str, Any]:
    return {"data": [{}] * rows, "next_cursor": cursor, "total": total}


@pytest.mark.parametrize(("day", "hours"), [("2026-11-21", 24), ("2026-03-08", 23), ("2026-11-01", 25)])
def test_slices_cover_the_day_hour_by_hour_without_gap(day: str, hours: int) -> None:
    partition = SHOP.calendar.partition(day)
    found = slices(partition)
    assert len(found) == hours
    assert (found[0].start, found[-1].end) == (partition.start, partition.end)
    assert all(one.end == following.start for one, following in pairwise(found))
    assert found[0].parameters["ordered_from"] == partition.start.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("page", "following"),
    [
        ({"next_cursor": "abc"}, {"cursor": "abc"}),
        ({"next_cursor": None}, None),
        ({"next_cursor": ""}, None),
        ({}, None),
    ],
)
def test_a_cursor_leads_to_the_next_page(page: dict[str, object], following: dict[str, str] | None) -> None:
    assert CursorPagination().first() == {}
    assert CursorPagination().next(page) == following


def test_a_slice_is_asked_for_page_by_page() -> None:
    client = Answers(page(2, total=5, cursor="a"), page(2, total=5, cursor="b"), page(1, total=5), page_size=2)
    assert client.rows() == [2, 2, 1]
    window = {"ordered_from": "2026-11-21T05:00:00Z", "ordered_to": "2026-11-21T06:00:00Z", "limit": "2"}
    assert client.asked == [window, window | {"cursor": "a"}, window | {"cursor": "b"}]


def test_a_total_is_asked_for_with_one_row_of_the_whole_window() -> None:
    client = Answers(page(1, total=1234, cursor="a"))
    assert client.total(Slice(DAY.start, DAY.end)) == 1234
    day = {"ordered_from": "2026-11-21T05:00:00Z", "ordered_to": "2026-11-22T05:00:00Z", "limit": "1"}
    assert client.asked == [day]


def test_a_slice_without_rows_is_one_page() -> None:
    assert Answers(page(0, total=0)).rows() == [0]


@pytest.mark.parametrize(
    ("pages", "expected", "found"),
    [
        ([page(1, total=3, cursor="a")] * 2, "every page once", "{'cursor': 'a'} a second time, after 2 pages"),
        ([page(1, total=3, cursor="a"), page(1, total=4)], "total 3 on every page", "4 on the next one"),
        ([page(1, total=2, cursor="a"), page(2, total=2)], "total 2", "3 rows on 2 pages and no end"),
        ([page(1, total=2)], "total 2", "1 rows"),
        ([page(1, total=0)], "total 0", "1 rows on 1 pages and no end"),
    ],
    ids=["a cursor again", "another total", "too many rows", "too few rows", "rows of none"],
)
def test_a_slice_that_contradicts_itself_is_refused(pages: list[dict[str, Any]], expected: str, found: str) -> None:
    with pytest.raises(BadInput) as refused:
        Answers(*pages).rows()
    assert str(refused.value) == f"web_api.shipments {DAY}: expected {expected} in {SLICE}, found {found}. {FIX}"


@pytest.mark.parametrize(
    ("ordered_at", "refused"),
    [
        ("2026-11-21T05:00:00Z", False),
        ("2026-11-21T04:59:59.999999Z", True),
        ("2026-11-21T05:59:59.9999999Z", False),
        ("2026-11-21T06:00:00Z", True),
        (" 2026-11-21T00:30:00-05:00 ", False),
        ("2026-11-21T05:30:00+00:30", False),
        ("2026-11-21T05:30:00+01:00", True),
        ("1999-01-01T00:00:00Z", True),
        ("0001-01-01T00:00:00+18:00", True),
        ("2026-11-21T09:00:00", False),
        ("soon", False),
        (None, False),
        (7, False),
    ],
)
def test_rows_of_another_window_are_refused(ordered_at: object, refused: bool) -> None:
    rows = [{"ordered_at": "2026-11-21T05:30:00Z"}, {"ordered_at": ordered_at}, {}, None]
    client = Answers({"data": rows, "next_cursor": None, "total": 4})
    if not refused:
        assert client.rows() == [4]
        return
    with pytest.raises(BadInput) as error:
        client.rows()
    found = f"1 ordered at {ordered_at}"
    assert str(error.value) == f"web_api.shipments {DAY}: expected rows of that window in {SLICE}, found {found}. {FIX}"


def test_pages_without_rows_come_to_an_end() -> None:
    client = Answers(page(0, total=2, cursor=f"{number}") for number in range(9))
    with pytest.raises(BadInput, match=r"expected total 2 in slice .*, found 0 rows on 4 pages and no end"):
        client.rows()
    assert len(client.asked) == 4


def test_a_slice_stops_between_two_pages_when_another_one_failed() -> None:
    stop = threading.Event()

    def answers() -> Iterator[dict[str, Any]]:
        yield page(1, total=9, cursor="a")
        stop.set()
        yield page(1, total=9, cursor="b")

    client = Answers(answers())
    assert client.rows(stop) == [1, 1]


@pytest.mark.parametrize(("share", "concurrency", "interval_s"), [(1, 8, 0.02), (3, 2, 0.06), (20, 1, 0.4)])
def test_processes_divide_concurrency_and_budget_among_them(share: int, concurrency: int, interval_s: float) -> None:
    values = ShipmentsSource(url="https://carrier.example", token="env:CARRIER_TOKEN")
    client = ApiClient(values, dataset="web_api.shipments", partition=DAY, share=share)
    assert client.concurrency == concurrency
    assert client._budget._interval_s == pytest.approx(interval_s)


def test_the_budget_spaces_requests_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(round(seconds, 6))
        clock[0] += seconds

    monkeypatch.setattr(web_api.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(web_api.time, "sleep", sleep)
    budget = Budget(4.0)
    for _ in range(3):
        budget.wait()
    clock[0] += 10.0  # time that nobody used is not saved up
    for _ in range(2):
        budget.wait()
    assert waits == [0.0, 0.25, 0.25, 0.0, 0.25]


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"1", b"{}", b'{"data": []}', b'{"data": {}, "total": 1}', b'{"data": [], "total": "1"}',
     b'{"data": [], "total": true}', b'{"data": [], "total": 1.5}'],
)  # fmt: skip
def test_an_answer_without_rows_and_total_is_broken(content: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        envelope(content)


@pytest.mark.parametrize("kind", [AccessDenied, BadInput, Unavailable])
def test_an_error_of_a_worker_reaches_the_driver_as_it_was(kind: type[PipelineError]) -> None:
    error = kind(dataset="web_api.shipments", partition=DAY, expected="é", found='"quoted"', fix="Do.")
    again = unpacked(packed(error), dataset="web_api.shipments", partition=DAY)
    assert (type(again), str(again)) == (kind, str(error))


def test_a_slice_that_failed_is_a_batch_with_one_row_of_its_error() -> None:
    error = Unavailable(dataset="web_api.shipments", partition=DAY, expected="a", found="b", fix="Do.")
    (row,) = web_api._failure(pa.schema({"id": pa.string(), "at": pa.timestamp("us", "UTC")}), error).to_pylist()
    assert (row["id"], row["at"]) == (None, None)
    assert str(unpacked(row["error"], dataset="web_api.shipments", partition=DAY)) == str(error)


def test_a_page_is_read_exactly() -> None:
    content = b'{"data": [{"weight": 1e400, "cost": 12345678.0049999999, "note": "\\ud800"}], "total": 1}'
    (record,) = envelope(content)["data"]
    assert record == {"weight": Decimal("1e400"), "cost": Decimal("12345678.0049999999"), "note": "\ufffd"}
