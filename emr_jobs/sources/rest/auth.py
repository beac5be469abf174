"""What lets us in: a header or a parameter of the query with each request, or a token that is asked for first.

Does not own: what a refusal says (refusals). Invariant: values of secrets stand in requests only; nothing here has a
repr that shows one.
"""

import base64
import threading
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote_plus

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.secret_ref import SecretRef, resolve
from emr_jobs.core.settings import ApiKey, Auth, Basic, Bearer, OAuth2

EARLIER_S = 30.0  # a token is replaced before it expires, so that none expires on its way

# Asks for a token with these fields of a form and these headers: the token, and how long it is valid.
Ask = Callable[[dict[str, str], dict[str, str]], tuple[str, float | None]]


class Credentials(Protocol):
    def headers(self) -> dict[str, str]: ...

    def params(self) -> dict[str, str]: ...

    def renewed(self, refused: dict[str, str]) -> bool:
        """Whether there are others than these headers, which were refused."""
        ...


class Fixed:
    """The same for all requests."""

    def __init__(self, headers: dict[str, str], params: dict[str, str]) -> None:
        self._headers = headers
        self._params = params

    def headers(self) -> dict[str, str]:
        return self._headers

    def params(self) -> dict[str, str]:
        return self._params

    def renewed(self, refused: dict[str, str]) -> bool:
        return False


class Token:
    """Of OAuth2, by client credentials. One for all threads."""

    def __init__(self, auth: OAuth2, ask: Ask, clock: Callable[[], float]) -> None:
        secret = resolve(auth.client_secret)
        form = {"grant_type": "client_credentials"} | ({"scope": auth.scope} if auth.scope else {})
        if auth.credentials_in == "body":
            self._form, self._sent = form | {"client_id": auth.client_id, "client_secret": secret}, {}
        else:  # each is encoded as in a form before they are joined: RFC 6749, 2.3.1
            self._form, self._sent = form, _basic(quote_plus(auth.client_id), quote_plus(secret))
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._headers: dict[str, str] | None = None
        self._replaced_at: float | None = None  # of the clock; None: only when it is refused

    def headers(self) -> dict[str, str]:
        with self._lock:
            if self._headers is None or (self._replaced_at is not None and self._clock() >= self._replaced_at):
                self._headers = self._asked()
            return self._headers

    def params(self) -> dict[str, str]:
        return {}

    def renewed(self, refused: dict[str, str]) -> bool:
        with self._lock:
            if self._headers == refused:  # else another thread was first
                self._headers = self._asked()
            return True

    def _asked(self) -> dict[str, str]:
        token, valid_s = self._ask(self._form, self._sent)
        self._replaced_at = None if valid_s is None else self._clock() + valid_s - min(EARLIER_S, valid_s / 2)
        return {"Authorization": f"Bearer {token}"}


def credentials(auth: Auth, ask: Ask, *, clock: Callable[[], float] = time.monotonic) -> Credentials:
    """Resolves the secret. Raises Misconfigured where there is none, or where no header can have it."""
    match auth:
        case Bearer(token=ref):
            return Fixed({"Authorization": f"Bearer {_for_header(ref)}"}, {})
        case ApiKey(kind="header", name=name, key=ref):
            return Fixed({name: _for_header(ref)}, {})
        case ApiKey(name=name, key=ref):
            return Fixed({}, {name: resolve(ref)})
        case Basic(username=username, password=ref):
            return Fixed(_basic(username, resolve(ref)), {})
        case OAuth2():
            return Token(auth, ask, clock)
    return Fixed({}, {})


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def _for_header(ref: SecretRef) -> str:
    """Checked here: requests would show it, saying what is wrong with it."""
    value = resolve(ref)
    if not (value.isascii() and value.isprintable() and value == value.strip()):
        raise Misconfigured(f"secret {ref}: has a character that no header can have, a line's end for example")
    return value
