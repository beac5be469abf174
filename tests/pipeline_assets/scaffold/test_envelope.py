"""How an API is read, by one of its pages."""

from typing import Any

import pytest

from emr_jobs.contracts.read import Rest
from emr_jobs.core.errors import Misconfigured
from pipeline_assets.scaffold.envelope import Envelope, envelope_of

LOANS = [{"id": number} for number in range(3)]
HUNDRED = [{"id": number} for number in range(100)]
WINDOW = "since={start}&until={end}"
NEXT = "https://library.example/v1/loans?cursor=abc&since=2026-11-21T00:00:00Z&limit=3"


def envelope(body: Any, *, query: str = WINDOW, headers: dict[str, str] | None = None) -> Envelope:
    found = envelope_of(body, query=query, host="library.example", headers=headers or {})
    Rest.model_validate({"kind": "rest", "connection": "library", **found.read})  # what is guessed can be declared
    return found


@pytest.mark.parametrize(
    ("body", "records", "pages", "complete"),
    [
        (
            {"results": LOANS, "links": {"next": NEXT, "self": NEXT}},
            "$.results",
            {"kind": "next_url", "field": "$.links.next"},
            "unproven",
        ),
        (
            {"data": LOANS, "total": "7", "next": "/v1/loans?page=2"},
            "$.data",
            {"kind": "next_url", "field": "$.next"},
            {"total": "$.total"},
        ),
        (
            {"loans": LOANS, "meta": {"next_cursor": "abc", "count": 3}},
            "$.loans",
            {"kind": "cursor", "field": "$.meta.next_cursor"},
            "unproven",
        ),
        (
            {"loans": LOANS, "nextPageToken": "abc", "has_more": True},
            "$.loans",
            {"kind": "cursor", "field": "$.nextPageToken", "param": "pageToken"},
            {"has_more": "$.has_more"},
        ),
        (
            {
                "data": {
                    "loans": {"edges": LOANS, "pageInfo": {"hasNextPage": True, "endCursor": "x", "startCursor": "y"}}
                }
            },
            "$.data.loans.edges",
            {"kind": "cursor", "field": "$.data.loans.pageInfo.endCursor", "param": "after"},
            {"has_more": "$.data.loans.pageInfo.hasNextPage"},
        ),
        (
            {"items": LOANS, "offset": 0, "limit": 3, "count": 7},
            "$.items",
            {"kind": "offset", "end": "total"},
            {"total": "$.count"},
        ),
        ({"items": LOANS, "skip": 0, "take": 3}, "$.items", {"kind": "offset", "param": "skip"}, "unproven"),
        (
            {"content": LOANS, "page": {"size": 3, "totalElements": 7, "totalPages": 3, "number": 0}},
            "$.content",
            {"kind": "page", "end": "total"},
            {"total": "$.page.totalElements"},
        ),
        (
            {"rows": LOANS, "current_page": 1, "last_page": 3, "more": True},
            "$.rows",
            {"kind": "page", "end": "has_more"},
            {"has_more": "$.more"},
        ),
        ({"rows": LOANS, "page": 0}, "$.rows", {"kind": "page", "first": 0}, "unproven"),
        (
            {"rows": LOANS, "next_page": 2},
            "$.rows",
            {"kind": "cursor", "field": "$.next_page", "param": "page"},
            "unproven",
        ),
        ({"rows": LOANS, "total": 3}, "$.rows", {"kind": "none"}, {"total": "$.total"}),
        ({"rows": LOANS, "total": 7}, "$.rows", {"kind": "page", "end": "total"}, {"total": "$.total"}),
        ({"rows": LOANS, "total": 2}, "$.rows", {"kind": "none"}, "unproven"),
        ({"rows": LOANS, "total_amount": 70}, "$.rows", {"kind": "none"}, "unproven"),
        (LOANS, None, {"kind": "none"}, "unproven"),
        (HUNDRED, None, {"kind": "page"}, "unproven"),
        ({"rows": LOANS, "next": None}, "$.rows", {"kind": "next_url", "field": "$.next"}, "unproven"),
        ({"rows": LOANS, "next_cursor": None}, "$.rows", {"kind": "cursor", "field": "$.next_cursor"}, "unproven"),
        ({"short": [{"a": 1}], "rows": LOANS, "tags": ["x"] * 9}, "$.rows", {"kind": "none"}, "unproven"),
    ],
)
def test_records_pages_and_completeness_are_known_by_name_and_value(
    body: Any, records: str | None, pages: dict[str, Any], complete: Any
) -> None:
    found = envelope(body).read
    assert (found.get("records"), found["pages"], found["complete"]) == (records, pages, complete)


