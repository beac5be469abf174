"""Snowflake for a laptop: fakesnow's server behind the real connector, loaded from parquet files.

Answers what fakesnow answers: login, queries with bound values, Arrow results. Differs: no ALTER SESSION, no time
travel, no unload; a statement that DuckDB cannot run fails as Snowflake's would, with another text. Added here: the
login checks the key pair (fakesnow takes any credentials); a password is refused; results are sent as Snowflake
sends them (snowflake_results). Mended here: fakesnow 0.12.1 sends a null timestamp as 1970. What fakesnow
does not know it answers with 500 and the statement.
"""

import gzip
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse

from local_stack.serving import serving
from local_stack.snowflake_results import ResultBatches

ACCOUNT = "fakesnow"
USER = "PIPELINE"


class KeyPairLogin:
    """ASGI: a login whose token the public key does not verify is answered as Snowflake answers it."""

    def __init__(self, app: Any, public_key: bytes) -> None:
        self._app = app
        self._public_key = public_key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/login-request"):
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        compressed = Request(scope).headers.get("content-encoding") == "gzip"
        refusal = self._refusal(orjson.loads(gzip.decompress(body) if compressed else body)["data"])
        if refusal:
            await JSONResponse({"success": False, "data": {}, **refusal})(scope, receive, send)
            return
        sent = False

        async def replay() -> dict[str, Any]:
            nonlocal sent
            if sent:
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    def _refusal(self, login: dict[str, Any]) -> dict[str, str] | None:
        import jwt

        if login.get("AUTHENTICATOR") != "SNOWFLAKE_JWT":
            return {"code": "390100", "message": "Incorrect username or password was specified."}
        try:
            claims = jwt.decode(login["TOKEN"], self._public_key, algorithms=["RS256"], options={"verify_iss": False})
        except jwt.PyJWTError:
            claims = {}
        if claims.get("sub") != f"{ACCOUNT}.{USER}".upper():
            return {"code": "390144", "message": "JWT token is invalid."}
        return None


@contextmanager
def snowflake(folder: Path, database: str, public_key: bytes) -> Iterator[str]:
    """Serve the tables of DIR/snowflake/<SCHEMA.TABLE>.parquet; yields the URL."""
    from fakesnow.server import app

    logging.getLogger("fakesnow.server").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="fakesnow")
    _mend_null_timestamps()
    load(folder, database=database)
    with serving(KeyPairLogin(ResultBatches(app), public_key)) as url:
        yield url


def _mend_null_timestamps() -> None:
    """fakesnow writes a timestamp as a struct of numbers and leaves the struct itself without nulls."""
    import pyarrow as pa
    from fakesnow import arrow

    original = arrow.timestamp_to_sf_struct
    if getattr(original, "mended", False):
        return

    def timestamp_to_sf_struct(column: Any) -> Any:
        struct = original(column)
        nulls = column.is_null()
        mask = nulls.combine_chunks() if isinstance(nulls, pa.ChunkedArray) else nulls
        return pa.StructArray.from_arrays(struct.flatten(), fields=list(struct.type), mask=mask)

    timestamp_to_sf_struct.mended = True  # type: ignore[attr-defined]
    arrow.timestamp_to_sf_struct = timestamp_to_sf_struct


def load(folder: Path, *, database: str) -> None:
    """Replace the tables by the files of this folder, all at once. The server's databases are those of this process.

    Raises FileNotFoundError for a folder without any, ValueError for a file that is not parquet.
    """
    import duckdb
    from fakesnow.server import shared_fs

    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"{folder}: no <SCHEMA.TABLE>.parquet in it")
    places = {path: (database, *path.stem.partition(".")[::2]) for path in files}
    for _, schema, _ in places.values():
        shared_fs.connect(database, schema)
    connection = shared_fs.duck_conn.cursor()
    connection.begin()
    try:
        for path, place in places.items():
            name = ".".join(f'"{part}"' for part in place)
            connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM read_parquet(?)", [str(path)])  # noqa: S608
        connection.commit()
    except duckdb.Error as error:
        raise ValueError(f"{path}: {error}") from error
    finally:
        connection.close()  # what is not committed is as it was


def key_pair() -> tuple[bytes, bytes]:
    """A new RSA key pair as PEM: (private, public)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public
