"""What a request may send and must, in query, body and path."""

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.local_stack.rest.client import BETWEEN, CURSOR, DAY, LOANS, Client, array, contract, write
from tests.local_stack.rest.conftest import ClientOf, Serve
from tests.local_stack.rest.dialects import READS


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"limit": "0"}, "limit is 1 to 1000"),
        ({"limit": "1001"}, "limit is 1 to 1000"),
        ({"limit": "ten"}, "limit is 1 to 1000"),
        ({"limit": "9" * 5000}, "limit is 1 to 1000"),
        ({"cursor": ""}, "cursor is '', which no answer had"),
        ({"cursor": "MTA"}, "cursor is 'MTA', which no answer had"),
        ({"cursor": "LTE="}, "cursor is 'LTE=', which no answer had"),
        (
            {"from": "2026-11-21T00:00:00"},
            "from is '2026-11-21T00:00:00', expected an instant with an offset, such as 2026-11-21T05:00:00Z",
        ),
        ({"to": "1795219200"}, "to is '1795219200', expected an instant with an offset, such as 2026-11-21T05:00:00Z"),
        ({"limit": ["3", "3"]}, "limit is there twice"),
        ({"page_token": "MA=="}, "page_token is unknown"),
    ],
)
def test_a_parameter_that_says_nothing_is_refused(cursor: Client, changes: dict[str, Any], error: str) -> None:
    answer = requests.get(cursor.url, params=cursor.filled(cursor.read.params) | changes, timeout=10)
    assert (answer.status_code, answer.json()) == (400, {"error": f"parameter {error}"})


@pytest.mark.parametrize(
    ("times", "start", "error"),
    [
        ("epoch", "2026-11-21T00:00:00Z", "is '2026-11-21T00:00:00Z', expected whole seconds since 1970"),
        ("epoch", "1795219200.5", "is '1795219200.5', expected whole seconds since 1970"),
        ("epoch", "999999999999999", "is '999999999999999', expected whole seconds since 1970"),
        ("epoch_ms", "1e12", "is '1e12', expected whole milliseconds since 1970"),
        ("date", "20261121", "is '20261121', expected a date, such as 2026-11-21"),
        ("date", "2026-11-31", "is '2026-11-31', expected a date, such as 2026-11-21"),
    ],
)
def test_an_instant_is_written_as_the_contract_says(serve: Serve, times: str, start: str, error: str) -> None:
    base = serve(contract(CURSOR | {"times": times}))
    answer = requests.get(f"{base}/v1/loans", params={"from": start, "to": start, "limit": 3}, timeout=10)
    assert (answer.status_code, answer.json()) == (400, {"error": f"parameter from {error}"})


@pytest.mark.parametrize("day", ["yesterday", "20261121", "2026-11-31"])
def test_a_day_in_a_path_is_a_date(serve: Serve, day: str) -> None:
    base = serve(contract(READS["a day's path"]))
    answer = requests.get(f"{base}/v1/days/{day}/loans", params={"limit": 3}, timeout=10)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": f"parameter {{partition}} of the path is '{day}', expected a date, such as 2026-11-21"},
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "body is no JSON"),
        (b"{", "body is no JSON"),
        (b"[]", "body is no object"),
        (b'{"when":{"from":"{start}","to":"{end}"},"kinds":["book",1],"colour":1}', "colour is unknown"),
        (b'{"when":{"from":"{start}"},"kinds":["book",1]}', "when.to is missing"),
        (b'{"when":{"from":"{start}","to":"{end}","by":1},"kinds":["book",1]}', "when.by is unknown"),
        (b'{"when":[],"kinds":["book",1]}', "when is no object"),
        (b'{"when":{"from":"{start}","to":"{end}"},"kinds":["book",true]}', "kinds[1] is 'True', known is '1'"),
        (b'{"when":{"from":"{start}","to":"{end}"},"kinds":["film",1]}', "kinds[0] is 'film', known is 'book'"),
        (b'{"when":{"from":"{start}","to":"{end}"},"kinds":["book"]}', "kinds is no list of 2"),
        (b'{"when":{"from":"{start}","to":"{end}"},"kinds":["book",1],"limit":0}', "limit is 1 to 1000"),
        (
            b'{"when":{"from":"{start}","to":"{end}"},"kinds":["book",1],"cursor":7}',
            "cursor is '7', which no answer had",
        ),
        (b'{"when":{"from":5,"to":"{end}"},"kinds":["book",1]}', None),
    ],
)
def test_a_body_is_as_it_is_declared(serve: Serve, body: bytes, error: str | None) -> None:
    base = serve(contract(READS["a body"]))
    ends = {b"{start}": b"2026-11-21T00:00:00Z", b"{end}": b"2026-11-22T00:00:00Z"}
    for name, text in ends.items():
        body = body.replace(name, text)
    answer = requests.post(f"{base}/v1/loans", data=body, timeout=10)
    expected = error or "when.from is '5', expected an instant with an offset, such as 2026-11-21T05:00:00Z"
    assert (answer.status_code, answer.json()) == (400, {"error": f"parameter {expected}"})


