"""Slices, times, pages, completeness and bodies of the REST client, without a network."""

import gzip
import itertools
import threading
import zlib
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from emr_jobs.core.errors import AccessDenied, BadInput, PipelineError, Unavailable
from emr_jobs.reading.records import Broken
from emr_jobs.reading.strict_json import Malformed
from emr_jobs.sources.arrow import packed, unpacked
from emr_jobs.sources.rest import Client, Slice, download, exchange, first_records, slices
from emr_jobs.sources.rest.exchange import Budget
from emr_jobs.sources.rest.page_body import parsed, split
from emr_jobs.sources.rest.refusals import BrokenAnswer
from emr_jobs.sources.rest.transport import session
from emr_jobs.sources.rest.window import filled, words
from tests.emr_jobs.sources.library_api import (
    CALENDAR,
    DAY,
    IN_DAY,
    KEY,
    SOURCE,
    TELL_OWNER,
    URL,
    Answers,
    Reply,
    client,
    connection,
    declared,
    loan,
    loans,
    records,
)

WHOLE_DAY = Slice(DAY.start, DAY.end)
PAGES = [
    {"kind": "cursor", "field": "$.next"},
    {"kind": "cursor", "header": "X-Next", "end": "empty_page"},
    {"kind": "next_url", "field": "$.url"},
    {"kind": "link_header"},
    {"kind": "offset"},
    {"kind": "page"},
]


@pytest.fixture(autouse=True)
def _key_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRARY_KEY", KEY)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def queries(answers: Answers) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(url).query, keep_blank_values=True) for url in answers.asked]


# Slices and times.


@pytest.mark.parametrize(("day", "hours"), [("2026-11-21", 24), ("2026-03-29", 23), ("2026-10-25", 25)])
def test_slices_cover_the_day_hour_by_hour_without_gap(day: str, hours: int) -> None:
    partition = CALENDAR.partition(day)
    hourly = slices(declared(slice_minutes=60), partition)
    assert len(hourly) == hours
    assert (hourly[0].start, hourly[-1].end) == (partition.start, partition.end)
    assert all(one.end == following.start for one, following in pairwise(hourly))


def test_the_last_slice_ends_with_the_day() -> None:
    wide = slices(declared(slice_minutes=1000), DAY)
    assert [(each.end - each.start).total_seconds() / 60 for each in wide] == [1000, 440]


def test_a_day_that_is_not_sliced_is_one() -> None:
    assert slices(declared(), DAY) == [WHOLE_DAY]


@pytest.mark.parametrize(
    ("times", "start", "end", "as_of"),
    [
        ("iso", "2026-11-20T22:00:00Z", "2026-11-21T22:00:00Z", "2026-11-22T04:30:00Z"),
        ("epoch", 1795212000, 1795298400, 1795321800),
        ("epoch_ms", 1795212000000, 1795298400000, 1795321800000),
        ("date", "2026-11-21", "2026-11-22", "2026-11-22"),
    ],
)
def test_times_are_written_as_declared(times: str, start: object, end: object, as_of: object) -> None:
    named = words(declared(times=times), WHOLE_DAY, DAY)
    assert named == {"start": start, "end": end, "as_of": as_of, "partition": "2026-11-21"}


def test_words_are_filled_in_however_deep_and_numbers_stay_numbers() -> None:
    body = {
        "query": "query { loans(since: {start}) { id } }",
        "filter": [{"lent": {"gte": "{start}", "lt": "{end}"}}, 7, None],
        "size": 500,
    }
    assert filled(body, {"start": 1, "end": 2}) == {
        "query": "query { loans(since: 1) { id } }",
        "filter": [{"lent": {"gte": 1, "lt": 2}}, 7, None],
        "size": 500,
    }


@pytest.mark.parametrize("url", ["https://library.example/api", "https://library.example/api/"])
def test_the_path_of_a_source_follows_that_of_its_connection(url: str) -> None:
    answers = Answers([{"loans": []}] * 2)
    for path in ("/v1/loans", ""):
        assert list(records(declared(path=path, params={}), answers, connection(url=url))) == []
    assert answers.asked == ["https://library.example/api/v1/loans", url]


