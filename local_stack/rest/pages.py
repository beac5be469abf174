"""How the pages of a source follow each other: where in the chain a request is, what an answer says of the next one.

    cursor        the cursor that the answer before named, opaque; `first`, where it is declared, must be sent first
    next_url      an address of this server with `page_token` in its query, and all that was asked but a key
    link_header   the same as rel="next", beside a rel="first"
    offset, page  numbers; what lies past the end is empty
    none          one answer

A page has as many records as the declared parameter says that is the pages' size_param or named limit, page_size or
per_page: what is sent counts, from 1 to MAX_SIZE (or to what is declared, where that is more), DEFAULT_SIZE without
one. An answer that is the only one has all. Does not own: which records (records), where in the answer (envelope).
"""

import base64
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from emr_jobs.contracts.read import Cursor, LinkHeader, NextUrl, Offset, OnePage, PageNumber, Rest
from local_stack.rest.parameters import Refused
from local_stack.rest.records import value_at

PAGE_TOKEN = "page_token"  # noqa: S105  # a parameter's name
SIZES = ("limit", "page_size", "per_page")
DEFAULT_SIZE, MAX_SIZE = 100, 1000


@dataclass(frozen=True)
class Place:
    offset: int
    size: int


@dataclass(frozen=True)
class Chain:
    """Of one source."""

    rest: Rest

    @property
    def free_in_query(self) -> frozenset[str]:
        """Parameters that may be sent and may be anything a size or a place can be."""
        link = PAGE_TOKEN if isinstance(self.rest.pages, NextUrl | LinkHeader) else None
        place = self._place_parameter if self.rest.body is None else None
        size = self._size_parameter if self._size_parameter in self.rest.params else None
        return frozenset(filter(None, (link, place, size)))

    @property
    def free_in_body(self) -> frozenset[str]:
        if self.rest.body is None:
            return frozenset()
        name = self._size_parameter
        size = name if name and value_at(self.rest.body, f"$.{name}") is not None else None
        return frozenset(filter(None, (self._place_parameter, size)))

    @property
    def is_numbered(self) -> bool:
        return isinstance(self.rest.pages, Offset | PageNumber)

    def place(self, sent: Mapping[str, str]) -> Place:
        """Raises Refused."""
        size = self._size(sent)
        match self.rest.pages:
            case Cursor(param=name, first=first):
                return Place(_after(name, sent.get(name), None if first is None else str(first)), size)
            case Offset(param=name):
                return Place(_number(name, sent.get(name, "0"), least=0), size)
            case PageNumber(param=name, first=first_page):
                page = _number(name, sent.get(name, str(first_page)), least=first_page)
                return Place((page - first_page) * size, size)
            case NextUrl() | LinkHeader():
                return Place(_after(PAGE_TOKEN, sent.get(PAGE_TOKEN), None), size)
            case OnePage():
                return Place(0, size)

    def following(self, stop: int, last: int) -> int | None:
        """Where the next page begins, after one that ended before `stop`; None: the answer names none."""
        pages = self.rest.pages
        always = isinstance(pages, Cursor) and pages.end == "empty_page"
        return stop if stop < last or always else None

    def told(self, following: int | None, link: Callable[[str | None], str]) -> tuple[dict[str, bytes], dict[str, str]]:
        """Fields of the body by path and headers. `link` gives the address with a page token, or of the first page."""
        token = None if following is None else _token(following)
        match self.rest.pages:
            case Cursor(field=str(path)):
                return {path: orjson.dumps(token)}, {}
            case Cursor(header=str(name)) if token is not None:
                return {}, {name: token}
            case NextUrl(field=path):
                return {path: orjson.dumps(token and link(token))}, {}
            case LinkHeader():
                named = {"first": link(None)} | ({"next": link(token)} if token else {})
                return {}, {"Link": ", ".join(f'<{url}>; rel="{rel}"' for rel, url in named.items())}
        return {}, {}

    @property
    def _size_parameter(self) -> str | None:
        pages = self.rest.pages
        names = (pages.size_param, *SIZES) if isinstance(pages, Offset | PageNumber) else SIZES
        return next((name for name in names if self._declared(name) is not None), None)

    @property
    def _place_parameter(self) -> str | None:
        """Stands where the contract sends its own."""
        pages = self.rest.pages
        return pages.param if isinstance(pages, Cursor | Offset | PageNumber) else None

    def _declared(self, name: str) -> int | None:
        return _whole(str(self.rest.params.get(name, value_at(self.rest.body, f"$.{name}"))))

    def _size(self, sent: Mapping[str, str]) -> int:
        name = self._size_parameter
        if name is None:
            return sys.maxsize if isinstance(self.rest.pages, OnePage) else DEFAULT_SIZE
        most = max(MAX_SIZE, self._declared(name) or 0)
        size = _whole(sent.get(name, str(DEFAULT_SIZE)))
        if size is None or not 1 <= size <= most:
            raise Refused(f"{name} is 1 to {most}")
        return size


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _number(name: str, text: str, *, least: int) -> int:
    number = _whole(text)
    if number is None or number < least:
        raise Refused(f"{name} is {text[:40]!r}, expected a whole number from {least}")
    return number


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def _after(name: str, text: str | None, first: str | None) -> int:
    if text == first:  # None without any
        return 0
    if text is None:
        raise Refused(f"{name} is missing: the first is {first}")
    try:
        offset = _whole(base64.b64decode(text, altchars=b"-_", validate=True).decode())
    except ValueError:
        offset = None
    if offset is None:
        raise Refused(f"{name} is {text[:40]!r}, which no answer had")
    return offset
