"""A page of a web API -> how it is read: where the records are, what leads to the next page, what says how many. Pure.

By names and values: an address under `next`, under `total` a number not smaller than the page. What nothing says is
guessed so that a wrong guess fails rather than reads less, and is a doubt.
Does not own: the fields of the records (infer), the parameters of the request (query).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from emr_jobs.core.errors import Misconfigured
from emr_jobs.reading.values import whole

from pipeline_assets.scaffold.guess import READ, Doubt
from pipeline_assets.scaffold.names import words
from pipeline_assets.scaffold.query import Params, parameters, queried

DEEPEST = 4  # objects within each other that are looked into

Place = tuple[str, ...]
Leaf = tuple[Place, Any]

_USUAL = ("results", "data", "items", "records", "rows", "entries", "content", "value", "values", "hits")
_WHOLE_PAGES = (10, 20, 25, 30, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000)
_BACK = {"prev", "previous", "first", "before", "start", "self"}
_CURSOR = {"cursor", "token", "continuation", "after", "marker", "bookmark"}
_OFFSET = ({"offset"}, {"skip"})
_PAGE = ({"page"}, {"page", "number"}, {"current", "page"}, {"page", "no"}, {"page", "index"})
_SIZE = ({"limit"}, {"per", "page"}, {"page", "size"}, {"size"}, {"take"}, {"max", "results"})
_COUNTED = {"total", "count", "results", "records", "items", "elements", "size", "rows", "entries", "hits", "value"}
_OTHER_TOTALS = (["num", "found"], ["numfound"], ["result", "count"], ["record", "count"])
_MORE = ({"has", "more"}, {"has", "next"}, {"has", "next", "page"}, {"more"})
_UNPROVEN = "nothing says how many records there are, so a missing one is not noticed: total, has_more or total_request"


@dataclass(frozen=True)
class Envelope:
    records: list[Any]
    read: dict[str, Any]  # params, times, records, pages, complete
    doubts: tuple[Doubt, ...]


def envelope_of(body: Any, *, query: str, host: str, headers: Mapping[str, str]) -> Envelope:
    """`query`: of the address that was asked, {start} and {end} in it or an example. Raises Misconfigured."""
    place, records = _records(body)
    page = _Page(records, list(_leaves(body, but=place)), headers, host)
    pages, complete = page.pages(), page.complete()
    if pages["kind"] in ("offset", "page") and isinstance(complete, dict):
        pages["end"] = "has_more" if "has_more" in complete else "total"
    sent = {**page.shown_params, **queried(query)}
    sent.pop(str(pages.get("param", pages["kind"])), None)
    read, doubts = parameters(sent)
    if place:
        read["records"] = _path(place)
    return Envelope(records, {**read, "pages": pages, "complete": complete}, (*page.doubts, *doubts))


def unseen(*, query: str) -> tuple[dict[str, Any], tuple[Doubt, ...]]:
    """Of an API of which there is no page."""
    read, doubts = parameters(queried(query))
    unknown = (
        Doubt(f"{READ}.pages", "how pages follow each other is not known: page numbers are a guess"),
        Doubt(f"{READ}.complete", _UNPROVEN),
        Doubt(READ, "records and day_column: where they are in a page is not known"),
    )
    return {**read, "pages": {"kind": "page"}, "complete": "unproven"}, (*unknown, *doubts)


def _records(body: Any) -> tuple[Place, list[Any]]:
    """The list of objects that is longest."""
    lists = list(_lists(body, ()))
    filled = [(place, each) for place, each in lists if any(type(record) is dict for record in each)]
    if not filled:
        if empty := [_shown(place) for place, each in lists if not each]:
            raise Misconfigured(f"the sample has no record: {empty[0]} is an empty list. Take a page that has some")
        raise Misconfigured(
            "the sample has no list of objects, so nothing in it is a record. Take a page as the API answers it"
        )
    place, records = max(filled, key=lambda each: (len(each[1]), each[0][-1:] in _USUAL_ENDS, -len(each[0])))
    if not _is_writable(place):
        raise Misconfigured(
            f"the records are at {_shown(place)}: a name with a dot, a bracket or a space cannot stand in a path"
        )
    return place, records


_USUAL_ENDS = {(name,) for name in _USUAL}


def _lists(value: Any, place: Place) -> Iterator[tuple[Place, list[Any]]]:
    if type(value) is list:
        yield place, value
    elif type(value) is dict and len(place) < DEEPEST:
        for name, each in value.items():
            yield from _lists(each, (*place, name))


def _leaves(value: Any, *, but: Place, place: Place = ()) -> Iterator[Leaf]:
    """What is no object and no list, around the records."""
    if type(value) is dict and len(place) < DEEPEST:
        for name, each in value.items():
            if (*place, name) != but:
                yield from _leaves(each, but=but, place=(*place, name))
    elif type(value) not in (list, dict) and place and _is_writable(place):
        yield place, value


def _is_writable(place: Place) -> bool:
    return all(re.fullmatch(r"[^.\[\]\s]+", name) for name in place)


def _path(place: Place) -> str:
    return ".".join(("$", *place))


def _shown(place: Place) -> str:
    return "$" + "".join(f".{name}" if _is_writable((name,)) else f"[{name!r}]" for name in place)


class _Page:
    """What stands around the records of one page."""

    def __init__(self, records: list[Any], leaves: Sequence[Leaf], headers: Mapping[str, str], host: str) -> None:
        self._records = records
        self._leaves = leaves
        self._headers = headers
        self._host = host
        self.shown_params: Params = {}  # of the request, that the page itself shows
        self.doubts: list[Doubt] = []

    def pages(self) -> dict[str, Any]:
        if size := self._number(_SIZE):
            self.shown_params = {size[0][-1]: size[1]}
        following = [(place, value) for place, value in self._leaves if _is_next(place)]
        if address := next((leaf for leaf in following if _is_address(leaf[1])), None):
            return self._next_url(*address)
        if re.search(r'rel="?next\b', self._headers.get("Link", "")):
            return {"kind": "link_header"}
        cursors = [(place, value) for place, value in self._leaves if _is_cursor(place) and not _is_address(value)]
        if cursor := next((place for place, value in cursors if type(value) in (str, int) and value != ""), None):
            return self._cursor(cursor)
        if number := next((place for place, value in following if type(value) is int), None):
            self._doubt("pages", f"{_path(number)} is the next page's number: its parameter is a guess")
            return {"kind": "cursor", "field": _path(number), "param": "page"}
        if offset := self._number(_OFFSET):
            return _numbered("offset", offset[0][-1])
        if page := self._number(_PAGE):
            name = "page" if words(page[0][-1]) == ["current", "page"] else page[0][-1]
            return _numbered("page", name) | ({"first": 0} if page[1] == 0 else {})
        if cursors:
            self._doubt("pages", f"{_path(cursors[0][0])} is null, as on a last page: look at a first one")
            return self._cursor(cursors[0][0])
        if last := next((place for place, value in following if value is None), None):
            self._doubt("pages", f"{_path(last)} is null, as on a last page: an address on others is a guess")
            return {"kind": "next_url", "field": _path(last)}
        return self._unnamed()

    def _next_url(self, place: Place, address: str) -> dict[str, Any]:
        named = urlsplit(address)
        if named.hostname and named.hostname != self._host:
            self._doubt("pages", f"the next page is on {named.hostname}, and only {self._host} is asked")
        self.shown_params = queried(named.query)
        return {"kind": "next_url", "field": _path(place)}

    def _cursor(self, place: Place) -> dict[str, Any]:
        """`next_page_token` is sent as page_token, mostly."""
        name = re.sub(r"^(next|end)_?(?=.)", "", place[-1])
        param = "after" if words(place[-1]) == ["end", "cursor"] else name[:1].lower() + name[1:]
        self._doubt("pages", f"the cursor's parameter is not on the page: {param} is a guess")
        return {"kind": "cursor", "field": _path(place), **({"param": param} if param != "cursor" else {})}

    def _unnamed(self) -> dict[str, Any]:
        """Where nothing leads on. Of pages that are none, page 2 has the records of page 1, which is an error."""
        total = self._total()
        if total:
            goes_on = total[1] > len(self._records)
        else:
            goes_on = self._more() is not None or len(self._records) in _WHOLE_PAGES
        if goes_on:
            self._doubt("pages", "there may be more than this page, and nothing says how it is asked for")
            return {"kind": "page"}
        self._doubt("pages", "this page seems to be all; if the API pages, say how")
        return {"kind": "none"}

    def complete(self) -> dict[str, Any] | str:
        if total := self._total():
            return {"total": _path(total[0])}
        for name, value in self._headers.items():
            found = set(words(name))
            if "total" in found and not found & {"page", "pages"} and value.isdigit():
                return {"total_header": name}
        if more := self._more():
            return {"has_more": _path(more)}
        self._doubt("complete", _UNPROVEN)
        return "unproven"

    def _number(self, names: Sequence[set[str]]) -> tuple[Place, int] | None:
        for wanted in names:
            for place, value in self._leaves:
                if type(value) is int and set(words(place[-1])) == wanted:
                    return place, value
        return None

    def _total(self) -> tuple[Place, int] | None:
        """Of the window, one hopes: one of everything is an error that says so."""
        counts = [
            (place, number)
            for place, value in self._leaves
            if type(value) is not bool and type(number := whole(value)) is int and number >= len(self._records)
        ]
        for place, number in counts:
            found, above = words(place[-1]), words(place[-2]) if len(place) > 1 else []
            if found in _OTHER_TOTALS or ("total" in (*above, *found) and set(found) <= _COUNTED):
                return place, number
        for place, number in counts:  # as many as the page has may be the page's own
            if words(place[-1]) == ["count"] and number > len(self._records):
                return place, number
        return None

    def _more(self) -> Place | None:
        """Where a page says whether it is the last."""
        named = (place for place, value in self._leaves if type(value) is bool and set(words(place[-1])) in _MORE)
        return next(named, None)

    def _doubt(self, key: str, says: str) -> None:
        self.doubts.append(Doubt(f"{READ}.{key}", says))


def _numbered(kind: str, param: str) -> dict[str, Any]:
    return {"kind": kind, **({"param": param} if param != kind else {})}


def _is_next(place: Place) -> bool:
    found = {word for name in place for word in words(name)}
    return "next" in found and not found & (_BACK | {"cursor", "token", "has"})


def _is_cursor(place: Place) -> bool:
    found = {word for name in place for word in words(name)}
    return bool(_CURSOR & set(words(place[-1]))) and not found & (_BACK | {"access"})


def _is_address(value: Any) -> bool:
    return type(value) is str and value.startswith(("http://", "https://", "/", "?"))
