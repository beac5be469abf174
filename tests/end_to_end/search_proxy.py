"""A proxy before the real OpenSearch that refuses bulk requests as a busy or a small cluster does, by switch.

Everything else passes through. `whole`: so many bulk requests are answered 429 as a whole. `items`: of so many
bulk requests every second document is answered 429 and not indexed, the others pass through. `limit_bytes`: bodies
above it are answered 413, in the words of Amazon's.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_stack.serving import serving

FOR_EVER = 1_000_000
BUSY = {"status": 429, "error": {"type": "circuit_breaking_exception", "reason": "switched on"}}


@dataclass
class BusyProxy:
    upstream: str
    whole: int = 0
    items: int = 0
    limit_bytes: int = 10_485_760
    url: str = ""

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        if not request.url.path.endswith("/_bulk"):
            return self._forward(request, body)
        if self.whole:
            self.whole -= 1
            return JSONResponse({"error": BUSY["error"], "status": 429}, status_code=429)
        if len(gzip.decompress(body)) > self.limit_bytes:
            return JSONResponse({"Message": f"Request size exceeded {self.limit_bytes} bytes"}, status_code=413)
        if self.items:
            self.items -= 1
            return self._half(request, gzip.decompress(body).splitlines())
        return self._forward(request, body)

    def _half(self, request: Request, lines: list[bytes]) -> Response:
        pairs = [lines[at : at + 2] for at in range(0, len(lines), 2)]
        taken = b"\n".join(line for pair in pairs[::2] for line in pair) + b"\n"
        self._forward(request, gzip.compress(taken))
        items = [{"index": {"status": 201} if at % 2 == 0 else BUSY} for at in range(len(pairs))]
        return JSONResponse({"errors": len(pairs) > 1, "items": items})

    def _forward(self, request: Request, body: bytes) -> Response:
        kept = ("content-type", "content-encoding", "accept")
        answer = requests.request(
            request.method,
            f"{self.upstream}{request.url.path}",
            params=str(request.url.query),
            data=body,
            headers={name: value for name, value in request.headers.items() if name in kept},
            timeout=60,
        )
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


@contextmanager
def busy_proxy(upstream: str) -> Iterator[BusyProxy]:
    proxy = BusyProxy(upstream)
    methods = ["GET", "PUT", "POST", "DELETE", "HEAD"]
    with serving(Starlette(routes=[Route("/{path:path}", proxy.answer, methods=methods)])) as proxy.url:
        assert orjson.loads(requests.get(proxy.url, timeout=10).content)["version"]["number"].startswith("2.19")
        yield proxy
