"""What the server answers for one source: its pages and, where the contract declares a request for it, their total.

An endpoint reads a request (`asked`) and answers it (`answer`); both are without I/O. Does not own: who is let in,
faults of the transport, routes (rest_api).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from emr_jobs.contracts import Contract
from emr_jobs.contracts.read import Complete, Rest, TotalRequest
from local_stack.rest.envelope import array, render
from local_stack.rest.faults import Kind
from local_stack.rest.pages import Chain, Place
from local_stack.rest.parameters import Parameters, Sent
from local_stack.rest.records import Records, Window


@dataclass(frozen=True)
class Asked:
    window: Window
    place: Place


@dataclass(frozen=True)
class Circumstances:
    """What of an answer is not of the data."""

    strikes: Callable[[Kind], bool]
    link: Callable[[str | None], str]  # this request's address with a page token, or of the first page


@dataclass(frozen=True)
class Answer:
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Endpoint(Protocol):
    @property
    def source(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def method(self) -> str: ...

    def asked(self, sent: Sent) -> Asked:
        """Raises Refused where the request is not of this endpoint."""
        ...

    def answer(self, asked: Asked, of: Circumstances) -> Answer: ...


@dataclass(frozen=True)
class PagesEndpoint:
    source: str
    rest: Rest
    records: Records
    chain: Chain
    parameters: Parameters

    @property
    def path(self) -> str:
        return self.rest.path

    @property
    def method(self) -> str:
        return self.rest.method

    def asked(self, sent: Sent) -> Asked:
        asked = self.parameters.asked(sent)
        return Asked(asked.window, self.chain.place(asked.free))

    def answer(self, asked: Asked, of: Circumstances) -> Answer:
        selected = self.records.of(asked.window)
        offset, size = asked.place.offset, asked.place.size
        if self.chain.is_numbered and of.strikes("repeated_cursor"):
            offset = min(offset, size)
        texts = selected.page(offset, size)
        stop = min(offset + len(texts), len(selected))
        following = self.chain.following(stop, len(selected))
        if not self.chain.is_numbered and of.strikes("repeated_cursor") and following is not None:
            following = size
        fields, headers = self.chain.told(following, of.link)
        counted_fields, counted_headers = self._completeness(len(selected), stop, of)
        content = render([(self.rest.records, array(texts)), *fields.items(), *counted_fields.items()])
        return Answer(content, {**headers, **counted_headers})

    def _completeness(self, total: int, stop: int, of: Circumstances) -> tuple[dict[str, bytes], dict[str, str]]:
        complete = self.rest.complete
        if not isinstance(complete, Complete):
            return {}, {}
        if complete.has_more:
            return {complete.has_more: b"true" if stop < total else b"false"}, {}
        if not complete.is_counted or not self._tells_total(complete):
            return {}, {}
        if of.strikes("lying_total"):
            total += 1
        if complete.total_header:
            return {}, {complete.total_header: str(total)}
        path = complete.total or (complete.total_request and complete.total_request.field)
        return {str(path): str(total).encode()}, {}

    def _tells_total(self, complete: Complete) -> bool:
        """A total that is asked for where the pages are stands in their answer."""
        return complete.total_request is None or complete.total_request.path == self.path


@dataclass(frozen=True)
class TotalEndpoint:
    """Counts what the pages would have. What these may be sent may be sent here."""

    source: str
    method: str
    request: TotalRequest
    records: Records
    parameters: Parameters

    @property
    def path(self) -> str:
        return self.request.path

    def asked(self, sent: Sent) -> Asked:
        return Asked(self.parameters.asked(sent).window, Place(0, 0))

    def answer(self, asked: Asked, of: Circumstances) -> Answer:
        total = len(self.records.of(asked.window)) + of.strikes("lying_total")
        return Answer(render([(self.request.field, str(total).encode())]))


def endpoints(contract: Contract, data: Path, zone: ZoneInfo) -> list[Endpoint]:
    """Of one source, that of the pages first. Raises FileNotFoundError for data that lacks, ValueError for a contract
    whose answer no JSON text can be."""
    rest = contract.read
    if not isinstance(rest, Rest):
        raise ValueError(f"{contract.id} is not read from an API: read is of kind {rest and rest.kind}")
    chain = Chain(rest)
    records = Records.read(data / contract.name, rest, zone)
    parameters = Parameters(rest.params, rest.body, chain.free_in_query, chain.free_in_body, rest.times, zone)
    pages = PagesEndpoint(contract.name, rest, records, chain, parameters)
    _require_an_answer(contract, pages)
    complete = rest.complete
    if not isinstance(complete, Complete) or complete.total_request is None:
        return [pages]
    asks = complete.total_request
    return [pages, TotalEndpoint(contract.name, rest.method, asks, records, _with(parameters, asks.params))]


def _with(pages: Parameters, fixed: Mapping[str, Any]) -> Parameters:
    """These are sent beside those of the pages, where the pages' own parameter goes."""
    if pages.body is None:
        return replace(pages, query={**pages.query, **fixed}, free_in_query=pages.free_in_query - set(fixed))
    body: Mapping[str, Any] = pages.body
    for name, value in fixed.items():
        body = _placed(body, name.split("."), value)
    return replace(pages, body=body, free_in_body=pages.free_in_body - set(fixed))


def _placed(body: Any, path: list[str], value: Any) -> dict[str, Any]:
    name, *within = path
    body = body if isinstance(body, dict) else {}
    return body | {name: _placed(body.get(name), within, value) if within else value}


def _require_an_answer(contract: Contract, pages: PagesEndpoint) -> None:
    try:
        pages.answer(Asked(Window(), Place(0, 0)), Circumstances(strikes=lambda _: False, link=lambda _: ""))
    except ValueError as error:
        raise ValueError(f"{contract.id}: no answer can be what read declares: {error}") from error
