"""The made-up library's API over loopback, for what only real requests show; its faults are switches.

Answers: GET and POST /v1/loans with `since`, `until` (half open, on lent_at), `limit` and `cursor`, to who has the key
as a bearer's token; `{"loans": [...], "next": ..., "total": n}`. POST /token gives tokens of OAuth2, as good as the
key. `switch` puts an answer of one's own in the place of the next ones, or of all. Anything else is 404.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import orjson

from local_stack.serving import serving
from tests.emr_jobs.sources.library_api import KEY, declared, slices_of_an_hour

NOON = slices_of_an_hour()[14]
LOANS = 25  # of the hour from 12:00 UTC; before it there is one more


@dataclass(frozen=True)
class Wire:
    """An answer, byte by byte. `announced`: its length, where it is not that of the parts; None sends it chunked."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Callable[[], Iterator[bytes]] = lambda: iter([b"{}"])
    announced: int | None = None
    stalls: bool = False  # after the parts, for as long as the client waits


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]


class Library:
    def __init__(self) -> None:
        times = [NOON.start + timedelta(minutes=number) for number in range(LOANS)]
        times.append(NOON.start - timedelta(microseconds=1))
        loans = [{"loan_id": f"L-{number:02}", "lent_at": at.isoformat()} for number, at in enumerate(times)]
        self._loans = sorted(loans, key=lambda loan: loan["lent_at"])
        self.url = ""
        self.key = "env:LIBRARY_KEY"
        self.reset()

    def reset(self) -> None:
        self.asked: list[Asked] = []
        self.tokens = {KEY}
        self._wire: Wire | None = None
        self._times: int | None = None
        self._after = 0
        self._changed: Callable[[dict[str, Any]], dict[str, Any]] = dict

    def switch(self, wire: Wire, *, times: int | None = None, after: int = 0) -> None:
        """Of pages, once so many were answered."""
        self._wire, self._times, self._after = wire, times, after

    def change(self, page: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._changed = page

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        content = (await receive()).get("body", b"")
        asked = Asked(scope["method"], scope["path"], scope["query_string"].decode(), headers)
        self.asked.append(asked)
        if asked.path == "/token":
            self.tokens = {f"t{len(self.asked)}"}
            body = {"access_token": next(iter(self.tokens)), "expires_in": 3600}
            await _answer(send, receive, Wire(parts=lambda: iter([orjson.dumps(body)])))
        elif wire := self._switched():
            await _answer(send, receive, wire)
        elif asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            await _answer(send, receive, Wire(401))
        else:
            sent = dict(parse_qsl(asked.query)) | (orjson.loads(content) if content else {})
            await _answer(send, receive, self._page(asked.path, sent))

    def _switched(self) -> Wire | None:
        if self._wire is None:
            return None
        if self._after:
            self._after -= 1
            return None
        if self._times is not None:
            self._times -= 1
            if self._times < 0:
                return None
        return self._wire

    def _page(self, path: str, sent: dict[str, Any]) -> Wire:
        if path != "/v1/loans":
            return Wire(404)
        if int(sent["limit"]) > 1000:
            return Wire(400)
        since, until = (datetime.fromisoformat(sent[name]).isoformat() for name in ("since", "until"))
        of_window = [loan for loan in self._loans if since <= loan["lent_at"] < until]
        first = int(sent.get("cursor", 0))
        last = first + int(sent["limit"])
        following = last if last < len(of_window) else None
        page = {"loans": of_window[first:last], "next": following, "total": len(of_window)}
        content = orjson.dumps(self._changed(page))
        return Wire(headers={"content-type": "application/json"}, parts=lambda: iter([content]))


async def _answer(send: Any, receive: Any, wire: Wire) -> None:
    headers = dict(wire.headers)
    if wire.announced is not None:
        headers["content-length"] = str(wire.announced)
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": wire.status, "headers": raw})
    for part in wire.parts():
        await send({"type": "http.response.body", "body": part, "more_body": True})
    while wire.stalls and (await receive())["type"] != "http.disconnect":
        pass
    if wire.announced is not None:
        raise ConnectionAbortedError("cut off, as switched on")
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def library() -> Iterator[Library]:
    server = Library()
    with serving(server) as url:
        server.url = url
        yield server


def hourly(**changes: Any) -> Any:
    """The contract of its loans: by the hour, ten a page, counted."""
    window = {"since": "{start}", "until": "{end}", "limit": 10}
    return declared(**{"params": window, "slice_minutes": 60, "complete": {"total": "$.total"}} | changes)
