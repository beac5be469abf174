"""What lets the REST client in, and that no secret of it is ever shown, without a network."""

import base64
import logging
import pickle
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest
import requests

from emr_jobs.core.errors import AccessDenied, Misconfigured
from emr_jobs.core.settings import OAuth2
from emr_jobs.reading.values import number
from emr_jobs.sources.rest import Client, Slice
from emr_jobs.sources.rest.auth import Token
from emr_jobs.sources.rest.fetch import Part
from emr_jobs.sources.rest.refusals import shown
from tests.emr_jobs.sources.library_api import (
    DAY,
    KEY,
    SOURCE,
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
OAUTH = {
    "kind": "oauth2",
    "token_url": "https://id.example/token",
    "client_id": "read:er",
    "client_secret": "env:LIBRARY_KEY",
    "scope": "loans",
}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRARY_KEY", KEY)


def queries(answers: Answers) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(url).query, keep_blank_values=True) for url in answers.asked]


def sent_with(auth: dict[str, Any], **headers: str) -> requests.PreparedRequest:
    answers = Answers([{"loans": []}])
    list(records(declared(params={}), answers, connection(auth=auth, headers=headers)))
    return answers.requests[0]


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [
        ({"kind": "bearer", "token": "env:LIBRARY_KEY"}, "Authorization", f"Bearer {KEY}"),
        ({"kind": "header", "name": "X-Key", "key": "env:LIBRARY_KEY"}, "X-Key", KEY),
        (
            {"kind": "basic", "username": "réader", "password": "env:LIBRARY_KEY"},
            "Authorization",
            "Basic " + base64.b64encode(f"réader:{KEY}".encode()).decode(),
        ),
        ({"kind": "none"}, "Authorization", None),
    ],
    ids=["bearer", "header", "basic", "none"],
)
def test_a_request_has_what_lets_it_in(auth: dict[str, Any], name: str, value: str | None) -> None:
    request = sent_with(auth, **{"X-Club": "readers"})
    assert (request.url, request.headers.get(name)) == (URL, value)
    assert (request.headers["Accept"], request.headers["X-Club"]) == ("application/json", "readers")


def test_a_key_of_the_query_is_sent_once_also_where_the_answer_names_it() -> None:
    auth = {"kind": "query", "name": "key", "key": "env:LIBRARY_KEY"}
    answers = Answers([{"loans": [loan(1)], "next": f"?page=2&key={KEY}&blank="}, {"loans": []}])
    read = declared(params={"since": "{partition}"}, pages={"kind": "next_url", "field": "$.next"})
    assert list(records(read, answers, connection(auth=auth))) == [loan(1)]
    assert queries(answers) == [
        {"since": ["2026-11-21"], "key": [KEY]},
        {"page": ["2"], "blank": [""], "key": [KEY]},
    ]


@pytest.mark.parametrize(
    ("auth", "expected", "fix"),
    [
        ({"kind": "bearer", "token": "env:LIBRARY_KEY"}, "accept the token env:LIBRARY_KEY", "token"),
        ({"kind": "header", "name": "X-Key", "key": "env:LIBRARY_KEY"}, "accept the key env:LIBRARY_KEY", "key"),
        ({"kind": "query", "name": "key", "key": "env:LIBRARY_KEY"}, "accept the key env:LIBRARY_KEY", "key"),
        (
            {"kind": "basic", "username": "reader", "password": "env:LIBRARY_KEY"},
            "let reader in with the password env:LIBRARY_KEY",
            "password",
        ),
    ],
    ids=["bearer", "header", "query", "basic"],
)
def test_a_secret_that_is_refused_is_named_and_not_shown(auth: dict[str, Any], expected: str, fix: str) -> None:
    answers = Answers([Reply(status=401, reason="Unauthorized")])
    with pytest.raises(AccessDenied) as refused:
        list(records(declared(), answers, connection(auth=auth)))
    assert str(refused.value) == (
        f"{SOURCE} {DAY}: expected {URL} to {expected}, found 401 Unauthorized. Renew the {fix} under that name."
    )
    assert len(answers.requests) == 1


def test_a_secret_that_no_header_can_have_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRARY_KEY", f"{KEY}\n")
    with pytest.raises(Misconfigured) as refused:
        sent_with({"kind": "bearer", "token": "env:LIBRARY_KEY"})
    assert str(refused.value).startswith("secret env:LIBRARY_KEY: has a character that no header can have")
    assert KEY not in str(refused.value)


def test_a_secret_that_is_not_there_is_missed_before_anything_is_asked() -> None:
    with pytest.raises(Misconfigured, match="secret env:NOBODY"):
        client(declared(), Answers([]), connection(auth={"kind": "bearer", "token": "env:NOBODY"}))


