"""One request and its answer: retries of refusals and outages, certificates, proxies; nothing kept between requests.

urllib3's Retry asks again after RETRIED_STATUSES and outages, GET and POST alike: a POST here is a question. Redirects
are not followed, cookies not kept. The environment is not trusted as a whole (trust_env), since with it requests would
put the password that a .netrc has for the host in the place of the token. What else it gives is taken by name: proxies,
and the certificates of REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE. Does not own: what a status means
(exchange). Invariant: no query stands in a log or an error.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from emr_jobs.core.settings import RestConnection
from emr_jobs.sources.rest.download import ENCODINGS
from emr_jobs.sources.rest.refusals import Refusals

RETRIED_STATUSES = (408, 425, 429, 500, 502, 503, 504, *range(520, 525))  # from 520: a CDN's, of the server behind it
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_LOGS = ("urllib3.connectionpool", "urllib3.util.retry")
_QUERY = re.compile(r"\?\S*")


class _Patient(Retry):
    """A Retry-After that is neither seconds nor a date (1.5, -5, soon) is none: the default wait."""

    def get_retry_after(self, response: Any) -> float | None:
        try:
            return super().get_retry_after(response)
        except (InvalidHeader, ValueError, OverflowError):
            return None


class _Session(requests.Session):
    def get_redirect_target(self, resp: Any) -> None:
        """None, ever: requests would read the whole body of a redirect, followed or not."""


class _WithoutQueries(logging.Filter):
    """urllib3 logs addresses, at WARNING too; a key can be in their query."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _QUERY.sub("?...", record.getMessage()), ()
        return True


_without_queries = _WithoutQueries()


def session(connection: RestConnection, *, threads: int) -> requests.Session:
    """Without what lets us in."""
    retry = _Patient(
        total=connection.max_retries,
        status_forcelist=RETRIED_STATUSES,
        allowed_methods={"GET", "POST"},
        backoff_factor=connection.backoff_s,
        backoff_jitter=connection.backoff_s,
        respect_retry_after_header=True,
        retry_after_max=connection.max_retry_after_s,
        raise_on_status=False,
    )
    opened = _Session()
    adapter = HTTPAdapter(pool_maxsize=threads, max_retries=retry)
    opened.mount("https://", adapter)
    opened.mount("http://", adapter)
    opened.trust_env = False
    opened.verify = next((path for name in _CERTIFICATES if (path := os.environ.get(name))), True)
    opened.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    opened.headers.update({"Accept": "application/json", "Accept-Encoding": ENCODINGS, **connection.headers})
    return opened


class Transport:
    def __init__(self, connection: RestConnection, refusals: Refusals, opened: requests.Session) -> None:
        self._connection = connection
        self._refusals = refusals
        self._session = opened
        for name in _LOGS:
            logging.getLogger(name).addFilter(_without_queries)

    @contextmanager
    def sent(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, Any] | None = None,
        data: Any = None,
    ) -> Iterator[Any]:
        """The answer, its body still to come. Raises Unavailable when there is none."""
        try:
            answer = self._session.request(
                method,
                url,
                params=params,
                data=data,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=self._connection.timeout_s,
                proxies=get_environ_proxies(url),
            )
        except requests.exceptions.RequestException as error:
            raise self._refusals.unavailable(
                url, f"{type(error).__name__} after {self._connection.max_retries} retries"
            ) from None
        with answer:
            yield answer