def test_a_count_of_the_page_is_no_total() -> None:
    assert envelope({"rows": LOANS, "count": 3, "page": 1}).read["complete"] == "unproven"


@pytest.mark.parametrize(
    ("headers", "pages", "complete"),
    [
        ({"Link": '<https://library.example/v1/loans?page=2>; rel="next"'}, {"kind": "link_header"}, "unproven"),
        ({"X-Total-Count": "7"}, {"kind": "none"}, {"total_header": "X-Total-Count"}),
        ({"X-Total-Pages": "7"}, {"kind": "none"}, "unproven"),
    ],
)
def test_headers_of_an_answer_say_it_too(headers: dict[str, str], pages: dict[str, Any], complete: Any) -> None:
    found = envelope(LOANS, headers=headers).read
    assert (found["pages"], found["complete"]) == (pages, complete)


@pytest.mark.parametrize(
    ("query", "params", "times"),
    [
        (WINDOW, {"since": "{start}", "until": "{end}"}, None),
        (
            "from=2026-11-21T00:00:00Z&to=2026-11-22T00:00:00Z&limit=50",
            {"from": "{start}", "to": "{end}", "limit": 50},
            None,
        ),
        ("lent_after=1763683200&lent_before=1763769600", {"lent_after": "{start}", "lent_before": "{end}"}, "epoch"),
        ("min=1763683200000&max=1763769600000", {"min": "{start}", "max": "{end}"}, "epoch_ms"),
        ("start=2026-11-21&end=2026-11-22&page=1", {"start": "{start}", "end": "{end}"}, "date"),
        ("day={partition}&state=open", {"day": "{partition}", "state": "open"}, None),
        ("state=open", {"from": "{start}", "to": "{end}", "state": "open"}, None),
    ],
)
def test_an_example_of_the_window_becomes_the_days(query: str, params: dict[str, Any], times: str | None) -> None:
    found = envelope(LOANS, query=query).read
    assert (found["params"], found.get("times")) == (params, times)


def test_the_next_page_s_address_shows_the_parameters() -> None:
    found = envelope({"results": LOANS, "next": NEXT}, query="")
    assert found.read["params"] == {"since": "{start}", "limit": 3}
    assert [doubt.says for doubt in found.doubts if doubt.path.endswith("params")] == [
        "{start} is sent, and no parameter has {end}"
    ]


def test_what_nothing_says_is_a_doubt_at_its_place() -> None:
    found = envelope(HUNDRED, query="")
    assert [doubt.path.rpartition(".")[2] for doubt in found.doubts] == ["pages", "complete", "params"]
    assert envelope({"rows": LOANS, "total": 7, "offset": 0}).doubts == ()


def test_a_next_page_on_another_host_is_a_doubt() -> None:
    found = envelope({"rows": LOANS, "next": "https://cdn.example/2", "total": 9})
    assert [doubt.says for doubt in found.doubts] == [
        "the next page is on cdn.example, and only library.example is asked"
    ]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "the sample has no record: $ is an empty list. Take a page that has some"),
        ({"data": {"rows": []}}, "the sample has no record: $.data.rows is an empty list. Take a page that has some"),
        (
            {"id": 7},
            "the sample has no list of objects, so nothing in it is a record. Take a page as the API answers it",
        ),
        ([1, 2], "the sample has no list of objects, so nothing in it is a record. Take a page as the API answers it"),
        ("x", "the sample has no list of objects, so nothing in it is a record. Take a page as the API answers it"),
        (
            {"all loans": LOANS},
            "the records are at $['all loans']: a name with a dot, a bracket or a space cannot stand in a path",
        ),
    ],
)
def test_a_page_without_records_is_refused(body: Any, says: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        envelope(body)
    assert str(refused.value) == says


def test_a_name_that_cannot_stand_in_a_path_leads_nowhere() -> None:
    found = envelope({"value": LOANS, "@odata.nextLink": NEXT})
    assert found.read["pages"] == {"kind": "none"}
