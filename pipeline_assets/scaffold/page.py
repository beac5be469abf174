"""One page of a web API, asked for as a run asks: certificates verified, no redirect followed, its size capped.

Invariant: what lets us in goes into one header of one request, and into no message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import RestConnection, faults_of
from pydantic import ValidationError


@dataclass(frozen=True)
class Page:
    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Header:
    """That lets us in: its name, and the reference of its value."""

    name: str
    key: str

    @property
    def is_bearer(self) -> bool:
        return self.name.lower() == "authorization"

    @property
    def auth(self) -> dict[str, str]:
        if self.is_bearer:
            return {"kind": "bearer", "token": self.key}
        return {"kind": "header", "name": self.name, "key": self.key}


def header_of(text: str) -> Header:
    """`NAME=env:VAR`. Raises Misconfigured, without what stands in the place of a reference."""
    name, _, key = text.partition("=")
    if not name or not key.startswith(("env:", "file:", "aws:")):
        raise Misconfigured("--header: expected NAME=env:VARIABLE; a secret is a reference, never the value itself")
    return Header(name, key)


def page_at(url: str, header: Header | None, partition: Partition) -> Page:
    """{start} and {end} of the address are the day's. Raises Misconfigured."""
    from emr_jobs.sources.rest.auth import credentials
    from emr_jobs.sources.rest.download import content_of
    from emr_jobs.sources.rest.refusals import BrokenAnswer, TooLarge, shown
    from emr_jobs.sources.rest.transport import session
    from requests.exceptions import RequestException
    from requests.utils import get_environ_proxies

    connection = _connection(url, header)
    headers = credentials(connection.auth, _ask_nobody).headers()
    address = _of_day(url, partition)
    try:
        with session(connection, threads=1).get(
            address,
            headers=headers,
            stream=True,
            allow_redirects=False,
            timeout=connection.timeout_s,
            proxies=get_environ_proxies(address),
        ) as answer:
            if answer.status_code != 200:
                raise Misconfigured(f"{shown(url)} answered {answer.status_code}. {_WITHOUT}")
            return Page(content_of(answer, connection.max_page_bytes), answer.headers)
    except (RequestException, BrokenAnswer, TooLarge) as error:
        raise Misconfigured(f"{shown(url)} gave no page ({type(error).__name__}). {_WITHOUT}") from None


_WITHOUT = "Save a page of it, and name that: --sample page.json"


def _connection(url: str, header: Header | None) -> RestConnection:
    values = {"kind": "rest", "url": url, "max_retries": 1}
    try:
        return RestConnection.model_validate({**values, "auth": header.auth} if header else values)
    except ValidationError as error:
        raise Misconfigured(f"--url: {faults_of(error)}") from None


def _ask_nobody(form: dict[str, str], headers: dict[str, str]) -> NoReturn:
    raise AssertionError("a header asks for no token")


def _of_day(url: str, partition: Partition) -> str:
    words = {"start": f"{partition.start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{partition.end:%Y-%m-%dT%H:%M:%SZ}"}
    for name, value in {**words, "partition": str(partition)}.items():
        url = url.replace(f"{{{name}}}", value)
    return url