def test_each_slice_is_asked_for_in_the_path_and_the_query() -> None:
    answers = Answers([{"loans": []}] * 2)
    read = declared(
        path="/v1/days/{partition}/loans", params={"from": "{start}", "to": "{end}", "size": 2}, slice_minutes=720
    )
    assert list(records(read, answers)) == []
    assert [urlsplit(url).path for url in answers.asked] == ["/v1/days/2026-11-21/loans"] * 2
    assert queries(answers) == [
        {"from": ["2026-11-20T22:00:00Z"], "to": ["2026-11-21T10:00:00Z"], "size": ["2"]},
        {"from": ["2026-11-21T10:00:00Z"], "to": ["2026-11-21T22:00:00Z"], "size": ["2"]},
    ]


def test_a_post_has_the_pages_parameter_in_its_body() -> None:
    answers = Answers([{"loans": [loan(1)], "next": [1795212060, "L-1"]}, {"loans": []}])
    read = declared(
        method="POST",
        params={"v": 2},
        body={"filter": {"since": "{start}", "fine": 1.5}, "page": {"size": 1}},
        times="epoch",
        pages={"kind": "cursor", "field": "$.next", "param": "page.after"},
    )
    assert list(records(read, answers)) == [loan(1)]
    filter_ = {"since": 1795212000, "fine": 1.5}
    assert [(each.method, each.url, orjson.loads(each.body)) for each in answers.requests] == [
        ("POST", f"{URL}?v=2", {"filter": filter_, "page": {"size": 1}}),
        ("POST", f"{URL}?v=2", {"filter": filter_, "page": {"size": 1, "after": [1795212060, "L-1"]}}),
    ]
    assert answers.requests[0].headers["Content-Type"] == "application/json"


def test_a_post_without_a_body_has_it_in_the_query() -> None:
    answers = Answers([{"loans": [loan(1)]}, {"loans": []}])
    assert list(records(declared(method="POST", pages={"kind": "offset"}, params={}), answers)) == [loan(1)]
    assert [(each.method, each.url, each.body) for each in answers.requests] == [
        ("POST", f"{URL}?offset=0", None),
        ("POST", f"{URL}?offset=1", None),
    ]


# Totals and ends.


@pytest.mark.parametrize(
    ("complete", "reply", "total"),
    [
        ({"total": "$.meta.total"}, {"loans": [loan(1)], "meta": {"total": 1234}, "next": "a"}, 1234),
        ({"total_header": "X-Total"}, Reply({"loans": []}, headers={"x-total": "7"}), 7),
        ({"total_request": {"path": "/v1/count", "field": "$"}}, "12", 12),
    ],
    ids=["body", "header", "request"],
)
def test_a_window_has_the_total_that_its_first_page_says(complete: dict[str, Any], reply: Any, total: int) -> None:
    answers = Answers([reply])
    assert client(declared(complete=complete), answers).total(WHOLE_DAY) == total
    assert queries(answers) == [{"since": ["2026-11-20T22:00:00Z"], "until": ["2026-11-21T22:00:00Z"]}]


@pytest.mark.parametrize("complete", ["unproven", {"has_more": "$.more"}, {"stable": True}])
def test_an_api_that_does_not_count_is_not_asked_for_a_total(complete: Any) -> None:
    pages = {"kind": "page", "end": "has_more" if "has_more" in complete else "empty_page"}
    assert client(declared(complete=complete, pages=pages), Answers([])).total(WHOLE_DAY) is None


def test_a_total_request_of_a_post_has_the_body_of_the_pages() -> None:
    answers = Answers([{"count": 0}, {"loans": []}])
    count = {"path": "/v1/count", "params": {"day": "{partition}"}, "field": "$.count"}
    read = declared(method="POST", body={"since": "{start}"}, params={}, complete={"total_request": count})
    assert list(records(read, answers)) == []
    since = {"since": "2026-11-20T22:00:00Z"}
    assert [(each.url, orjson.loads(each.body)) for each in answers.requests] == [
        ("https://library.example/v1/count", since | {"day": "2026-11-21"}),
        (URL, since),
    ]


