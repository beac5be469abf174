"""The local web API over loopback: one suite of behaviours for every way in which a contract says that pages follow
each other and when a day is complete; and which contracts it cannot serve.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from emr_jobs.contracts.read import Complete, Offset, PageNumber
from local_stack.rest_api import RestApi
from tests.local_stack.rest.client import (
    CURSOR,
    LOANS,
    WINDOW,
    Client,
    array,
    auth,
    contract,
    in_pages,
    none,
    records,
    total,
    write_loans,
)
from tests.local_stack.rest.dialects import EVERY_PAGE_BUT_THE_LAST, OF_THE_FILE, READS


@dataclass(frozen=True)
class Served:
    """One server a dialect, for all tests of it."""

    dialect: str
    client: Client
    expected: list[bytes]  # the arrays of the pages

    def fault(self, kind: str, **more: Any) -> requests.Response:
        return requests.put(f"{self.client.base}/faults", json={"kind": kind, **more}, timeout=10)

    @property
    def left(self) -> Any:
        return requests.delete(f"{self.client.base}/faults", timeout=10).json()

    @property
    def health(self) -> Any:
        return requests.get(f"{self.client.base}/health", timeout=10).json()


@pytest.fixture(scope="module", params=READS)
def _served(
    processes: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    source = contract(READS[request.param])
    texts = LOANS[::-1] if request.param in OF_THE_FILE else LOANS
    expected = [array(texts)] if request.param == "one answer" else in_pages(texts)
    with RestApi([source], write_loans(tmp_path_factory.mktemp("data")), auth("none"), none).served() as base:
        yield Served(request.param, Client.of(base, source), expected)


@pytest.fixture
def served(_served: Served) -> Iterator[Served]:
    yield _served
    requests.delete(f"{_served.client.base}/faults", timeout=10).raise_for_status()


def test_pages_follow_each_other_to_the_last_record_and_each_is_the_text_that_was_read(served: Served) -> None:
    answers = list(served.client.pages())
    expected = served.expected + [b"[]"] * (served.dialect in EVERY_PAGE_BUT_THE_LAST)
    assert len(answers) == len(expected)
    for answer, texts in zip(answers, expected, strict=True):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert texts in answer.content


def test_every_page_tells_the_total_of_its_window(served: Served) -> None:
    told = {total(served.client.read, answer) for answer in served.client.pages()}
    complete = served.client.read.complete
    tells = isinstance(complete, Complete) and bool(complete.total or complete.total_header)
    assert told == {len(LOANS) if tells else None}


def test_a_window_without_records_is_one_empty_page(served: Served) -> None:
    later = {name: at + timedelta(days=30) for name, at in WINDOW.items()}
    client = replace(served.client, window=later)
    answers = list(client.pages())
    assert [records(client.read, answer) for answer in answers] == [[]]
    assert total(client.read, answers[0]) in (0, None)


def test_what_lies_past_the_end_of_numbered_pages_is_empty(served: Served) -> None:
    pages = served.client.read.pages
    if not isinstance(pages, Offset | PageNumber):
        return
    answer = served.client.ask({pages.param: 99})
    assert (answer.status_code, records(served.client.read, answer)) == (200, [])


def test_a_parameter_that_nobody_declares_is_refused(served: Served) -> None:
    answer = served.client.ask({"colour": "red"} | served.client.start)
    assert (answer.status_code, answer.json()) == (400, {"error": "parameter colour is unknown"})


def test_a_request_without_what_is_declared_is_refused(served: Served) -> None:
    read = served.client.read
    fixed = [name for name in (*read.params, *(read.body or {})) if name not in ("limit", "take", "per_page")]
    if fixed and fixed != ["page_size"]:
        bare = read.model_copy(update={"params": {}, "body": None if read.body is None else {}})
        answer = replace(served.client, read=bare).ask()
        assert (answer.status_code, answer.json()) == (400, {"error": f"parameter {fixed[0]} is missing"})


def test_other_methods_and_other_paths_are_not_there(served: Served) -> None:
    url = served.client.base + served.client.filled(served.client.read.path)
    other = "POST" if served.client.read.method == "GET" else "GET"
    assert requests.request(other, url, timeout=10).status_code == 405
    assert requests.delete(url, timeout=10).status_code == 405
    assert requests.get(f"{url}/more", timeout=10).status_code == 404
    if served.client.read.path:
        assert requests.get(f"{url}/", timeout=10, allow_redirects=False).status_code == 404


def test_health_counts_records_and_requests(served: Served) -> None:
    before = served.health
    served.client.first()
    assert before["loans"] == len(LOANS) + 2
    assert served.health == before | {"requests": before["requests"] + 1}


@pytest.mark.parametrize("retry_after", [0, 7, 1.5, "soon"])
def test_a_status_comes_after_so_many_requests_so_many_times(served: Served, retry_after: Any) -> None:
    good = served.client.first().content
    assert served.fault("status", status=503, after=1, times=2, retry_after=retry_after).status_code == 204
    answers = [served.client.first() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert answers[1].headers["Retry-After"] == str(retry_after)
    assert answers[1].json() == {"error": "switched on"}
    assert answers[3].content == good
    assert served.left == {"kind": "status", "status": 503, "after": 0, "times": 0, "retry_after": retry_after}
    assert served.left is None


def test_several_statuses_come_in_turn(served: Served) -> None:
    served.fault("status", status=[500, 429], times=3)
    assert [served.client.first().status_code for _ in range(4)] == [500, 429, 500, 200]
    served.fault("status", status=[500, 429])
    assert [served.client.first().status_code for _ in range(4)] == [429, 500, 429, 500]


def test_a_fault_stays_until_it_is_taken_away(served: Served) -> None:
    served.fault("status", status=418, retry_after=None)
    answer = served.client.first()
    assert (answer.status_code, "Retry-After" in answer.headers) == (418, False)
    assert served.client.first().status_code == 418
    assert served.left == {"kind": "status", "status": 418, "retry_after": None}
    assert served.client.first().status_code == 200


def test_a_slow_answer_is_the_same(served: Served) -> None:
    good = served.client.first().content
    served.fault("slow", seconds=0.001, times=1)
    assert served.client.first().content == good
    assert served.left == {"kind": "slow", "seconds": 0.001, "times": 0}


def test_a_body_that_is_cut_off_and_one_that_is_no_json(served: Served) -> None:
    good = served.client.first().content
    served.fault("broken_json", times=1)
    answer = served.client.first()
    assert (answer.status_code, answer.content) == (200, good[: len(good) // 2])
    assert served.client.first().content == good
    served.fault("truncated", times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        served.client.first()
    assert served.client.first().content == good


def test_the_second_page_comes_again_and_again(served: Served) -> None:
    if served.dialect == "one answer":
        return
    served.fault("repeated_cursor")
    answers = [answer.content for answer, _ in zip(served.client.pages(), range(3), strict=False)]
    assert served.expected[0] in answers[0]
    assert all(served.expected[1] in answer for answer in answers[1:])
    assert len(answers) == 3


def test_a_total_is_one_more_wherever_it_is_told(served: Served) -> None:
    honest = total(served.client.read, served.client.first())
    served.fault("lying_total", times=1)
    answers = [served.client.first() for _ in range(2)]
    expected = [None, None] if honest is None else [honest + 1, honest]
    assert [total(served.client.read, answer) for answer in answers] == expected


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        ({"records": "$"}, r": \$\.next cannot stand in one text with \$$"),
        (
            {"complete": {"total": "$.data.total"}},
            r": \$\.data\.total cannot stand in one text with \$\.data, \$\.next$",
        ),
        ({"complete": {"total": "$.next"}}, r": \$\.next cannot stand in one text with \$\.data, \$\.next$"),
        ({"path": "/health"}, r"loans: /health is this server's own"),
        ({"path": "/oauth/token"}, r"loans: /oauth/token is this server's own"),
    ],
)
def test_a_contract_that_no_answer_can_fulfil_is_refused(tmp_path: Path, read: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        RestApi([contract(CURSOR | read)], write_loans(tmp_path), auth("none"), none)


def test_a_source_that_is_not_an_api_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^api\.loans is not read from an API: read is of kind None$"):
        RestApi([replace(contract(CURSOR), read=None)], tmp_path, auth("none"), none)