class Api:
    """Gives out tokens that are numbered and valid for so long, and lets in who has the newest."""

    def __init__(self, *, expires_in: Any = 3600) -> None:
        self.expires_in = expires_in
        self.tokens = 0
        self.pages = 0
        self.revoked = False

    def __call__(self, request: requests.PreparedRequest) -> Any:
        if str(request.url) == OAUTH["token_url"]:
            self.tokens += 1
            self.revoked = False
            return {"access_token": f"t{self.tokens}", "token_type": "bearer", "expires_in": self.expires_in}
        if self.revoked or request.headers["Authorization"] != f"Bearer t{self.tokens}":
            return Reply(status=401, reason="Unauthorized")
        self.pages += 1
        return {"loans": [loan(self.pages)], "next": str(self.pages) if self.pages % 3 else None}


@pytest.mark.parametrize("place", ["header", "body"])
def test_a_token_is_asked_for_once_and_sent_with_every_page(place: str) -> None:
    answers = Answers(Api())
    day = records(declared(), answers, connection(auth=OAUTH | {"credentials_in": place}))
    assert list(day) == loans(1, 3)
    asked, *pages = answers.requests
    form = {"grant_type": ["client_credentials"], "scope": ["loans"]}
    basic = "Basic " + base64.b64encode(f"read%3Aer:{KEY}".encode()).decode()
    if place == "body":
        form |= {"client_id": ["read:er"], "client_secret": [KEY]}
    assert (asked.method, asked.url, parse_qs(asked.body)) == ("POST", OAUTH["token_url"], form)
    assert asked.headers.get("Authorization") == (basic if place == "header" else None)
    assert [each.headers["Authorization"] for each in pages] == ["Bearer t1"] * 3


def test_a_token_that_is_refused_in_the_middle_is_replaced_once() -> None:
    api = Api()
    pages = client(declared(), Answers(api), connection(auth=OAUTH)).pages(WHOLE_DAY)
    assert next(pages) == [loan(1)]
    api.revoked = True
    assert list(pages) == [[loan(2)], [loan(3)]]
    assert api.tokens == 2


@pytest.mark.parametrize(
    ("expires_in", "asked_at"),
    [(100, [0, 70, 140]), ("100", [0, 70, 140]), (20, [0, 10, 20]), (None, [0]), (0, [0]), ("soon", [0])],
)
def test_a_token_is_replaced_before_it_expires(expires_in: Any, asked_at: list[int]) -> None:
    now = [0.0]
    asked: list[float] = []

    def ask(form: dict[str, str], headers: dict[str, str]) -> tuple[str, float | None]:
        asked.append(now[0])
        valid_s = number(expires_in)
        return "t", float(valid_s) if valid_s else None

    token = Token(OAuth2.model_validate(OAUTH), ask, lambda: now[0])
    for second in range(asked_at[-1] + 1):
        now[0] = float(second)
        token.headers()
    assert asked == asked_at


def test_threads_whose_token_was_refused_ask_for_one_together() -> None:
    asked: list[int] = []

    def ask(form: dict[str, str], headers: dict[str, str]) -> tuple[str, float | None]:
        asked.append(len(asked))
        return f"t{len(asked)}", None

    token = Token(OAuth2.model_validate(OAUTH), ask, lambda: 0.0)
    refused = token.headers()
    assert [token.renewed(refused), token.renewed(refused)] == [True, True]
    assert (token.headers(), len(asked)) == ({"Authorization": "Bearer t2"}, 2)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (f"https://u:{KEY}@library.example:8/v1?key={KEY}#{KEY}", "https://library.example:8/v1"),
        ("https://library.example", "https://library.example"),
    ],
)
def test_an_address_is_shown_without_what_could_be_secret(url: str, text: str) -> None:
    assert shown(url) == text


def test_urllib3_logs_no_query(caplog: pytest.LogCaptureFixture) -> None:
    client(declared(), Answers([]))
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        with caplog.at_level(logging.DEBUG, logger=name):
            logging.getLogger(name).warning("Retrying %r: %s", "x", f"/v1/loans?key={KEY} and more")
    assert [record.getMessage() for record in caplog.records] == ["Retrying 'x': /v1/loans?... and more"] * 2


def test_neither_a_client_nor_what_is_sent_to_the_workers_holds_a_secret() -> None:
    settings = connection(auth={"kind": "query", "name": "key", "key": "env:LIBRARY_KEY"})
    asking = Client(settings, declared(), source=SOURCE, partition=DAY)
    part = Part((WHOLE_DAY,), settings, declared(), SOURCE, DAY, 1, pa.schema({"id": pa.string()}), len)
    assert KEY not in repr(asking) + repr(vars(asking)) + repr(part)
    assert KEY.encode() not in pickle.dumps(part)
