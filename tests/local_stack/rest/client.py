"""A client of declared APIs, which knows the contract's vocabulary and nothing of the server; and what it asks of.

Its answers are raw: some are meant to be broken.
"""

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from pydantic import TypeAdapter

from emr_jobs.contracts.model import Contract, Medium
from emr_jobs.contracts.read import Complete, Cursor, NextUrl, Offset, PageNumber, Rest
from emr_jobs.core.settings import Auth

DAY = datetime(2026, 11, 21, tzinfo=UTC)
SECRET = "s3cr3t"
WINDOW = {"start": DAY, "end": DAY + timedelta(days=1), "as_of": DAY + timedelta(days=1)}


def loan(number: int, at: str, rest: str = "") -> bytes:
    return f'{{"loan": {number}, "at": "{at}"{rest}}}'.encode()


# Of the day, by their instants, each odd in another way; in the file they stand the other way round.
LOANS = [
    loan(0, "2026-11-21T00:00:00Z"),
    loan(1, "2026-11-21T02:00:00+01:00", ', "pages" : 1e400 '),
    loan(2, "2026-11-21T02:00:00Z", r', "title": "\ud83d"'),
    loan(3, "2026-11-21T03:00:00Z", ', "loan": "twice"'),
    loan(4, "2026-11-21T04:00:00Z", ', "fee": 1.10, "open": [ ]'),
    loan(5, "2026-11-21T05:00:00Z", ', "title": "Gärten"'),
    loan(6, "2026-11-21T23:59:59.999999Z"),
]
EARLIER = loan(7, "2026-11-20T23:59:59.999999Z")
LATER = loan(8, "2026-11-22T00:00:00Z")

BETWEEN = {"from": "{start}", "to": "{end}"}
CURSOR = {
    "path": "/v1/loans",
    "params": BETWEEN | {"limit": 3},
    "records": "$.data",
    "pages": {"kind": "cursor", "field": "$.next"},
    "complete": {"total": "$.total"},
    "day_column": "$.at",
}


def write(folder: Path, day: str, texts: Sequence[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"dt={day}.jsonl.gz").write_bytes(gzip.compress(b"\n".join([*texts, b" ", b""])))


def write_loans(data: Path) -> Path:
    write(data / "loans", "2026-11-20", [EARLIER])
    write(data / "loans", "2026-11-21", LOANS[::-1])
    write(data / "loans", "2026-11-22", [LATER])
    return data


def contract(read: Mapping[str, Any], name: str = "loans") -> Contract:
    return Contract(
        id=f"api.{name}",
        version="1.0.0",
        medium=Medium.SOURCE,
        physical_name=name,
        description="",
        granularity=None,
        owner="desk",
        columns=(),
        checks=(),
        available_by=None,
        read=Rest.model_validate({"kind": "rest", "connection": "library", **read}),
    )


def auth(kind: str, **values: Any) -> Auth:
    return TypeAdapter(Auth).validate_python({"kind": kind, **values})


def none() -> str:
    raise AssertionError("nobody asks for the secret")


@dataclass(frozen=True)
class Client:
    """Asks as the contract says."""

    base: str
    read: Rest
    session: requests.Session = field(default_factory=requests.Session)
    window: Mapping[str, datetime] = field(default_factory=lambda: WINDOW)

    @classmethod
    def of(cls, base: str, source: Contract, session: requests.Session | None = None) -> "Client":
        assert isinstance(source.read, Rest)
        return cls(base, source.read, session or requests.Session())

    @property
    def start(self) -> dict[str, Any]:
        """What the first request must have beyond the rest."""
        pages = self.read.pages
        return {pages.param: pages.first} if isinstance(pages, Cursor) and pages.first else {}

    def first(self) -> requests.Response:
        return self.ask(self.start)

    def ask(self, more: Mapping[str, Any] = {}, *, url: str | None = None) -> requests.Response:
        """`more` goes where the contract sends the pages' parameter; `url` is one that an answer had."""
        query, body = self.filled(self.read.params), self.filled(self.read.body)
        if body is None:
            query |= more
        else:
            for name, value in more.items():
                *holders, last = name.split(".")
                holder = body
                for each in holders:
                    holder = holder.setdefault(each, {})
                holder[last] = value
        return self.session.request(
            self.read.method, url or self.url, params=None if url else query, json=body, timeout=10
        )

    @property
    def url(self) -> str:
        return self.base + self.filled(self.read.path)

    def filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\{(\w+)\}", lambda name: self.text(name[1]), value)
        if isinstance(value, dict):
            return {name: self.filled(each) for name, each in value.items()}
        return [self.filled(each) for each in value] if isinstance(value, list) else value

    def text(self, name: str) -> str:
        at = self.window["start" if name == "partition" else name]
        if name == "partition" or self.read.times == "date":
            return str(at.date())
        seconds = int(at.timestamp())
        return {"epoch": str(seconds), "epoch_ms": str(seconds * 1000)}.get(self.read.times, at.isoformat())

    def pages(self, *, most: int = 10) -> Iterator[requests.Response]:
        """As they follow each other, to the one with which they end."""
        pages = self.read.pages
        answer = self.first()
        rows = 0
        for _ in range(most):
            yield answer
            rows += len(records(self.read, answer))
            link = answer.links.get("next", {}).get("url")
            match pages:
                case Cursor(field=path, header=header, param=param, end=end):
                    cursor = at(answer.json(), path) if path else answer.headers.get(header or "")
                    if cursor is None or (end == "empty_page" and not records(self.read, answer)):
                        return
                    answer = self.ask({param: cursor})
                case Offset(param=param):
                    if self.is_last(answer, rows):
                        return
                    answer = self.ask({param: rows})
                case PageNumber(param=param, first=number):
                    if self.is_last(answer, rows):
                        return
                    answer = self.ask({param: number + -(-rows // 3)})
                case _:
                    link = at(answer.json(), pages.field) if isinstance(pages, NextUrl) else link
                    if link is None:
                        return
                    answer = self.ask(url=link)

    def is_last(self, answer: requests.Response, rows: int) -> bool:
        complete = self.read.complete
        assert isinstance(complete, Complete)
        match self.read.pages.end:  # type: ignore[union-attr]  # these have one
            case "total":
                return rows >= (total(self.read, answer) or 0)
            case "has_more":
                return not at(answer.json(), complete.has_more or "$")
            case "short_page":
                return len(records(self.read, answer)) < 3
        return not records(self.read, answer)


def at(body: Any, path: str) -> Any:
    for name in path.split(".")[1:]:
        body = body[name]
    return body


def records(read: Rest, answer: requests.Response) -> list[Any]:
    found = at(answer.json(), read.records)
    assert isinstance(found, list)
    return found


def total(read: Rest, answer: requests.Response) -> int | None:
    """That a page tells, None where the contract says that it tells none."""
    complete = read.complete
    if isinstance(complete, Complete) and complete.total:
        return at(answer.json(), complete.total)
    if isinstance(complete, Complete) and complete.total_header:
        return int(answer.headers[complete.total_header])
    return None


def array(texts: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(texts) + b"]"


def in_pages(texts: Sequence[bytes], size: int = 3) -> list[bytes]:
    return [array(texts[begin : begin + size]) for begin in range(0, len(texts), size)]