def test_seconds_in_a_body_are_a_number_or_its_text(serve: Serve) -> None:
    base = serve(contract(READS["a body"] | {"times": "epoch"}))
    first, second = int(DAY.timestamp()), int(DAY.timestamp()) + 1
    for start, end in ((first, second), (str(first), str(second))):
        body = {"when": {"from": start, "to": end}, "kinds": ["book", 1]}
        answer = requests.post(f"{base}/v1/loans", json=body, timeout=10)
        assert answer.content.startswith(b'{"data":' + array(LOANS[:1]))


def test_a_post_without_a_declared_body_has_none(serve: Serve) -> None:
    base = serve(contract(CURSOR | {"method": "POST", "params": {"limit": 3}}))
    assert requests.post(f"{base}/v1/loans", params={"limit": 3}, timeout=10).status_code == 200
    answer = requests.post(f"{base}/v1/loans", params={"limit": 3}, json={}, timeout=10)
    assert (answer.status_code, answer.json()) == (400, {"error": "parameter a body is unknown"})


def test_an_instant_that_is_sent_twice_is_one(serve: Serve) -> None:
    base = serve(contract(CURSOR | {"params": {"from": "{start}", "again": "{start}"}}))
    ends = {"from": "2026-11-21T00:00:00Z", "again": "2026-11-21T00:00:01Z"}
    answer = requests.get(f"{base}/v1/loans", params=ends, timeout=10)
    assert answer.json() == {
        "error": "parameter again is '2026-11-21T00:00:01Z', but {start} is something else elsewhere"
    }


def test_sources_of_one_path_are_told_apart_by_what_is_fixed(serve: Serve, tmp_path: Path) -> None:
    names = ("books", "films")
    for name in names:
        write(tmp_path / name, "2026-11-21", [f'{{"at":"2026-11-21T01:00:00Z","is":"{name}"}}'.encode()])
    sources = [contract(CURSOR | {"params": {**BETWEEN, "kind": name}}, name) for name in names]
    base = serve(*sources, data=tmp_path)
    ends = {"from": "2026-11-21T00:00:00Z", "to": "2026-11-22T00:00:00Z"}

    def ask(kind: str) -> Any:
        return requests.get(f"{base}/v1/loans", params=ends | {"kind": kind}, timeout=10).json()

    assert [ask(name)["data"][0]["is"] for name in names] == list(names)
    assert ask("games") == {"error": "parameter kind is 'games', known is 'books'"}
    assert requests.get(f"{base}/health", timeout=10).json() == {"books": 1, "films": 1, "requests": 3}
    fault = {"kind": "status", "status": 500, "source": "films", "after": 1}
    requests.put(f"{base}/faults", json=fault, timeout=10).raise_for_status()
    assert ["data" in ask(name) for name in ("films", "books", "films", "books")] == [True, True, False, True]


def test_a_fixed_path_is_not_the_one_with_any_text(serve: Serve, tmp_path: Path) -> None:
    for name in ("any", "all"):
        write(tmp_path / name, "2026-11-21", [f'{{"is":"{name}"}}'.encode()])
    paths = {"any": "/{partition}/loans", "all": "/all/loans"}
    sources = [contract(CURSOR | {"path": path, "params": {}}, name) for name, path in paths.items()]
    base = serve(*sources, data=tmp_path)
    answers = [requests.get(f"{base}/{each}/loans", timeout=10).json() for each in ("2026-11-21", "all")]
    assert [answer["data"][0]["is"] for answer in answers] == ["any", "all"]


def test_a_place_within_a_body_is_there_and_nowhere_beside_it(client_of: ClientOf) -> None:
    client = client_of(READS["a body and a place within"])
    answers = [client.ask({name: "MA=="}) for name in ("variables.after", "variables.before", "after")]
    assert [answer.status_code for answer in answers] == [200, 400, 400]
    assert [answer.json()["error"] for answer in answers[1:]] == [
        "parameter variables.before is unknown",
        "parameter after is unknown",
    ]
