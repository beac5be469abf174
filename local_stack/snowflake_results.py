"""Results of queries as Snowflake sends them, made of what fakesnow answers.

A NUMBER arrives as integers without its decimal point, as small as a batch's values allow, and what has more than
a few rows as an empty first batch and others at addresses of their own; fakesnow sends decimals in one batch.
Differs: an address answers 403 when others have been made since, not after six hours.
"""

import gzip
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    import pyarrow as pa

INLINE_ROWS = 20
BATCHES = 3
KEPT_RESULTS = 32
_FOLDER = "/results/"

Json = dict[str, Any]


class ResultBatches:
    """ASGI: sends the app's results on in batches, and answers for their addresses."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._results: dict[str, list[bytes]] = {}  # the oldest first

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_FOLDER):
            await self._batch(scope["path"])(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].endswith("/query-request"):
            answered: list[Json] = []

            async def keep(message: Json) -> None:
                answered.append(message)

            await self._app(scope, receive, keep)
            answer = orjson.loads(b"".join(message.get("body", b"") for message in answered))
            if (answer.get("data") or {}).get("rowsetBase64"):
                answer["data"] |= self._sent(answer["data"], str(Request(scope).base_url))
            await JSONResponse(answer, answered[0]["status"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _batch(self, path: str) -> Response:
        id, _, number = path.removeprefix(_FOLDER).partition("/")
        if id not in self._results:
            return Response(status_code=403)
        return Response(self._results[id][int(number)], headers={"content-encoding": "gzip"})

    def _sent(self, data: Json, base_url: str) -> Json:
        import pyarrow as pa

        table = pa.ipc.open_stream(b64decode(data["rowsetBase64"])).read_all()
        if table.num_rows <= INLINE_ROWS:
            return {"rowsetBase64": b64encode(_stream(table)).decode()}
        id = secrets.token_urlsafe()
        parts = [(part.num_rows, _stream(part)) for part in _parts(table)]
        self._results[id] = [gzip.compress(content) for _, content in parts]
        for oldest in list(self._results)[:-KEPT_RESULTS]:
            del self._results[oldest]
        chunks = [
            {
                "url": f"{base_url}{_FOLDER[1:]}{id}/{number}",
                "rowCount": rows,
                "uncompressedSize": len(content),
                "compressedSize": len(self._results[id][number]),
            }
            for number, (rows, content) in enumerate(parts)
        ]
        return {"rowsetBase64": "", "chunks": chunks}


def _parts(table: "pa.Table") -> Iterator["pa.Table"]:
    size = -(-table.num_rows // BATCHES)
    for start in range(0, table.num_rows, size):
        yield table.slice(start, size)


def _stream(table: "pa.Table") -> bytes:
    """In Arrow's format, numbers as integers."""
    import pyarrow as pa

    for position, field in enumerate(table.schema):
        if field.metadata[b"logicalType"] == b"FIXED":
            column = _integers(table[position], int(field.metadata[b"scale"]))
            table = table.set_column(position, field.with_type(column.type), column)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _integers(column: "pa.ChunkedArray", scale: int) -> "pa.Array | pa.ChunkedArray":
    """The smallest integers that hold the column's numbers times ten to the scale; as it is when none does."""
    import pyarrow as pa

    numbers = [None if number is None else int(number * 10**scale) for number in column.to_pylist()]
    for size in (pa.int8(), pa.int16(), pa.int32(), pa.int64()):
        try:
            return pa.array(numbers, size)
        except (pa.ArrowInvalid, OverflowError):
            continue
    return column
