"""What a person reads of a web API that did not do as its contract says.

Every sentence names the source, the day, and the address without its query; of a secret the reference. Does not own:
when something is refused (its callers). Invariant: no sentence holds a secret's value, a query or a body.
"""

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from emr_jobs.core.errors import AccessDenied, BadInput, Remedy, Unavailable
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import ApiKey, Basic, Bearer, OAuth2, RestConnection
from emr_jobs.sources.rest.window import Slice

_LOGIN = re.compile(r"log[_-]?in|sign[_-]?in|\bsso\b|saml|oauth", re.IGNORECASE)


class BrokenAnswer(Exception):
    """Status 200, but the body is cut off or not what it should be. Worth asking again."""


class Contradiction(Exception):
    """An answer that contradicts an earlier one, or what is declared."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found


class TooLarge(Exception):
    """A body above the cap."""


def shown(url: str) -> str:
    """Without user, query and fragment, which can hold secrets."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


@dataclass(frozen=True)
class Refusals:
    source: str
    partition: Partition
    name: str  # of the connection
    connection: RestConnection

    def unavailable(self, url: str, found: str) -> Unavailable:
        return Unavailable(
            dataset=self.source,
            partition=self.partition,
            expected=f"whole answers from {shown(url)}",
            found=found,
            fix="Ask the API's owner for its state.",
            remedy=Remedy.RERUN,
        )

    def contradiction(self, where: Slice, said: Contradiction) -> BadInput:
        return BadInput(
            dataset=self.source,
            partition=self.partition,
            expected=f"{said.expected} in slice {where}",
            found=said.found,
            fix="If it happens again, tell the API's owner: its paging or its total is wrong.",
            remedy=Remedy.RERUN,
        )

    def too_large(self, url: str, found: str) -> BadInput:
        return BadInput(
            dataset=self.source,
            partition=self.partition,
            expected=f"at most {self.connection.max_page_bytes:,} bytes a page from {shown(url)}",
            found=found,
            fix=f"Ask for fewer records a page, or raise connections.{self.name}.max_page_bytes.",
            remedy=Remedy.RERUN,
        )

    def not_let_in(self, url: str, found: str) -> AccessDenied:
        expected, fix = self._let_in()
        return AccessDenied(
            dataset=self.source,
            partition=self.partition,
            expected=f"{shown(url)} to {expected}",
            found=found,
            fix=fix,
            remedy=Remedy.RERUN,
        )

    def redirected(self, url: str, status: str, location: str) -> AccessDenied | BadInput:
        """To a login page: nobody is let in. To anywhere else: the address is another."""
        to = shown(urljoin(url, location))
        if _LOGIN.search(to):
            return self.not_let_in(url, f"{status}, a redirect to the login page {to}")
        return BadInput(
            dataset=self.source,
            partition=self.partition,
            expected=f"{shown(url)} to answer 200",
            found=f"{status}, a redirect to {to}",
            fix=f"Redirects are not followed. If the API has moved: url of connections.{self.name}, or the path in the "
            "contract.",
        )

    def unexpected(self, url: str, status: str) -> BadInput:
        return BadInput(
            dataset=self.source,
            partition=self.partition,
            expected=f"{shown(url)} to answer 200",
            found=status,
            fix="Compare the request with the API's documentation; its parameters may have changed.",
        )

    def _let_in(self) -> tuple[str, str]:
        """What was expected, and what mends it."""
        match self.connection.auth:
            case Bearer(token=ref):
                return f"accept the token {ref}", "Renew the token under that name."
            case ApiKey(key=ref):
                return f"accept the key {ref}", "Renew the key under that name."
            case Basic(username=username, password=ref):
                return f"let {username} in with the password {ref}", "Renew the password under that name."
            case OAuth2(client_id=client, client_secret=ref):
                return f"let {client} in with the client secret {ref}", "Renew the client secret under that name."
        return "let everybody in", f"It asks for credentials: declare auth of connections.{self.name}."
