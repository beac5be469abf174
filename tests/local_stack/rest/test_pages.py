"""Answers whole: envelopes, addresses of the next page, sizes of pages, totals."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.local_stack.rest.client import BETWEEN, CURSOR, LOANS, SECRET, Client, array, auth, contract, loan, write
from tests.local_stack.rest.conftest import ClientOf, Serve
from tests.local_stack.rest.dialects import READS


def test_the_envelope_has_what_is_declared_and_nothing_else(cursor: Client) -> None:
    first, second, last = cursor.pages()
    tokens = [re.fullmatch(rb'.*"next":"([^"]+)".*', each.content, re.DOTALL) for each in (first, second)]
    assert [match is not None for match in tokens] == [True, True]
    expected = [
        b'{"data":' + array(LOANS[:3]) + b',"next":"' + tokens[0][1] + b'","total":7}',  # type: ignore[index]
        b'{"data":' + array(LOANS[3:6]) + b',"next":"' + tokens[1][1] + b'","total":7}',  # type: ignore[index]
        b'{"data":' + array(LOANS[6:]) + b',"next":null,"total":7}',
    ]
    assert [first.content, second.content, last.content] == expected


def test_paths_that_share_a_holder_are_one_object(client_of: ClientOf) -> None:
    last = list(client_of(READS["cursor deep within"]).pages())[-1]
    assert last.content == b'{"result":{"items":' + array(LOANS[6:]) + b',"page":{"next":null,"of":7}}}'


def test_addresses_are_whole_have_what_was_asked_and_not_the_key(client_of: ClientOf) -> None:
    client = client_of(READS["address"], auth_=auth("query", name="key", key="env:KEY"))
    client.session.params = {"key": SECRET}
    answers = list(client.pages())
    links = [answer.json()["links"]["next"] for answer in answers]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert links[2] is None
    for link in links[:2]:
        asked = requests.models.PreparedRequest()
        asked.prepare_url(client.url, client.filled(client.read.params))
        assert link.startswith(f"{asked.url}&page_token=")
        assert SECRET not in link


def test_a_link_header_names_the_first_page_too_and_ends_without_a_next(client_of: ClientOf) -> None:
    client = client_of(READS["Link header"])
    first, *_, last = client.pages()
    assert set(first.links) == {"first", "next"}
    assert set(last.links) == {"first"}
    assert client.ask(url=last.links["first"]["url"]).content == first.content == array(LOANS[:3])


def test_a_page_is_as_long_as_the_parameter_of_its_size_says(client_of: ClientOf, tmp_path: Path) -> None:
    write(tmp_path / "loans", "2026-11-21", [loan(number, "2026-11-21T01:00:00Z") for number in range(1200)])

    def lengths(read: Mapping[str, Any], *sent: Mapping[str, Any]) -> list[int]:
        client = client_of(CURSOR | read, data=tmp_path)
        return [len(client.ask(each).json()["data"]) for each in sent]

    for name in ("limit", "page_size", "per_page"):
        assert lengths({"params": BETWEEN | {name: 40}}, {}, {name: 1}, {name: 1000}) == [40, 1, 1000]
    assert lengths({"params": BETWEEN}, {}) == [100]
    assert lengths({"params": BETWEEN | {"limit": 1100}}, {}) == [1100]  # where the API allows more
    numbered = {"kind": "offset", "size_param": "take"}
    sizes = BETWEEN | {"take": 30, "limit": 7}
    assert lengths({"params": sizes, "pages": numbered, "complete": "unproven"}, {}, {"take": 50}) == [30, 50]
    assert lengths({"params": BETWEEN, "pages": {"kind": "none"}}, {}) == [1200]
    assert lengths({"params": BETWEEN | {"limit": 500}, "pages": {"kind": "none"}}, {}) == [500]


def test_a_size_that_is_declared_may_be_left_out(cursor: Client) -> None:
    answer = requests.get(cursor.url, params=cursor.filled(BETWEEN), timeout=10)
    assert answer.content.startswith(b'{"data":' + array(LOANS) + b',"next":null')


def test_a_cursor_that_must_be_sent_first_is_missed(client_of: ClientOf) -> None:
    answer = client_of(READS["cursor sent first"]).ask()
    assert (answer.status_code, answer.json()) == (400, {"error": "parameter cursor is missing: the first is *"})


TOTAL_ELSEWHERE = CURSOR | {
    "complete": {"total_request": {"path": "/v1/count", "params": {"limit": 0, "of": "loans"}, "field": "$.meta.n"}}
}


def test_a_total_is_counted_by_the_request_that_is_declared(serve: Serve) -> None:
    base = serve(contract(TOTAL_ELSEWHERE))
    ends = {"from": "2026-11-21T00:00:00Z", "to": "2026-11-21T02:00:00Z"}

    def count(**more: Any) -> tuple[int, bytes]:
        answer = requests.get(f"{base}/v1/count", params={**ends, **more}, timeout=10)
        return answer.status_code, answer.content

    assert count(limit=0, of="loans") == (200, b'{"meta":{"n":2}}')
    assert count(limit=3, of="loans") == (400, b"{\"error\":\"parameter limit is '3', known is '0'\"}")
    assert count(limit=0) == (400, b'{"error":"parameter of is missing"}')
    page = requests.get(f"{base}/v1/loans", params=ends, timeout=10).content
    assert page == b'{"data":' + array(LOANS[:2]) + b',"next":null}'
    requests.put(f"{base}/faults", json={"kind": "lying_total", "times": 1}, timeout=10).raise_for_status()
    assert requests.get(f"{base}/v1/loans", params=ends, timeout=10).content == page
    assert count(limit=0, of="loans") == (200, b'{"meta":{"n":3}}')
    assert count(limit=0, of="loans") == (200, b'{"meta":{"n":2}}')


def test_a_total_that_is_asked_for_where_the_pages_are(serve: Serve) -> None:
    """By a parameter more it is the total alone; by a page of one it stands in that."""
    asks = {"path": "/v1/loans", "params": {"only": "count"}, "field": "$.n"}
    base = serve(contract(CURSOR | {"complete": {"total_request": asks}}))
    ends = {"from": "2026-11-21T00:00:00Z", "to": "2026-11-21T02:00:00Z"}
    alone = requests.get(f"{base}/v1/loans", params=ends | {"limit": 3, "only": "count"}, timeout=10)
    page = requests.get(f"{base}/v1/loans", params=ends | {"limit": 1}, timeout=10)
    assert alone.content == b'{"n":2}'
    assert (page.json()["data"], page.json()["n"]) == ([json.loads(LOANS[0])], 2)


def test_a_total_is_asked_for_with_the_body_of_the_pages(serve: Serve) -> None:
    asks = {"path": "/v1/count", "params": {"page.rows": 0, "only": "count"}, "field": "$"}
    read = READS["a body and numbers deep within"]
    base = serve(contract(read | {"complete": {"total_request": asks}}))
    when = {"from": "2026-11-21T00:00:00Z", "to": "2026-11-21T02:00:00Z"}

    def count(**body: Any) -> bytes:
        return requests.post(f"{base}/v1/count", json={"when": when, **body}, timeout=10).content

    assert count(page={"rows": 0}, only="count") == b"2"
    assert count(page={"rows": 3}, only="count") == b"{\"error\":\"parameter page.rows is '3', known is '0'\"}"
    assert count(page={"rows": 0}) == b'{"error":"parameter only is missing"}'
