"""A request that is answered with status 200 and a body that can be read, or a PipelineError that says why not.

The budget holds for all threads. A broken body is asked for again up to BODY_ATTEMPTS; a token that is refused is
replaced once, then it is the refusal. Does not own: refusals and outages that pass (transport).
"""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from emr_jobs.core.settings import OAuth2, RestConnection
from emr_jobs.reading.values import number
from emr_jobs.sources.rest.auth import credentials
from emr_jobs.sources.rest.download import content_of
from emr_jobs.sources.rest.page_body import json_of
from emr_jobs.sources.rest.refusals import BrokenAnswer, Refusals, TooLarge
from emr_jobs.sources.rest.transport import RETRIED_STATUSES, Transport

BODY_ATTEMPTS = 3  # for an answer that is 200 but broken; refusals and outages have their own retries
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")  # of OAuth2: invalid_client, invalid_scope

Read = TypeVar("Read")


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None  # None: none


@dataclass(frozen=True)
class Answer:
    content: bytes
    headers: Mapping[str, str]

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")


class Budget:
    """At most so many requests a second, over all threads: each takes the next free instant and waits for it."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval_s = 1 / requests_per_second
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            at = max(self._next, time.monotonic())
            self._next = at + self._interval_s
        time.sleep(max(0.0, at - time.monotonic()))


class Exchange:
    """One a process: a connection pool, what lets us in, the budget."""

    def __init__(
        self, connection: RestConnection, refusals: Refusals, opened: requests.Session, *, budget: Budget
    ) -> None:
        """Raises Misconfigured where a secret is not there."""
        self._connection = connection
        self._refusals = refusals
        self._transport = Transport(connection, refusals, opened)
        self._budget = budget
        self._credentials = credentials(connection.auth, self._token)

    def ask(self, request: Request, read: Callable[[Answer], Read]) -> Read:
        """What `read` makes of the answer; it raises BrokenAnswer where it cannot."""
        attempts = Retrying(
            retry=retry_if_exception_type(BrokenAnswer),
            stop=stop_after_attempt(BODY_ATTEMPTS),
            wait=wait_exponential_jitter(
                multiplier=self._connection.backoff_s,
                max=self._connection.max_retry_after_s,
                jitter=self._connection.backoff_s,
            ),
            reraise=True,
        )
        try:
            return attempts(lambda: read(self._answer(request)))
        except BrokenAnswer as error:
            raise self._refusals.unavailable(request.url, f"{error}, {BODY_ATTEMPTS} times") from None

    def _answer(self, request: Request) -> Answer:
        headers = self._credentials.headers()
        answer = self._sent(request, headers)
        if answer is None and self._credentials.renewed(headers):
            answer = self._sent(request, self._credentials.headers())
        if answer is None:
            raise self._refusals.not_let_in(request.url, "401 Unauthorized")
        return answer

    def _sent(self, request: Request, headers: Mapping[str, str]) -> Answer | None:
        """None where the credentials were refused."""
        self._budget.wait()
        keys = self._credentials.params()
        data = None if request.body is None else json.dumps(request.body, allow_nan=False)
        of_body = {} if data is None else {"Content-Type": "application/json"}
        with self._transport.sent(
            request.method,
            _without(keys, request.url),
            params={**request.params, **keys},
            data=data,
            headers={**of_body, **headers},
        ) as answer:
            if answer.status_code == 401:
                return None
            self._require_200(request.url, answer)
            return self._read(request.url, answer)

    def _read(self, url: str, answer: Any) -> Answer:
        try:
            return Answer(content_of(answer, self._connection.max_page_bytes), answer.headers)
        except TooLarge as error:
            raise self._refusals.too_large(url, str(error)) from None

    def _require_200(self, url: str, answer: Any) -> None:
        code = answer.status_code
        status = f"{code} {answer.reason or ''}".rstrip()
        if 300 <= code < 400 and "Location" in answer.headers:
            raise self._refusals.redirected(url, status, answer.headers["Location"])
        if code == 403:
            raise self._refusals.not_let_in(url, status)
        if code in RETRIED_STATUSES:
            raise self._refusals.unavailable(url, f"{status} after {self._connection.max_retries} retries")
        if code != 200:
            raise self._refusals.unexpected(url, status)

    def _token(self, form: dict[str, str], headers: dict[str, str]) -> tuple[str, float | None]:
        """A new one, and how many seconds it is valid where that is told."""
        assert isinstance(self._connection.auth, OAuth2)
        url = self._connection.auth.token_url
        with self._transport.sent("POST", url, data=form, headers=headers) as answer:
            if answer.status_code in (400, 401):
                status = f"{answer.status_code} {answer.reason or ''}".rstrip()
                raise self._refusals.not_let_in(url, status + self._error_code(url, answer))
            self._require_200(url, answer)
            try:
                body = json_of(self._read(url, answer).content, answer.headers.get("Content-Type", ""))
            except BrokenAnswer as error:
                raise self._refusals.unavailable(url, str(error)) from None
        token = body.get("access_token") if type(body) is dict else None
        if type(token) is not str or not (token.isascii() and token.isprintable() and token):
            raise self._refusals.unavailable(url, "a body without access_token")
        valid_s = number(body.get("expires_in"))
        return token, float(valid_s) if valid_s and valid_s > 0 else None

    def _error_code(self, url: str, answer: Any) -> str:
        try:
            body = json_of(self._read(url, answer).content, "")
        except BrokenAnswer:
            return ""
        code = body.get("error") if type(body) is dict else None
        return f" ({code})" if type(code) is str and _ERROR_CODE.fullmatch(code) else ""


def _without(keys: Mapping[str, str], url: str) -> str:
    """The address, where an answer named one with our key in it, without the key: it is sent with every request."""
    parts = urlsplit(url)
    named = parse_qsl(parts.query, keep_blank_values=True)
    others = [(name, value) for name, value in named if name not in keys]
    return url if len(others) == len(named) else parts._replace(query=urlencode(others)).geturl()