def test_each_slice_must_have_its_own_total() -> None:
    answers = Answers([{"loans": [], "total": 0}, {"loans": [], "total": 1}])
    read = declared(slice_minutes=720, complete={"total": "$.total"})
    with pytest.raises(BadInput) as refused:
        list(records(read, answers))
    assert str(refused.value) == (
        f"{SOURCE} {DAY}: expected total 1 in slice 2026-11-21T10:00:00Z/2026-11-21T22:00:00Z, found 0 rows. "
        f"{TELL_OWNER}"
    )


def endless(records_of: Iterator[list[Any]]) -> Iterator[Reply]:
    """Pages that each lead to another one, in every way there is."""
    for number, page in enumerate(records_of):
        body = {"loans": page, "next": f"c{number}", "url": f"?n={number}", "total": 4, "more": True}
        yield Reply(body, headers={"X-Next": f"c{number}", "Link": f"<?n={number}>; rel=next"})


@pytest.mark.parametrize("complete", [{"total": "$.total"}, "unproven", {"has_more": "$.more"}], ids=str)
@pytest.mark.parametrize("pages", PAGES, ids=lambda pages: f"{pages['kind']} {pages.get('end', '')}")
@pytest.mark.parametrize("content", ["nothing", "the same", "one and then nothing"])
def test_a_chain_comes_to_an_end(pages: dict[str, Any], complete: Any, content: str) -> None:
    is_numbered = pages["kind"] in ("offset", "page")
    if complete != "unproven" and is_numbered:
        pages = pages | {"end": "total" if "total" in complete else "has_more"}
    first = [] if content == "nothing" else [loan(1)]
    then = [loan(1)] if content == "the same" else []
    answers = Answers(endless(itertools.chain([first], itertools.repeat(then))))
    day = records(declared(pages=pages, complete=complete), answers)
    ends_by_empty_page = complete == "unproven" and (is_numbered or pages.get("end") == "empty_page")
    if ends_by_empty_page and content != "the same":
        assert list(day) == first
        return
    with pytest.raises(BadInput):
        list(day)
    assert len(answers.requests) <= 6


def test_pages_without_records_come_to_an_end() -> None:
    pages = ({"loans": [], "next": f"{number}", "total": 2} for number in range(9))
    answers = Answers(pages)
    with pytest.raises(BadInput, match=r"expected total 2 in slice .*, found 0 rows on 4 pages and no end"):
        list(records(declared(complete={"total": "$.total"}), answers))
    assert len(answers.requests) == 4


def test_a_slice_is_read_page_by_page() -> None:
    answers = Answers([{"loans": loans(1, 2), "next": "a"}, {"loans": loans(3, 3)}])
    assert client(declared(), answers).chain(WHOLE_DAY, read=len) == [2, 1]


def test_a_slice_without_records_is_one_page() -> None:
    assert client(declared(complete={"total": "$.total"}), Answers([{"loans": [], "total": 0}])).chain(
        WHOLE_DAY, read=len
    ) == [0]


def test_a_slice_stops_between_two_pages_when_another_one_failed() -> None:
    stop = threading.Event()

    def pages() -> Iterator[dict[str, Any]]:
        yield {"loans": [loan(1)], "next": "a", "total": 9}
        stop.set()
        yield {"loans": [loan(2)], "next": "b", "total": 9}

    asking = client(declared(complete={"total": "$.total"}), Answers(pages()))
    assert asking.chain(WHOLE_DAY, read=len, stop=stop) == [1, 1]


def test_an_answer_that_is_not_read_is_closed() -> None:
    answers = Answers([Reply(b"no", 403, "Forbidden")])
    with pytest.raises(AccessDenied):
        list(records(declared(), answers))
    assert answers.responses[0].closed


# Windows.


@pytest.mark.parametrize(
    ("lent_at", "is_refused"),
    [
        ("2026-11-20T22:00:00Z", False),
        ("2026-11-20T21:59:59.999999Z", True),
        ("2026-11-21T21:59:59.9999999Z", False),
        ("2026-11-21T22:00:00.000001Z", True),
        (" 2026-11-21T00:30:00+02:00 ", False),
        ("2026-11-21T23:59:00+02:00", False),
        ("2026-11-22T00:00:01+02:00", True),
        ("1999-01-01T00:00:00Z", True),
        ("0001-01-01T00:00:00+18:00", True),
        ("2026-11-25T09:00:00", False),
        ("soon", False),
        (None, False),
        (7, False),
    ],
)
def test_records_of_another_window_are_refused(lent_at: object, is_refused: bool) -> None:
    page = [{"lent": {"at": "2026-11-21T05:30:00Z"}}, {"lent": {"at": lent_at}}, {"lent": 1}, {}, None]
    answers = Answers([{"loans": page, "total": 5}])
    day = records(declared(complete={"total": "$.total"}, day_column="$.lent.at"), answers)
    if not is_refused:
        assert list(day) == page
        return
    with pytest.raises(BadInput) as refused:
        list(day)
    assert str(refused.value) == (
        f"{SOURCE} {DAY}: expected records of that window in {IN_DAY}, found 1 of another one ({lent_at}). {TELL_OWNER}"
    )


