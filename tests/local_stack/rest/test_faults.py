"""Switches that are none, and the rate limit. What a fault does to an answer: test_rest_api."""

from typing import Any

import pytest
import requests

from local_stack.rest.faults import RateLimit
from tests.local_stack.rest.client import CURSOR, contract
from tests.local_stack.rest.conftest import ClientOf, Serve


def test_beyond_the_rate_limit_it_says_when_to_come_again(client_of: ClientOf) -> None:
    client = client_of(CURSOR, requests_per_second=0)
    answer = client.first()
    assert (answer.status_code, answer.json()) == (429, {"error": "rate limit"})
    assert {name: answer.headers[name] for name in ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining")} == {
        "Retry-After": "1",
        "X-RateLimit-Limit": "0",
        "X-RateLimit-Remaining": "0",
    }
    assert requests.get(f"{client.base}/health", timeout=10).json()["requests"] == 1


def test_a_rate_limit_is_of_each_second() -> None:
    clock = iter([10.0, 10.4, 10.9, 11.0])
    limit = RateLimit(2, now=lambda: next(clock))
    taken = [limit.take() for _ in range(4)]

    def headers(remaining: str, reset: str) -> dict[str, str]:
        return {"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset}

    assert taken == [headers("1", "11"), headers("0", "11"), None, headers("1", "12")]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "fire"}, "kind: Input should be 'status', 'slow', 'truncated', 'broken_json', "),
        ({"kind": "status"}, "(whole file): Value error, status needs status"),
        ({"kind": "status", "status": []}, "(whole file): Value error, status needs status"),
        ({"kind": "slow"}, "(whole file): Value error, slow needs seconds"),
        ({"kind": "short_token"}, "(whole file): Value error, short_token needs expires_in"),
        ({"kind": "truncated", "time": 1}, "time: unknown key"),
        ({"kind": "truncated", "times": -1}, "times: Input should be greater than or equal to 0"),
        ({"kind": "truncated", "source": "reviews"}, "unknown source, one of loans"),
    ],
)
def test_a_switch_that_is_none_changes_nothing(serve: Serve, fault: dict[str, Any], error: str) -> None:
    base = serve(contract(CURSOR))
    requests.put(f"{base}/faults", json={"kind": "broken_json"}, timeout=10).raise_for_status()
    answer = requests.put(f"{base}/faults", json=fault, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)
    assert requests.delete(f"{base}/faults", timeout=10).json() == {"kind": "broken_json"}
