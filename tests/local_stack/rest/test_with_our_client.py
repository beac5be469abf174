"""The client of the jobs against the local server: what one sends the other takes, in every dialect."""

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest
import requests

from emr_jobs.contracts.read import Rest
from emr_jobs.core.errors import AccessDenied
from emr_jobs.core.partition import Calendar
from emr_jobs.core.settings import RestConnection
from emr_jobs.reading import strict_json
from emr_jobs.sources.rest import Client, slices
from local_stack.rest.access import TOKEN_PATH
from tests.local_stack.rest.client import CURSOR, LOANS, SECRET, auth, contract
from tests.local_stack.rest.conftest import Serve
from tests.local_stack.rest.dialects import OF_THE_FILE, READS

DAY = Calendar("Etc/UTC", time(8), date(2025, 1, 1)).partition("2026-11-21")


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    """Which type a number has is the parser's matter."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in record.items()}


PARSED = [comparable(strict_json.parse(text, in_doubt=True)[0]) for text in LOANS]
SAID = "env:LIBRARY_SECRET"
OAUTH = {"client_id": "the reader", "client_secret": SAID, "scope": "loans:read"}
AUTHS: dict[str, dict[str, Any]] = {
    "bearer": {"kind": "bearer", "token": SAID},
    "header": {"kind": "header", "name": "X-Library-Key", "key": SAID},
    "query": {"kind": "query", "name": "key", "key": SAID},
    "basic": {"kind": "basic", "username": "reader", "password": SAID},
    "oauth2": {"kind": "oauth2", **OAUTH},
    "oauth2 in the body": {"kind": "oauth2", **OAUTH, "credentials_in": "body"},
}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRARY_SECRET", SECRET)


def client(serve: Serve, read: dict[str, Any], allowed: dict[str, Any] | None = None) -> Client:
    source = contract(read)
    assert isinstance(source.read, Rest)
    allowed = allowed or {"kind": "none"}
    elsewhere = {"token_url": "http://127.0.0.1/token"} if allowed["kind"] == "oauth2" else {}
    base = serve(source, auth_=auth(**allowed, **elsewhere))
    here = {"token_url": f"{base}{TOKEN_PATH}"} if elsewhere else {}
    settings = {"kind": "rest", "url": base, "auth": allowed | here, "requests_per_second": 1e6, "backoff_s": 1e-6}
    return Client(RestConnection.model_validate(settings), source.read, source=source.id, partition=DAY)


def records(client: Client, read: dict[str, Any]) -> list[Any]:
    windows = slices(Rest.model_validate({"kind": "rest", "connection": "library", **read}), DAY)
    return [comparable(record) for window in windows for page in client.chain(window, read=list) for record in page]


@pytest.mark.parametrize("dialect", READS)
def test_a_day_is_read_whole(serve: Serve, dialect: str) -> None:
    expected = PARSED[::-1] if dialect in OF_THE_FILE else PARSED
    assert records(client(serve, READS[dialect]), READS[dialect]) == expected


def test_a_day_is_read_whole_in_slices(serve: Serve) -> None:
    sliced = CURSOR | {"slice_minutes": 60}
    assert records(client(serve, sliced), sliced) == PARSED


@pytest.mark.parametrize("read", [CURSOR, READS["Link header"], READS["a body and addresses"]])
@pytest.mark.parametrize("allowed", AUTHS)
def test_whoever_has_the_secret_is_let_in_and_others_are_not(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, read: dict[str, Any], allowed: str
) -> None:
    assert records(client(serve, read, AUTHS[allowed]), read) == PARSED
    monkeypatch.setenv("LIBRARY_SECRET", "another")
    with pytest.raises(AccessDenied):
        records(client(serve, read, AUTHS[allowed]), read)


def test_a_token_that_has_expired_is_replaced_on_the_way(serve: Serve) -> None:
    ours = client(serve, CURSOR, AUTHS["oauth2"])
    base = serve(contract(CURSOR), auth_=auth(**AUTHS["oauth2"], token_url="http://127.0.0.1/token"))
    fault = {"kind": "expired_token", "after": 1, "times": 1}
    requests.put(f"{base}/faults", json=fault, timeout=10).raise_for_status()
    assert records(ours, CURSOR) == PARSED
    assert requests.delete(f"{base}/faults", timeout=10).json() == fault | {"after": 0, "times": 0}


@pytest.mark.parametrize("fault", [{"kind": "status", "status": [429, 503]}, {"kind": "truncated"}])
def test_faults_that_pass_are_nothing(serve: Serve, fault: dict[str, Any]) -> None:
    ours = client(serve, CURSOR)
    base = serve(contract(CURSOR), auth_=auth("none"))
    requests.put(f"{base}/faults", json={**fault, "times": 2, "after": 1}, timeout=10).raise_for_status()
    assert records(ours, CURSOR) == PARSED
