"""What a request may send and must: the declared parameters of query, body and path, and those of the pages.

A declared text is a template: what stands for {start}, {end}, {as_of} or {partition} is read, everything else must be
there as it is declared, for the data is of that only. The page size and the place in a chain of pages may be anything
that they can be. Does not own: what a place means (pages). Invariant: what nobody declares is refused.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from emr_jobs.contracts.read import WINDOW
from local_stack.rest import times
from local_stack.rest.records import Window

_FIELD = re.compile(rf"\{{(?:{'|'.join(WINDOW)})\}}")


class Refused(ValueError):
    """Answered with 400 and this text."""


@dataclass(frozen=True)
class Sent:
    """One request."""

    path: Mapping[str, str]  # what stands for the fields of the path
    query: Iterable[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Asked:
    window: Window
    free: Mapping[str, str]  # of the parameters that may be anything, those that were sent


@dataclass(frozen=True)
class Parameters:
    """Of the requests of one kind."""

    query: Mapping[str, Any]
    body: Mapping[str, Any] | None  # None: there is none
    free_in_query: frozenset[str]  # may be sent and may be anything
    free_in_body: frozenset[str]  # a dot leads into an object
    times: str
    zone: ZoneInfo

    def asked(self, sent: Sent) -> Asked:
        """Raises Refused."""
        reading = _Reading(self.times, self.zone)
        for name, text in sent.path.items():
            reading.window_field(name, text, where=f"{{{name}}} of the path")
        query = {name: str(value) for name, value in self.query.items()}
        reading.mapping(query, _once(sent.query), free=self.free_in_query, within="")
        if self.body is not None:
            reading.mapping(self.body, _parsed(sent.body), free=self.free_in_body, within="")
        elif sent.body:
            raise Refused("a body is unknown")
        return Asked(Window(**reading.window), reading.free)


@dataclass
class _Reading:
    """Collects what one request says."""

    times: str
    zone: ZoneInfo
    window: dict[str, Any] = field(default_factory=dict)
    free: dict[str, str] = field(default_factory=dict)

    def mapping(self, declared: Mapping[str, Any], values: Any, *, free: frozenset[str], within: str) -> None:
        if not isinstance(values, dict):
            raise Refused(f"{within.removesuffix('.') or 'body'} is no object")
        for name, value in values.items():
            path = f"{within}{name}"
            if path in free:
                self.free[path] = str(value)
            elif name not in declared and any(each.startswith(f"{path}.") for each in free):
                self.mapping({}, value, free=free, within=f"{path}.")
            elif name not in declared:
                raise Refused(f"{path} is unknown")
        for name, template in declared.items():
            path = f"{within}{name}"
            if path in free:
                continue
            if name not in values:
                raise Refused(f"{path} is missing")
            self.value(template, values[name], free=free, where=path)

    def value(self, template: Any, value: Any, *, free: frozenset[str], where: str) -> None:
        if isinstance(template, dict):
            self.mapping(template, value, free=free, within=f"{where}.")
        elif isinstance(template, list):
            if not isinstance(value, list) or len(value) != len(template):
                raise Refused(f"{where} is no list of {len(template)}")
            for number, (each, one) in enumerate(zip(template, value, strict=True)):
                self.value(each, one, free=frozenset(), where=f"{where}[{number}]")
        elif isinstance(template, str) and _FIELD.search(template):
            self.fields(template, value, where=where)
        elif type(value) is not type(template) or value != template:
            raise Refused(f"{where} is {str(value)[:40]!r}, known is {str(template)!r}")

    def fields(self, template: str, value: Any, *, where: str) -> None:
        """A number may stand for a field that is all of the text."""
        pattern = "(.+?)".join(re.escape(piece) for piece in _FIELD.split(template))
        bare = _FIELD.fullmatch(template) and type(value) is int
        matched = re.fullmatch(pattern, str(value), re.DOTALL) if isinstance(value, str) or bare else None
        if matched is None:
            raise Refused(f"{where} is {str(value)[:40]!r}, expected {template}")
        for name, text in zip(_FIELD.findall(template), matched.groups(), strict=True):
            self.window_field(name.strip("{}"), text, where=where)

    def window_field(self, name: str, text: str, *, where: str) -> None:
        try:
            read: Callable[[str], Any] = _day if name == "partition" else self._instant
            value = read(text)
        except ValueError as error:
            raise Refused(f"{where} {error}") from error
        if self.window.setdefault(name, value) != value:
            raise Refused(f"{where} is {text[:40]!r}, but {{{name}}} is something else elsewhere")

    def _instant(self, text: str) -> Any:
        return times.of_parameter(text, self.times, self.zone)


def _day(text: str) -> str:
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise ValueError(f"is {text[:40]!r}, expected {times.EXPECTED['date']}")


def _once(query: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in query:
        if name in values:
            raise Refused(f"{name} is there twice")
        values[name] = value
    return values


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused("body is no JSON") from error
