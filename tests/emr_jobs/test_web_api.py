"""Slices, budget, envelope and errors of the web API source, without a request."""

from itertools import pairwise

import pytest

from emr_jobs.errors import AccessDenied, BadInput, PipelineError, Unavailable
from emr_jobs.partition import Partition
from emr_jobs.sources import web_api
from emr_jobs.sources.web_api import BrokenAnswer, Budget, CursorPagination, envelope, slices

DAY = Partition.parse("2026-11-21")


@pytest.mark.parametrize(("day", "hours"), [("2026-11-21", 24), ("2026-03-08", 23), ("2026-11-01", 25)])
def test_slices_cover_the_day_hour_by_hour_without_gap(day: str, hours: int) -> None:
    partition = Partition.parse(day)
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
    again = web_api.unpacked(web_api._packed(error), dataset="web_api.shipments", partition=DAY)
    assert (type(again), str(again)) == (kind, str(error))
