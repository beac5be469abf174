"""One source's pages of a day: the total of a window, the chain of pages of a slice, a few records to look at.

A slice whose records differ from its total or are of another window, a page or a request that comes again, and a chain
that does not end are errors. Does not own: threads and Spark (fetch).
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from emr_jobs.contracts.read import Complete, Rest, TotalRequest
from emr_jobs.core.errors import samples
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import RestConnection
from emr_jobs.sources.rest import page_body, pages
from emr_jobs.sources.rest.complete import Tally, announced, count
from emr_jobs.sources.rest.exchange import Answer, Budget, Exchange, Request
from emr_jobs.sources.rest.json_path import at, keys_of
from emr_jobs.sources.rest.pages import Page, Step
from emr_jobs.sources.rest.refusals import Contradiction, Refusals
from emr_jobs.sources.rest.transport import session
from emr_jobs.sources.rest.window import Slice, filled, placed, slices, words

Records = TypeVar("Records")


class Client:
    """One a process: a connection pool, what lets us in, the budget. All errors are PipelineErrors."""

    def __init__(
        self,
        connection: RestConnection,
        declared: Rest,
        *,
        source: str,
        partition: Partition,
        share: int = 1,
        opened: requests.Session | None = None,
    ) -> None:
        """`share`: how many processes divide concurrency and budget among them. `opened`: None for one of its own.

        Raises Misconfigured where a secret is not there.
        """
        self.concurrency = max(1, connection.concurrency // share)
        self._url = connection.url
        self._declared = declared
        self._partition = partition
        self._day_keys = keys_of(declared.day_column) if declared.day_column else None
        self._refusals = Refusals(source, partition, declared.connection, connection)
        self._exchange = Exchange(
            connection,
            self._refusals,
            opened or session(connection, threads=self.concurrency),
            budget=Budget(connection.requests_per_second / share),
        )

    def total(self, window: Slice) -> int | None:
        """How many records the API says the window has; None where it does not say."""
        complete = self._declared.complete
        if not (isinstance(complete, Complete) and complete.is_counted):
            return None
        if complete.total_request:
            return self._counted(complete.total_request, window)
        request = self._request(window, pages.first(self._declared))
        return self._exchange.ask(request, partial(self._page, is_first=True)).total

    def chain(
        self, slice_: Slice, *, read: Callable[[list[Any]], Records], stop: threading.Event | None = None
    ) -> list[Records]:
        """What `read` makes of each page of a slice; as many records as its total. Ends for certain."""
        return [read(records) for records in self.pages(slice_, stop=stop)]

    def pages(self, slice_: Slice, *, stop: threading.Event | None = None) -> Iterator[list[Any]]:
        """The records of each page as they come. Only who takes them all knows that they are all."""
        try:
            yield from self._pages(slice_, stop or threading.Event())
        except Contradiction as error:
            raise self._refusals.contradiction(slice_, error) from None

    def _pages(self, slice_: Slice, stop: threading.Event) -> Iterator[list[Any]]:
        declared = self._declared
        counting = declared.complete.total_request if isinstance(declared.complete, Complete) else None
        tally = Tally(self._counted(counting, slice_) if counting else None)
        step: Step | None = pages.first(declared)
        asked: set[str] = set()
        while step is not None and not stop.is_set():
            if (said := repr(step)) in asked:
                raise Contradiction("every page once", f"{step} a second time, after {tally.pages} pages")
            asked.add(said)
            request = self._request(slice_, step)
            page = self._exchange.ask(request, partial(self._page, is_first=tally.pages == 0))
            records = self._of_window(page.records, slice_)
            tally.add(page)
            yield records
            step = pages.following(declared, page, step, url=request.url, rows=tally.rows, total=tally.total)
            if step is not None:
                tally.require_progress()
        if not stop.is_set():
            tally.close()

    def _counted(self, counting: TotalRequest, window: Slice) -> int:
        request = self._request(window, Step(), counting)
        return self._exchange.ask(request, partial(_total, field=counting.field))

    def _request(self, window: Slice, step: Step, counting: TotalRequest | None = None) -> Request:
        declared = self._declared
        named = words(declared, window, self._partition)
        params, body = filled(declared.params, named), filled(declared.body, named)
        if step.url:
            return Request(declared.method, step.url, {}, body)
        url = _below(self._url, filled(counting.path if counting else declared.path, named))
        more = {**step.params, **(filled(counting.params, named) if counting else {})}
        if body is None:
            return Request(declared.method, url, {**params, **more})
        return Request(declared.method, url, params, _with(body, more))

    def _page(self, answer: Answer, *, is_first: bool) -> Page:
        body, records = page_body.parsed(answer.content, answer.content_type, path=self._declared.records)
        total, has_more = announced(self._declared, body, answer.headers, is_first=is_first)
        fingerprint = page_body.fingerprint(records, answer.content)
        return Page(body, answer.headers, records, fingerprint, total, has_more)

    def _of_window(self, records: list[Any], slice_: Slice) -> list[Any]:
        """Those that are of the slice (see window). Raises Contradiction."""
        if self._day_keys is None:
            return records
        where = placed(records, self._day_keys, slice_)
        complete = self._declared.complete
        counted = isinstance(complete, Complete) and complete.is_counted
        outside = [*where.outside, *(str(at(records[number], self._day_keys)) for number in where.at_end if counted)]
        if outside:
            raise Contradiction("records of that window", f"{len(outside)} of another one{samples(outside)}")
        if not where.at_end or slice_.end < self._partition.end:
            return records
        return [record for number, record in enumerate(records) if number not in set(where.at_end)]


def first_records(
    connection: RestConnection,
    declared: Rest,
    *,
    source: str,
    partition: Partition,
    limit: int,
    opened: requests.Session | None = None,
) -> list[Any]:
    """At most so many of a day, for people to look at. Asks for no page more than that needs."""
    client = Client(connection, declared, source=source, partition=partition, opened=opened)
    every = (record for slice_ in slices(declared, partition) for page in client.pages(slice_) for record in page)
    return list(itertools.islice(every, limit))


def _total(answer: Answer, *, field: str) -> int:
    return count(at(page_body.json_of(answer.content, answer.content_type), keys_of(field)), field)


def _below(url: str, path: str) -> str:
    parts = urlsplit(url)
    return parts._replace(path=parts.path.rstrip("/") + path if path else parts.path).geturl()


def _with(body: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """A body with these parameters; a dot in a name leads into an object."""
    result = dict(body)
    for name, value in params.items():
        first, dot, rest = name.partition(".")
        within = result.get(first)
        result[first] = _with(within if isinstance(within, dict) else {}, {rest: value}) if dot else value
    return result
