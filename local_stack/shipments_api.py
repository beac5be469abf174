"""The carrier's web API for a laptop: GET /v1/shipments over a folder of JSON Lines, with faults as switches.

Answers: windows on ordered_at, half open; cursor pagination; bearer token; a rate limit with Retry-After and
X-RateLimit headers; `total` of the request's own window. Differs: data does not change while it runs; the
cursor is an offset. Refuses anything else: unknown parameters 400, other paths and methods 404 or 405.

PUT /faults {"kind": ..., ...} switches faults on, DELETE /faults off, and answers what is left of it:
  status         {"status": 429|500|... or several in turn, "times": n or null for ever, "retry_after": seconds}
  slow           {"seconds": s}
  truncated      cut-off body          {"times": n or null}
  broken_json    body that is no JSON  {"times": n or null}
  repeated_cursor, lying_total
Each takes {"after": n} as well: so many requests are answered before it begins.
"""

import asyncio
import base64
import gzip
import time
from bisect import bisect_left
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_stack.serving import serving

MAX_LIMIT = 1000
KINDS = ("status", "slow", "truncated", "broken_json", "repeated_cursor", "lying_total")


@dataclass
class Shipments:
    """All shipments by ordered_at, each as the JSON text it was read as."""

    instants: list[str] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> "Shipments":
        rows = [
            (_utc(orjson.loads(line)["ordered_at"]), line)
            for path in sorted(folder.glob("dt=*.jsonl.gz"))
            for line in gzip.decompress(path.read_bytes()).splitlines()
            if line.strip()
        ]
        rows.sort(key=lambda row: row[0])
        return cls([instant for instant, _ in rows], [line for _, line in rows])

    def window(self, start: str, end: str) -> tuple[int, int]:
        return bisect_left(self.instants, start), bisect_left(self.instants, end)


def _utc(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="microseconds")


@dataclass
class RateLimit:
    per_second: int
    _second: int = 0
    _used: int = 0

    def take(self) -> dict[str, str] | None:
        """Headers of an answer within the limit, or None beyond it."""
        now = int(time.time())
        if now != self._second:
            self._second, self._used = now, 0
        self._used += 1
        if self._used > self.per_second:
            return None
        return self.headers(self.per_second - self._used)

    def headers(self, remaining: int) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.per_second),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(self._second + 1),
        }


class Api:
    def __init__(self, folder: Path, token: Callable[[], str], *, requests_per_second: int = 200) -> None:
        self._shipments = Shipments.read(folder)
        self._token = token
        self._limit = RateLimit(requests_per_second)
        self._fault: dict[str, Any] | None = None
        self.requests = 0

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/shipments", self.shipments, methods=["GET"]),
                Route("/health", self.health, methods=["GET"]),
                Route("/faults", self.faults, methods=["PUT", "DELETE"]),
            ]
        )

    async def health(self, request: Request) -> Response:
        return JSONResponse({"shipments": len(self._shipments.documents), "requests": self.requests})

    async def faults(self, request: Request) -> Response:
        left, self._fault = self._fault, None
        if request.method == "PUT":
            fault = await request.json()
            if fault.get("kind") not in KINDS:
                return JSONResponse({"error": f"unknown fault, one of {', '.join(KINDS)}"}, status_code=400)
            self._fault = fault
            return Response(status_code=204)
        return JSONResponse(left)

    def _strikes(self, kind: str) -> bool:
        fault = self._fault
        if fault is None or fault["kind"] != kind:
            return False
        if fault.get("after", 0) > 0:
            fault["after"] -= 1
            return False
        times = fault.get("times")
        if times is not None:
            if times <= 0:
                return False
            fault["times"] = times - 1
        return True

    async def shipments(self, request: Request) -> Response:
        self.requests += 1
        headers = self._limit.take()
        if headers is None:
            return _error(429, "rate limit", {**self._limit.headers(0), "Retry-After": "1"})
        if request.headers.get("authorization") != f"Bearer {self._token()}":
            return _error(401, "token missing or wrong", headers)
        if self._strikes("slow"):
            await asyncio.sleep(self._fault["seconds"])  # type: ignore[index]
        if self._strikes("status"):
            fault = self._fault or {}
            status = fault["status"]
            if isinstance(status, list):
                status = status[fault["times"] % len(status)]
            return _error(status, "switched on", {**headers, "Retry-After": str(fault.get("retry_after", 0))})
        try:
            start, end, limit, offset = _parameters(request)
        except (KeyError, ValueError) as error:
            return _error(400, f"parameter {error}", headers)
        return self._page(start, end, limit, offset, headers)

    def _page(self, start: str, end: str, limit: int, offset: int, headers: dict[str, str]) -> Response:
        first, last = self._shipments.window(start, end)
        begin, stop = min(first + offset, last), min(first + offset + limit, last)
        following = stop - first if stop < last else None
        total = last - first
        if self._strikes("lying_total"):
            total += 1
        if self._strikes("repeated_cursor") and following is not None:
            following = limit  # always the second page
        cursor = None if following is None else base64.urlsafe_b64encode(str(following).encode()).decode()
        envelope = b'],"next_cursor":' + orjson.dumps(cursor) + b',"total":' + str(total).encode() + b"}"
        content = b'{"data":[' + b",".join(self._shipments.documents[begin:stop]) + envelope
        if self._strikes("broken_json"):
            content = content[: len(content) // 2]
        response = Response(content, media_type="application/json", headers=headers)
        if self._strikes("truncated"):
            return _CutOff(content, headers)
        return response


class _CutOff(Response):
    """Announces its whole length, sends half and hangs up."""

    def __init__(self, content: bytes, headers: dict[str, str]) -> None:
        super().__init__(content, media_type="application/json", headers=headers)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        raise ConnectionAbortedError("cut off, as switched on")


def _parameters(request: Request) -> tuple[str, str, int, int]:
    known = {"ordered_from", "ordered_to", "limit", "cursor"}
    for name in request.query_params:
        if name not in known:
            raise ValueError(f"{name} is unknown")
    cursor = request.query_params.get("cursor")
    offset = int(base64.urlsafe_b64decode(cursor)) if cursor else 0
    limit = int(request.query_params.get("limit", "100"))
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"limit is 1 to {MAX_LIMIT}")
    return _utc(request.query_params["ordered_from"]), _utc(request.query_params["ordered_to"]), limit, offset


def _error(status: int, message: str, headers: dict[str, str]) -> Response:
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def shipments_api(folder: Path, token: Callable[[], str]) -> AbstractContextManager[str]:
    """Serve DIR/shipments/dt=*.jsonl.gz; yields the URL."""
    return serving(Api(folder, token).app())
