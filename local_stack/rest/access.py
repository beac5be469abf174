"""Who is let in: exactly whom the connection's Auth describes, with its one secret.

For oauth2 it is the token endpoint too (RFC 6749, client credentials). Its tokens expire: after `expires_in` seconds,
or when they are told to. Invariant: no answer has a secret in it.
"""

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, quote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emr_jobs.core.settings import ApiKey, Auth, Basic, Bearer, NoAuth, OAuth2

TOKEN_PATH = "/oauth/token"  # noqa: S105  # a path
EXPIRES_IN_S = 3600


class Access:
    def __init__(self, auth: Auth, secret: Callable[[], str]) -> None:
        self._auth = auth
        self._secret = secret
        self._tokens: dict[str, float] = {}  # by what their bearer says, until when
        self.given = 0

    @property
    def has_tokens(self) -> bool:
        return isinstance(self._auth, OAuth2)

    @property
    def query_key(self) -> str | None:
        """The parameter that is no request's own."""
        return self._auth.name if isinstance(self._auth, ApiKey) and self._auth.kind == "query" else None

    @property
    def refusal(self) -> str:
        return (
            f"{ {'basic': 'password', 'header': 'key', 'query': 'key'}.get(self._auth.kind, 'token') } missing or wrong"
        )

    def allows(self, request: Request) -> bool:
        said = request.headers.get("authorization")
        match self._auth:
            case NoAuth():
                return True
            case Bearer():
                return said == f"Bearer {self._secret()}"
            case ApiKey(kind="header", name=name):
                return request.headers.get(name) == self._secret()
            case ApiKey(name=name):
                return request.query_params.getlist(name) == [self._secret()]
            case Basic(username=username):
                return said == _basic(username, self._secret())
            case OAuth2():
                return self._tokens.get(said or "", 0) > time.monotonic()

    def expire(self, request: Request) -> None:
        """The token that came with it lets nobody in any more."""
        self._tokens.pop(request.headers.get("authorization", ""), None)

    async def token(self, request: Request, *, expires_in: float | None) -> Response:
        assert isinstance(self._auth, OAuth2), "only then there is a token endpoint"
        form = dict(parse_qsl((await request.body()).decode("latin-1"), keep_blank_values=True))
        if not self._is_client(self._auth, request, form):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
        if form.get("scope") != self._auth.scope:
            return JSONResponse({"error": "invalid_scope"}, status_code=400)
        self.given += 1
        token, lifetime = secrets.token_urlsafe(24), EXPIRES_IN_S if expires_in is None else expires_in
        self._tokens[f"Bearer {token}"] = time.monotonic() + lifetime
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": lifetime})

    def _is_client(self, auth: OAuth2, request: Request, form: Mapping[str, str]) -> bool:
        """In the place where the contract with the server says, and in no other."""
        said = request.headers.get("authorization")
        in_form = (form.get("client_id"), form.get("client_secret"))
        if auth.credentials_in == "body":
            return said is None and in_form == (auth.client_id, self._secret())
        # Each is encoded as in a form before they are joined: RFC 6749, 2.3.1.
        return said == _basic(quote_plus(auth.client_id), quote_plus(self._secret())) and in_form == (None, None)


def _basic(username: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"
