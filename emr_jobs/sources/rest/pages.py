"""How one page leads to the next, for every kind that a contract can declare. No I/O.

Null or absent ends; 0 and "" are cursors. Does not own: whether what came is all (complete), repeated requests and
chains without an end (client). Invariant: an address that an answer names is on the host, port and scheme asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from requests.utils import parse_header_links

from emr_jobs.contracts.read import Cursor, LinkHeader, NextUrl, Offset, PageNumber, Rest
from emr_jobs.sources.rest.json_path import at, keys_of
from emr_jobs.sources.rest.refusals import Contradiction, shown

_PORTS = {"http": 80, "https": 443}
_LONGEST_CURSOR = 40  # digits of a number


@dataclass(frozen=True)
class Step:
    """What a page's request has beyond that of its slice: parameters, or an address in the place of everything."""

    params: Mapping[str, Any] = field(default_factory=dict)
    url: str | None = None

    def __str__(self) -> str:
        return shown(self.url) if self.url else str(dict(self.params))


@dataclass(frozen=True)
class Page:
    body: Any
    headers: Mapping[str, str]
    records: list[Any]
    fingerprint: int  # of the records
    total: int | None = None  # that it announces
    has_more: bool | None = None  # None: not declared


def first(declared: Rest) -> Step:
    """Of a slice. Where pages are counted, the first number is sent too: what an API takes without one is its own."""
    match declared.pages:
        case Cursor(param=param, first=cursor) if cursor is not None:
            return Step({param: cursor})
        case Offset(param=param):
            return Step({param: 0})
        case PageNumber(param=param, first=number):
            return Step({param: number})
    return Step()


def following(declared: Rest, page: Page, step: Step, *, url: str, rows: int, total: int | None) -> Step | None:
    """The step after this page; None when it was the last. `url` was asked; `rows` so far. Raises Contradiction."""
    if page.has_more is False:
        return None
    next_step = _next(declared, page, step, url=url, rows=rows, total=total)
    if page.has_more and next_step is None:
        raise Contradiction("a way to the next page while there is more", "none, on a page that says there is more")
    return next_step


def _next(declared: Rest, page: Page, step: Step, *, url: str, rows: int, total: int | None) -> Step | None:
    match declared.pages:
        case Cursor() as pages:
            cursor = page.headers.get(pages.header) if pages.header else at(page.body, keys_of(pages.field or "$"))
            if cursor is None or (pages.end == "empty_page" and not page.records):
                return None
            return Step({pages.param: _as_sent(cursor, in_body=declared.body is not None)})
        case NextUrl(field=path):
            return _to(at(page.body, keys_of(path)), url)
        case LinkHeader():
            links = parse_header_links(page.headers.get("Link", ""))
            return _to(next((link["url"] for link in links if _is_next(link)), None), url)
        case Offset(param=param) as pages if not _ended(declared, pages, page, rows, total):
            return Step({param: step.params[param] + len(page.records)})
        case PageNumber(param=param) as pages if not _ended(declared, pages, page, rows, total):
            return Step({param: step.params[param] + 1})
    return None


def _ended(declared: Rest, pages: Offset | PageNumber, page: Page, rows: int, total: int | None) -> bool:
    match pages.end:
        case "empty_page":
            return not page.records
        case "short_page":
            return len(page.records) < (declared.page_size or 0)
        case "total":
            return total is not None and rows >= total
    return False  # has_more: it has said so


def _as_sent(cursor: Any, *, in_body: bool) -> Any:
    """A cursor as the next request has it: text or a number, in a body also what it is made of."""
    if type(cursor) in (str, int, float, Decimal) or (in_body and type(cursor) in (list, dict)):
        return _plain(cursor)
    raise Contradiction("a text or a number as the cursor", f"one of type {type(cursor).__name__}")


def _plain(value: Any) -> Any:
    """Without the Decimal that a number becomes when it has more digits than a float or 18 of an integer."""
    if type(value) is Decimal:
        whole = value.adjusted() < _LONGEST_CURSOR and value == value.to_integral_value()
        return int(value) if whole else str(value)
    if type(value) is list:
        return [_plain(each) for each in value]
    return {name: _plain(each) for name, each in value.items()} if type(value) is dict else value


def _is_next(link: Mapping[str, str]) -> bool:
    return "next" in link.get("rel", "").lower().split()


def _to(address: Any, url: str) -> Step | None:
    """The step to an address that an answer names; an empty one is none. Raises Contradiction for one elsewhere."""
    if address is None or address == "":
        return None
    if type(address) is not str:
        raise Contradiction("the next page's address as a text", f"one of type {type(address).__name__}")
    asked, named = urlsplit(url), _split(url, address)
    if named is None or _origin(named) != _origin(asked) or "@" in named.netloc:
        where = "an address that is none" if named is None else f"it on {named.scheme}://{_host(named)}"
        raise Contradiction(f"the next page on {asked.scheme}://{_host(asked)}, as the ones before", where)
    return Step(url=named._replace(fragment="").geturl())


def _split(url: str, address: str) -> SplitResult | None:
    """None for what cannot be read: a port that is no number, half a bracket."""
    try:
        parts = urlsplit(urljoin(url, address))
        _origin(parts)
    except ValueError:
        return None
    return parts


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, _PORTS.get(parts.scheme) if parts.port is None else parts.port