# Bodies.


@pytest.mark.parametrize(
    ("content", "around", "texts"),
    [
        (b'{"a":{"b":[1, {"c":[2,3]}]},"n":1}', b'{"a":{"b":[]},"n":1}', [b"1", b'{"c":[2,3]}']),
        (b'{"b":[7],"a":{"b":[]},"b":[8]}', b'{"b":[7],"a":{"b":[]},"b":[8]}', []),
        (b'{"a":[{"b":[1]}],"a":{"b":["]"]}}', b'{"a":[{"b":[1]}],"a":{"b":[]}}', [b'"]"']),
        (b'{"a":{"\\u0062":["a,b\\"]", nan]}}', b'{"a":{"\\u0062":[]}}', [b'"a,b\\"]"', b"nan"]),
        (b'{"a":{"b":[{"c":[1},{"d":2}]}}', b'{"a":{"b":[]}}', [b'{"c":[1}', b'{"d":2}']),
        (b'{"a":{"b":[{"c":1}},{"d":2}]}}', b'{"a":{"b":[]}}', [b'{"c":1}}', b'{"d":2}']),
        (b'{"a":{"b":[1,,2,]}}', b'{"a":{"b":[]}}', [b"1", b"", b"2"]),
    ],
    ids=["nested", "elsewhere too", "twice", "texts", "left open", "closed too often", "commas"],
)
def test_a_body_is_split_into_its_records(content: bytes, around: bytes, texts: list[bytes]) -> None:
    assert split(content, "$.a.b") == (around, texts)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"7",
        b"{}",
        b'{"a":{"b":7}}',
        b'{"a":{"b":[1',
        b'{"a":{"b":["1]}}',
        b'{"a":{"b":[{"c":1]}}',
        b'}{"a":{"b":[]}}',
    ],
)
def test_a_body_without_an_array_of_records_cannot_be_split(content: bytes) -> None:
    with pytest.raises(Malformed):
        split(content, "$.a.b")


def test_a_record_that_is_no_json_does_not_cost_the_others() -> None:
    content = b'[{"id":1,"fine":1.00000000000000001}, {"id":2,}, {"id":NaN}, "\xff", null]'
    _, page = parsed(content, "", path="$")
    good = {"id": 1, "fine": Decimal("1.00000000000000001")}
    assert page == [good, Broken(b'{"id":2,}'), Broken(b'{"id":NaN}'), Broken(b'"\xff"'), None]


def test_a_record_that_is_nested_too_deep_is_one_reject() -> None:
    deep = b'{"id":' + b"[" * 10_001 + b"]" * 10_001 + b"}"
    assert parsed(b'{"loans":[' + deep + b',{"id":2}]}', "", path="$.loans")[1] == [Broken(deep), {"id": 2}]


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    with pytest.raises(BrokenAnswer, match="a body that is no JSON"):
        parsed(b'{"loans":[{"id":NaN}],"loans":null}', "", path="$.loans")


PLAIN = b'{"loans": [' + b",".join(b'{"id": %d}' % number for number in range(99)) + b"]}" + b" " * 1000
FIXED = zlib.compressobj(wbits=-15, strategy=zlib.Z_FIXED)  # all of it has come before all of it is unpacked
PACKED = {
    "gzip": gzip.compress(PLAIN),
    "x-gzip": gzip.compress(PLAIN[:50]) + gzip.compress(PLAIN[50:]) + b"\0" * 9,  # members, and what is nobody's
    "deflate": zlib.compress(PLAIN),
    "Deflate": FIXED.compress(PLAIN) + FIXED.flush(),
}


