"""The web API of one connection for a laptop: every REST source of it, in the dialect that its contract declares.

Answers: path, method and parameters as `read` names them, nothing else (400, 404, 405). Of DIR/<source>/dt=<P>.jsonl.gz
the records of the window, half open, where the request says {start} or {end} (without that {as_of}) and the contract
has a day_column; else those of the file of {partition}; else all. Pages, totals and Link headers as declared
(rest.pages). Whoever does not have the connection's secret gets 401; a rate limit with Retry-After and X-RateLimit
headers. Sources of one path are told apart by their fixed parameters. Records go out as the text they were read as.
Differs: data changes only when it is loaded anew; a cursor is an offset; {as_of} shows no earlier state.

GET /health answers how many records each source has and how many requests came; of oauth2 also the tokens given.
PUT /faults {"kind": ..., ...} switches faults on, DELETE /faults off, and answers what is left of it:
  status           {"status": 429|500|... or several in turn, "times": n or null for ever, "retry_after": seconds}
  slow             {"seconds": s}
  truncated        cut-off body          {"times": n or null}
  broken_json      body that is no JSON  {"times": n or null}
  repeated_cursor  the second page follows every page; by offset or number, it is every page but the first
  lying_total      one more than there are, wherever a total is told
  expired_token    oauth2: the token of the request has expired (401)
  short_token      oauth2: tokens are given for {"expires_in": seconds}
Each takes {"after": n} as well: so many requests are answered before it begins; and {"source": name}: of that one only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emr_jobs.contracts import Contract
from emr_jobs.core.settings import Auth, faults_of
from local_stack.rest.access import TOKEN_PATH, Access
from local_stack.rest.endpoints import Asked, Circumstances, Endpoint, PagesEndpoint, endpoints
from local_stack.rest.faults import CutOff, Fault, Faults, Kind, RateLimit
from local_stack.rest.pages import PAGE_TOKEN
from local_stack.rest.parameters import Refused, Sent
from local_stack.serving import serving

HEALTH_PATH, FAULTS_PATH = "/health", "/faults"


class RestApi:
    """The sources of one connection.

    `timezone`: where the API's days are, for what is written without an offset. Raises FileNotFoundError for data that
    lacks, ValueError for what cannot be served.
    """

    def __init__(
        self,
        sources: Sequence[Contract],
        data: Path,
        auth: Auth,
        secret: Callable[[], str],
        *,
        timezone: str = "UTC",
        requests_per_second: int = 200,
    ) -> None:
        self._read = lambda: [each for source in sources for each in endpoints(source, data, ZoneInfo(timezone))]
        self._endpoints: Mapping[tuple[str, str], Sequence[Endpoint]] = {}
        self.load()
        for endpoint in self._all():
            if endpoint.path in (HEALTH_PATH, FAULTS_PATH, TOKEN_PATH):
                raise ValueError(f"{endpoint.source}: {endpoint.path} is this server's own")
        self._access = Access(auth, secret)
        self._limit = RateLimit(requests_per_second)
        self._faults = Faults()
        self._requests = 0

    def load(self) -> None:
        """Serve what the folder holds now. What cannot be read raises, and all that was served before stays."""
        of_routes: dict[tuple[str, str], list[Endpoint]] = {}
        for endpoint in self._read():
            of_routes.setdefault((endpoint.path, endpoint.method), []).append(endpoint)
        self._endpoints = of_routes

    def served(self) -> AbstractContextManager[str]:
        """Yields the URL that the paths follow."""
        return serving(self.app())

    def app(self) -> Starlette:
        own = [
            Route(HEALTH_PATH, self._health, methods=["GET"]),
            Route(FAULTS_PATH, self._switch, methods=["PUT", "DELETE"]),
        ]
        if self._access.has_tokens:
            own.append(Route(TOKEN_PATH, self._token, methods=["POST"]))
        served = [
            Route(path or "/", self._answering((path, method)), methods=[method])
            for path, method in sorted(self._endpoints, key=lambda route: "{" in route[0])  # any text: last
        ]
        app = Starlette(routes=[*own, *served])
        app.router.redirect_slashes = False  # another path is another path
        return app

    async def _health(self, request: Request) -> Response:
        counts = {each.source: len(each.records) for each in self._all() if isinstance(each, PagesEndpoint)}
        tokens = {"tokens": self._access.given} if self._access.has_tokens else {}
        return JSONResponse(counts | {"requests": self._requests} | tokens)

    async def _switch(self, request: Request) -> Response:
        if request.method == "DELETE":
            return JSONResponse(self._faults.put(None))
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": faults_of(error)}, status_code=400)
        names = sorted({endpoint.source for endpoint in self._all()})
        if fault.source not in (None, *names):
            return JSONResponse({"error": f"unknown source, one of {', '.join(names)}"}, status_code=400)
        self._faults.put(fault)
        return Response(status_code=204)

    async def _token(self, request: Request) -> Response:
        fault = self._faults.strike("short_token", None)
        return await self._access.token(request, expires_in=fault.expires_in if fault else None)

    def _all(self) -> list[Endpoint]:
        return [endpoint for there in self._endpoints.values() for endpoint in there]

    def _answering(self, route: tuple[str, str]) -> Callable[[Request], Awaitable[Response]]:
        async def answering(request: Request) -> Response:
            self._requests += 1
            headers = self._limit.take()
            if headers is None:
                return _error(429, "rate limit", {**self._limit.headers(0), "Retry-After": "1"})
            if not self._access.allows(request):
                return _error(401, self._access.refusal, headers)
            endpoint, asked = _chosen(self._endpoints[route], await self._sent(request))
            return await self._answer(request, endpoint, asked, headers)

        return answering

    async def _sent(self, request: Request) -> Sent:
        key = self._access.query_key
        query = [(name, value) for name, value in request.query_params.multi_items() if name != key]
        return Sent(request.path_params, query, b"" if request.method in ("GET", "HEAD") else await request.body())

    async def _answer(
        self, request: Request, endpoint: Endpoint, asked: Asked | Refused, headers: dict[str, str]
    ) -> Response:
        def strike(kind: Kind) -> Fault | None:
            return self._faults.strike(kind, endpoint.source)

        if self._access.has_tokens and strike("expired_token"):
            self._access.expire(request)
            return _error(401, "token expired", headers)
        if fault := strike("slow"):
            await asyncio.sleep(fault.seconds or 0)
        if fault := strike("status"):
            return _error(fault.current_status, "switched on", headers | fault.retry_after_header)
        if isinstance(asked, Refused):
            return _error(400, f"parameter {asked}", headers)
        circumstances = Circumstances(lambda kind: strike(kind) is not None, lambda token: self._link(request, token))
        answer = endpoint.answer(asked, circumstances)
        content = answer.content[: len(answer.content) // 2] if strike("broken_json") else answer.content
        kind = CutOff if strike("truncated") else Response
        return kind(content, media_type="application/json", headers={**headers, **answer.headers})

    def _link(self, request: Request, token: str | None) -> str:
        """Without the key: whoever follows it has one."""
        url = request.url.remove_query_params([PAGE_TOKEN, self._access.query_key or PAGE_TOKEN])
        return str(url.include_query_params(**{PAGE_TOKEN: token}) if token else url)


def _chosen(there: Sequence[Endpoint], sent: Sent) -> tuple[Endpoint, Asked | Refused]:
    """The first whose parameters these are; of none, what the first has against them."""
    refusals: list[tuple[Endpoint, Refused]] = []
    for endpoint in there:
        try:
            return endpoint, endpoint.asked(sent)
        except Refused as refused:
            refusals.append((endpoint, refused))
    return refusals[0]


def _error(status: int, message: str, headers: dict[str, str]) -> Response:
    return JSONResponse({"error": message}, status_code=status, headers=headers)
