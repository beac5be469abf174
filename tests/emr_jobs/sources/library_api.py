"""A made-up library's API for the tests of the REST client: its contract, its loans, and a transport that answers.

The transport is a real requests session with an adapter in the place of the network: addresses, headers, bodies and
their decoding are real, retries (urllib3's) are not there.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any

import orjson
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from emr_jobs.contracts.read import Rest
from emr_jobs.core.partition import Calendar
from emr_jobs.core.settings import RestConnection
from emr_jobs.sources.rest import Client, Slice, slices
from emr_jobs.sources.rest.transport import session

CALENDAR = Calendar("Europe/Helsinki", time(6, 30), date(2025, 1, 1))
DAY = CALENDAR.partition("2026-11-21")  # from 22:00 UTC of the day before
SOURCE = "library.loans"
URL = "https://library.example/v1/loans"
KEY = "s3cr3t-k3y"
IN_DAY = "slice 2026-11-20T22:00:00Z/2026-11-21T22:00:00Z"
TELL_OWNER = "If it happens again, tell the API's owner: its paging or its total is wrong."
ASK_OWNER = "Ask the API's owner for its state."

_DECLARED: dict[str, Any] = {
    "kind": "rest",
    "connection": "library",
    "path": "/v1/loans",
    "params": {"since": "{start}", "until": "{end}"},
    "records": "$.loans",
    "pages": {"kind": "cursor", "field": "$.next"},
    "complete": "unproven",
}


def declared(**changes: Any) -> Rest:
    return Rest.model_validate(_DECLARED | changes)


def connection(**changes: Any) -> RestConnection:
    settings = {"kind": "rest", "url": "https://library.example", "requests_per_second": 1e6, "backoff_s": 1e-6}
    return RestConnection.model_validate(settings | changes)


def loan(number: int, **changes: Any) -> dict[str, Any]:
    """Lent in the first minutes of the day."""
    return {"loan_id": f"L-{number}", "lent_at": (DAY.start + timedelta(minutes=number)).isoformat()} | changes


def loans(first: int, last: int) -> list[dict[str, Any]]:
    return [loan(number) for number in range(first, last + 1)]


@dataclass(frozen=True)
class Reply:
    body: Any = b""  # bytes as they are, anything else as JSON
    status: int = 200
    reason: str = "OK"
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> HTTPResponse:
        content = self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)
        return HTTPResponse(io.BytesIO(content), self.headers, self.status, reason=self.reason, preload_content=False)


class Answers(BaseAdapter):
    """Replies one after the other, whatever is asked; or what a function makes of a request."""

    def __init__(self, replies: Iterable[Any] | Callable[[requests.PreparedRequest], Any]) -> None:
        super().__init__()
        self._replies = replies if callable(replies) else iter(replies)
        self.requests: list[requests.PreparedRequest] = []
        self.responses: list[HTTPResponse] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        self.requests.append(request)
        reply = self._replies(request) if callable(self._replies) else next(self._replies)
        reply = reply if isinstance(reply, Reply) else Reply(reply)
        self.responses.append(reply.response())
        return HTTPAdapter().build_response(request, self.responses[-1])

    def close(self) -> None: ...

    @property
    def asked(self) -> list[str]:
        return [str(request.url) for request in self.requests]

    def session(self, settings: RestConnection) -> requests.Session:
        opened = session(settings, threads=1)
        opened.mount("https://", self)
        opened.mount("http://", self)
        return opened


def client(read: Rest, answers: Answers, settings: RestConnection | None = None) -> Client:
    settings = settings or connection()
    return Client(settings, read, source=SOURCE, partition=DAY, opened=answers.session(settings))


def records(read: Rest, answers: Answers, settings: RestConnection | None = None) -> Iterator[Any]:
    """Of the whole day, slice by slice."""
    asking = client(read, answers, settings)
    return (record for slice_ in slices(read, DAY) for page in asking.pages(slice_) for record in page)


def slices_of_an_hour() -> list[Slice]:
    return slices(declared(slice_minutes=60), DAY)