@pytest.mark.parametrize("part_bytes", [1, 2, 7, 2**16])
@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_is_unpacked_whatever_parts_it_comes_in(
    encoding: str, part_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PART_BYTES", part_bytes)

    def content(packed: bytes) -> bytes:
        response = Reply(packed, headers={"Content-Encoding": encoding}).response()
        return download.content_of(SimpleNamespace(headers=response.headers, raw=response), cap=len(PLAIN))

    assert content(PACKED[encoding]) == PLAIN
    with pytest.raises(BrokenAnswer, match="a body that was cut off"):
        content(PACKED[encoding][: len(zlib.compress(PLAIN)) // 2])


@pytest.mark.parametrize("encoding", [None, "gzip"])
@pytest.mark.parametrize(("cap", "is_refused"), [(0, False), (-1, True)])
def test_a_body_may_be_as_large_as_the_cap(encoding: str | None, cap: int, is_refused: bool) -> None:
    body, headers = (gzip.compress(PLAIN), {"Content-Encoding": "gzip"}) if encoding else (PLAIN, {})
    answers = Answers([Reply(body, headers=headers)])
    day = records(declared(), answers, connection(max_page_bytes=len(PLAIN) + cap))
    if not is_refused:
        assert len(list(day)) == 99
        return
    with pytest.raises(BadInput, match="found more, unpacked" if encoding else "found more, as sent"):
        list(day)


def test_broken_answers_are_asked_for_again_three_times() -> None:
    answers = Answers([b"{", b"{", {"loans": [loan(1)]}])
    assert list(records(declared(), answers)) == [loan(1)]


# Of one process.


@pytest.mark.parametrize(("share", "concurrency", "interval_s"), [(1, 8, 0.02), (3, 2, 0.06), (20, 1, 0.4)])
def test_processes_divide_concurrency_and_budget_among_them(share: int, concurrency: int, interval_s: float) -> None:
    asking = Client(connection(requests_per_second=50), declared(), source=SOURCE, partition=DAY, share=share)
    assert asking.concurrency == concurrency
    assert asking._exchange._budget._interval_s == pytest.approx(interval_s)


def test_the_budget_spaces_requests_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(round(seconds, 6))
        clock[0] += seconds

    monkeypatch.setattr(exchange.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(exchange.time, "sleep", sleep)
    budget = Budget(4.0)
    for _ in range(3):
        budget.wait()
    clock[0] += 10.0  # time that nobody used is not saved up
    for _ in range(2):
        budget.wait()
    assert waits == [0.0, 0.25, 0.25, 0.0, 0.25]


def test_certificates_and_proxies_are_the_environments_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert (session(connection(), threads=1).verify, session(connection(), threads=1).trust_env) == (True, False)
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ours.pem")
    assert session(connection(), threads=1).verify == "/etc/ours.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/requests.pem")
    assert session(connection(), threads=1).verify == "/etc/requests.pem"


# A few records, and errors on their way to the driver.


def test_the_first_records_need_no_more_pages_than_they_are_on() -> None:
    replies = [{"loans": []}, {"loans": loans(1, 2), "next": "a"}, {"loans": loans(3, 4), "next": "b"}]
    answers = Answers(replies)
    settings = connection()
    few = first_records(
        settings,
        declared(slice_minutes=720),
        source=SOURCE,
        partition=DAY,
        limit=3,
        opened=answers.session(settings),
    )
    assert (few, len(answers.requests)) == (loans(1, 3), 3)


def test_fewer_records_than_wanted_are_all() -> None:
    settings = connection()
    opened = Answers([{"loans": loans(1, 2)}]).session(settings)
    few = first_records(settings, declared(), source=SOURCE, partition=DAY, limit=9, opened=opened)
    assert few == loans(1, 2)


@pytest.mark.parametrize("kind", [AccessDenied, BadInput, Unavailable])
def test_an_error_of_a_worker_reaches_the_driver_as_it_was(kind: type[PipelineError]) -> None:
    error = kind(dataset=SOURCE, partition=DAY, expected="é", found='"quoted"', fix="Do.")
    again = unpacked(packed(error), dataset=SOURCE, partition=DAY)
    assert (type(again), str(again)) == (kind, str(error))
