"""Who is let in, for every way in which a connection says who it is; and tokens of oauth2."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from local_stack.rest_api import RestApi
from tests.local_stack.rest.client import (
    CURSOR,
    SECRET,
    auth,
    contract,
)
from tests.local_stack.rest.conftest import Serve

OAUTH = {"token_url": "http://127.0.0.1/oauth/token", "client_id": "reader", "client_secret": "env:S"}


AUTHS = {
    "none": auth("none"),
    "bearer": auth("bearer", token="env:T"),
    "header": auth("header", name="X-Library-Key", key="env:K"),
    "query": auth("query", name="key", key="env:K"),
    "basic": auth("basic", username="reader", password="env:P"),
    "oauth2": auth("oauth2", **OAUTH, scope="loans:read"),
}


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"}


def shown(kind: str, secret: str) -> dict[str, Any]:
    """What a request has beyond its own, for `requests`."""
    return {
        "none": {},
        "bearer": {"headers": {"Authorization": f"Bearer {secret}"}},
        "header": {"headers": {"x-library-key": secret}},
        "query": {"params": {"key": secret}},
        "basic": {"headers": basic("reader", secret)},
        "oauth2": {"headers": {"Authorization": f"Bearer {secret}"}},
    }[kind]


def ask(base: str, extra: Mapping[str, Any]) -> requests.Response:
    ends = {"from": "2026-11-21T00:00:00Z", "to": "2026-11-22T00:00:00Z"}
    values = {**extra, "params": {**ends, **extra.get("params", {})}}
    return requests.get(f"{base}/v1/loans", timeout=10, **values)


@pytest.mark.parametrize("kind", [kind for kind in AUTHS if kind not in ("none", "oauth2")])
def test_only_who_has_the_secret_where_it_belongs_is_let_in(serve: Serve, kind: str) -> None:
    base = serve(contract(CURSOR), auth_=AUTHS[kind])
    assert ask(base, shown(kind, SECRET)).status_code == 200
    word = {"bearer": "token", "basic": "password"}.get(kind, "key")
    others = [shown(other, SECRET) for other in AUTHS if other not in (kind, "oauth2" if kind == "bearer" else kind)]
    lower = {"headers": {"Authorization": f"bearer {SECRET}"}}
    for wrong in [*others, shown(kind, f"{SECRET}x"), shown(kind, ""), lower]:
        answer = ask(base, wrong)
        assert (answer.status_code, answer.json()) == (401, {"error": f"{word} missing or wrong"})
    if kind == "basic":
        assert ask(base, {"headers": basic("other", SECRET)}).status_code == 401
    if kind == "query":
        assert ask(base, {"params": {"key": [SECRET, SECRET]}}).status_code == 401


def test_a_key_in_the_query_is_unknown_where_nobody_asks_for_it(serve: Serve) -> None:
    base = serve(contract(CURSOR))
    assert ask(base, {}).status_code == 200
    assert ask(base, shown("query", SECRET)).json() == {"error": "parameter key is unknown"}


def test_whoever_is_refused_learns_nothing_of_the_request(serve: Serve) -> None:
    base = serve(contract(CURSOR), auth_=AUTHS["bearer"])
    assert ask(base, {"params": {"colour": "red"}}).status_code == 401


GRANT = {"grant_type": "client_credentials", "scope": "loans:read"}


def token(base: str, **form: str) -> requests.Response:
    return requests.post(f"{base}/oauth/token", data={**GRANT, **form}, headers=basic("reader", SECRET), timeout=10)


def with_token(answer: requests.Response) -> dict[str, Any]:
    return shown("oauth2", answer.json()["access_token"])


def test_a_client_gets_a_token_that_expires_and_is_let_in_with_it(serve: Serve) -> None:
    base = serve(contract(CURSOR), auth_=AUTHS["oauth2"])
    before = requests.get(f"{base}/health", timeout=10).json()
    assert ask(base, shown("oauth2", SECRET)).json() == {"error": "token missing or wrong"}
    assert ask(base, {}).status_code == 401
    answer = token(base)
    assert answer.status_code == 200
    assert answer.json() == {
        "access_token": answer.json()["access_token"],
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    assert ask(base, with_token(answer)).status_code == 200
    assert token(base).json() != answer.json()
    assert ask(base, with_token(answer)).status_code == 200
    counted = {"loans": 9, "requests": before["requests"] + 4, "tokens": before["tokens"] + 2}
    assert requests.get(f"{base}/health", timeout=10).json() == counted


@pytest.mark.parametrize("place", ["header", "body"])
def test_a_client_says_its_secret_where_the_server_takes_it_and_nowhere_else(serve: Serve, place: str) -> None:
    base = serve(contract(CURSOR), auth_=auth("oauth2", **OAUTH, scope="loans:read", credentials_in=place))
    form = GRANT | {"client_id": "reader", "client_secret": SECRET}
    answers = {
        "body": requests.post(f"{base}/oauth/token", data=form, timeout=10),
        "header": token(base),
        "both": requests.post(f"{base}/oauth/token", data=form, headers=basic("reader", SECRET), timeout=10),
        "neither": requests.post(f"{base}/oauth/token", data=GRANT, timeout=10),
        "wrong": requests.post(f"{base}/oauth/token", data=form | {"client_secret": "x"}, timeout=10),
    }
    assert {name for name, answer in answers.items() if answer.status_code == 200} == {place}
    refused = [answer.json() for name, answer in answers.items() if name != place]
    assert refused == [{"error": "invalid_client"}] * 4


def test_a_name_in_the_header_is_encoded_as_in_a_form(serve: Serve) -> None:
    base = serve(contract(CURSOR), auth_=auth("oauth2", **OAUTH | {"client_id": "the reader+1"}))
    form = {"grant_type": "client_credentials"}
    for name, status in (("the+reader%2B1", 200), ("the reader+1", 401)):
        answer = requests.post(f"{base}/oauth/token", data=form, headers=basic(name, SECRET), timeout=10)
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("form", "headers", "refusal"),
    [
        (GRANT, {}, (401, "invalid_client")),
        (GRANT, basic("reader", "wrong"), (401, "invalid_client")),
        (GRANT, basic("other", SECRET), (401, "invalid_client")),
        (GRANT | {"grant_type": "password"}, basic("reader", SECRET), (400, "unsupported_grant_type")),
        ({"scope": "loans:read"}, basic("reader", SECRET), (400, "unsupported_grant_type")),
        (GRANT | {"scope": "all"}, basic("reader", SECRET), (400, "invalid_scope")),
        ({"grant_type": "client_credentials"}, basic("reader", SECRET), (400, "invalid_scope")),
    ],
)
def test_no_token_for_others_and_for_other_things(
    serve: Serve, form: dict[str, str], headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    base = serve(contract(CURSOR), auth_=AUTHS["oauth2"])
    answer = requests.post(f"{base}/oauth/token", data=form, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()) == (refusal[0], {"error": refusal[1]})


def test_a_switch_lets_the_token_of_a_request_expire(serve: Serve) -> None:
    base = serve(contract(CURSOR), auth_=AUTHS["oauth2"])
    first, second = token(base), token(base)
    requests.put(f"{base}/faults", json={"kind": "expired_token", "times": 1, "after": 1}, timeout=10)
    answers = [ask(base, with_token(each)) for each in (first, first, first, second, token(base))]
    assert [answer.status_code for answer in answers] == [200, 401, 401, 200, 200]
    assert [answers[1].json(), answers[2].json()] == [{"error": "token expired"}, {"error": "token missing or wrong"}]


def test_a_switch_gives_tokens_for_a_short_time(serve: Serve) -> None:
    base = serve(contract(CURSOR), auth_=AUTHS["oauth2"])
    requests.put(f"{base}/faults", json={"kind": "short_token", "expires_in": 0, "times": 1}, timeout=10)
    short, long = token(base), token(base)
    assert [each.json()["expires_in"] for each in (short, long)] == [0, 3600]
    assert [ask(base, with_token(each)).status_code for each in (short, long)] == [401, 200]


def test_only_oauth2_has_a_token_endpoint(serve: Serve) -> None:
    base = serve(contract(CURSOR), auth_=AUTHS["bearer"])
    assert token(base).status_code == 404


def test_a_secret_is_asked_for_with_every_request(processes: None, data: Path) -> None:
    secrets = ["old"]
    with RestApi([contract(CURSOR)], data, AUTHS["bearer"], lambda: secrets[-1]).served() as base:
        assert ask(base, shown("bearer", "old")).status_code == 200
        secrets.append("new")
        assert [ask(base, shown("bearer", each)).status_code for each in secrets] == [401, 200]
