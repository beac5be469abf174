"""Pages of a web API: hourly slices of a window, each a chain of pages, fetched in parallel under one budget.

    GET <url>?ordered_from=&ordered_to=&limit=&cursor=   bearer token
    {"data": [...], "next_cursor": ..., "total": n}      total counts the request's own window

A page is parsed once, where it was fetched, and its records are read there by the caller's function. A slice whose
rows differ from its total or are of another window, a cursor that repeats and a chain that does not end are errors.
Workers hand errors back as rows: an exception would reach the driver as the text of a stack trace. Does not own: what
a shipment looks like (transforms.shipments).
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from emr_jobs.errors import AccessDenied, BadInput, PipelineError, Remedy, Unavailable
from emr_jobs.partition import Partition
from emr_jobs.secret_ref import resolve
from emr_jobs.settings import ShipmentsSource
from emr_jobs.sources.arrow import batches_as_frame, packed, unpacked

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

SLICE = timedelta(hours=1)
BODY_ATTEMPTS = 3  # for an answer that is 200 but broken; refusals and outages have their own retries
RETRIED_STATUSES = (408, 425, 429, 500, 502, 503, 504, *range(520, 525))  # from 520: a CDN's, of the server behind it

Json = dict[str, Any]
Records = TypeVar("Records")
Read = Callable[[list[Any]], "pa.RecordBatch"]  # a page's records, typed; pickled to the workers


class Pagination(Protocol):
    """How one page leads to the next. No I/O."""

    def first(self) -> dict[str, str]:
        """Parameters of the first request, beyond those of the slice."""
        ...

    def next(self, page: Json) -> dict[str, str] | None:
        """Parameters of the request after this page; None when it was the last."""
        ...


@dataclass(frozen=True)
class CursorPagination:
    """`{"next_cursor": "abc"}`: sent back as `cursor=abc`; null or absent on the last page."""

    parameter: str = "cursor"
    field: str = "next_cursor"

    def first(self) -> dict[str, str]:
        return {}

    def next(self, page: Json) -> dict[str, str] | None:
        cursor = page.get(self.field)
        return {self.parameter: str(cursor)} if cursor else None


@dataclass(frozen=True)
class Slice:
    """Half open, on the instant that the API filters by."""

    start: datetime
    end: datetime

    @property
    def parameters(self) -> dict[str, str]:
        return {"ordered_from": _instant(self.start), "ordered_to": _instant(self.end)}

    def outside(self, rows: Sequence[Any]) -> list[str]:
        """What these rows say they were ordered at, where it is another window's. No instant is of none."""
        said = [row["ordered_at"] for row in rows if isinstance(row, dict) and isinstance(row.get("ordered_at"), str)]
        return [text for text in said if (at := _instant_of(text)) is not None and not self.start <= at < self.end]

    def __str__(self) -> str:
        return f"{_instant(self.start)}/{_instant(self.end)}"


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant_of(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.strip(" "))
    except ValueError:
        return None
    return at if at.tzinfo else None


def slices(partition: Partition) -> list[Slice]:
    """23, 24 or 25 of them: a New York day in UTC hours."""
    starts = itertools.takewhile(
        lambda at: at < partition.end, (partition.start + n * SLICE for n in itertools.count())
    )
    return [Slice(start, min(start + SLICE, partition.end)) for start in starts]


class Budget:
    """At most so many requests a second, over all threads: each takes the next free instant and waits for it."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval_s = 1 / requests_per_second
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            at = max(self._next, time.monotonic())
            self._next = at + self._interval_s
        time.sleep(max(0.0, at - time.monotonic()))


class BrokenAnswer(Exception):
    """Status 200, but the body is cut off or not what it should be."""


class ApiClient:
    """One client a process: a connection pool, the token, the budget. Refusals and outages become PipelineErrors."""

    def __init__(self, settings: ShipmentsSource, *, dataset: str, partition: Partition, share: int = 1) -> None:
        """`share`: how many processes divide concurrency and budget among them."""
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        self._settings = settings
        self._dataset = dataset
        self._partition = partition
        self.concurrency = max(1, settings.concurrency // share)
        self._budget = Budget(settings.requests_per_second / share)
        retry = Retry(
            total=settings.max_retries,
            status_forcelist=RETRIED_STATUSES,
            allowed_methods={"GET"},
            backoff_factor=settings.backoff_s,
            backoff_jitter=settings.backoff_s,
            respect_retry_after_header=True,
            retry_after_max=settings.max_retry_after_s,
            raise_on_status=False,
        )
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_maxsize=self.concurrency, max_retries=retry)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.headers["Authorization"] = f"Bearer {resolve(settings.token)}"
        self._session.headers["Accept"] = "application/json"

    def get(self, parameters: dict[str, str]) -> Json:
        """One page."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

        attempts = Retrying(
            retry=retry_if_exception_type(BrokenAnswer),
            stop=stop_after_attempt(BODY_ATTEMPTS),
            wait=wait_exponential_jitter(multiplier=self._settings.backoff_s, max=self._settings.max_retry_after_s),
            reraise=True,
        )
        try:
            return attempts(self._get, parameters)
        except BrokenAnswer as error:
            raise self._unavailable(f"{error}, {BODY_ATTEMPTS} times") from None

    def _get(self, parameters: dict[str, str]) -> Json:
        import requests

        self._budget.wait()
        try:
            answer = self._session.get(self._settings.url, params=parameters, timeout=self._settings.timeout_s)
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise BrokenAnswer("a body that was cut off") from error
        except requests.exceptions.RequestException as error:
            raise self._unavailable(f"{type(error).__name__} after {self._settings.max_retries} retries") from None
        if answer.status_code in (401, 403):
            raise AccessDenied(
                dataset=self._dataset,
                partition=self._partition,
                expected=f"{self._settings.url} to accept the token {self._settings.token}",
                found=f"{answer.status_code} {answer.reason}",
                fix="Renew the token under that name.",
                remedy=Remedy.RERUN,
            )
        if answer.status_code in RETRIED_STATUSES:
            raise self._unavailable(f"{answer.status_code} {answer.reason} after {self._settings.max_retries} retries")
        if answer.status_code != 200:
            raise BadInput(
                dataset=self._dataset,
                partition=self._partition,
                expected=f"{self._settings.url} to answer 200",
                found=f"{answer.status_code} {answer.reason}",
                fix="Compare the request with the API's documentation; its parameters may have changed.",
            )
        return envelope(answer.content)

    def _unavailable(self, found: str) -> Unavailable:
        return Unavailable(
            dataset=self._dataset,
            partition=self._partition,
            expected=f"whole answers from {self._settings.url}",
            found=found,
            fix="Ask the API's owner for its state.",
            remedy=Remedy.RERUN,
        )

    def _inconsistent(self, where: Slice, expected: str, found: str) -> BadInput:
        return BadInput(
            dataset=self._dataset,
            partition=self._partition,
            expected=f"{expected} in slice {where}",
            found=found,
            fix="If it happens again, tell the API's owner: its paging or its total is wrong.",
            remedy=Remedy.RERUN,
        )

    def total(self, window: Slice) -> int:
        return self.get({**window.parameters, "limit": "1"})["total"]

    def chain(
        self, slice_: Slice, pagination: Pagination, *, read: Callable[[list[Any]], Records], stop: threading.Event
    ) -> list[Records]:
        """What `read` makes of each page of a slice; as many rows as its total.

        Ends for certain: every page but one must bring a row.
        """
        fixed = {**slice_.parameters, "limit": str(self._settings.page_size)}
        step: dict[str, str] | None = pagination.first()
        pages: list[Records] = []
        seen: list[dict[str, str]] = []
        rows, total = 0, None
        while step is not None and not stop.is_set():
            if step in seen:
                raise self._inconsistent(slice_, "every page once", f"{step} a second time, after {len(pages)} pages")
            seen.append(step)
            page = self.get({**fixed, **step})
            if total not in (None, page["total"]):
                raise self._inconsistent(slice_, f"total {total} on every page", f"{page['total']} on the next one")
            total = page["total"]
            if outside := slice_.outside(page["data"]):
                samples = ", ".join(text[:40] for text in outside[:3])
                raise self._inconsistent(slice_, "rows of that window", f"{len(outside)} ordered at {samples}")
            rows += len(page["data"])
            pages.append(read(page["data"]))
            if rows > total or len(pages) > total + 1:
                raise self._inconsistent(slice_, f"total {total}", f"{rows} rows on {len(pages)} pages and no end")
            step = pagination.next(page)
        if not stop.is_set() and rows != total:
            raise self._inconsistent(slice_, f"total {total}", f"{rows} rows")
        return pages


def envelope(content: bytes) -> Json:
    """The page, with its cursor and counts. Raises BrokenAnswer."""
    from emr_jobs import strict_json

    try:
        page, _ = strict_json.parse(content, in_doubt=strict_json.is_doubtful(content))
    except strict_json.Malformed as error:
        raise BrokenAnswer("a body that is no JSON") from error
    if not (isinstance(page, dict) and isinstance(page.get("data"), list) and type(page.get("total")) is int):
        raise BrokenAnswer("a body without data and total")
    return page


@dataclass(frozen=True)
class _Part:
    """What one Spark partition fetches. Names the token's secret, never holds it."""

    slices: tuple[Slice, ...]
    settings: ShipmentsSource
    dataset: str
    partition: Partition
    pagination: Pagination
    share: int
    read: "Read"
    schema: "pa.Schema"


def fetch(
    spark: "SparkSession",
    settings: ShipmentsSource,
    *,
    dataset: str,
    partition: Partition,
    pagination: Pagination,
    schema: "pa.Schema",
    read: Read,
) -> "DataFrame":
    """The day's records, a column more than `schema` has: error. Fetch it once, then `require_whole`."""
    import pyarrow as pa
    from pyspark.sql.pandas.types import from_arrow_schema

    columns = schema.append(pa.field("error", pa.string()))
    wanted = slices(partition)
    share = max(1, min(spark.sparkContext.defaultParallelism, settings.concurrency, len(wanted)))
    parts = [
        _Part(tuple(wanted[number::share]), settings, dataset, partition, pagination, share, read, schema)
        for number in range(share)
    ]
    return batches_as_frame(spark, name="web_api", schema=from_arrow_schema(columns), parts=parts, read=_read)


def _read(part: _Part) -> Iterator["pa.RecordBatch"]:
    """A batch a page, or one row with the first error. The other slices of the part stop with it."""
    import pyarrow as pa

    stop = threading.Event()
    client = ApiClient(part.settings, dataset=part.dataset, partition=part.partition, share=part.share)

    def chain(slice_: Slice) -> list[pa.RecordBatch]:
        try:
            return client.chain(slice_, part.pagination, read=part.read, stop=stop)
        except PipelineError:
            stop.set()
            raise

    with ThreadPoolExecutor(client.concurrency) as pool:
        for future in [pool.submit(chain, slice_) for slice_ in part.slices]:
            try:
                pages = future.result()
            except PipelineError as error:
                yield _failure(part.schema, error)
                return
            for page in pages:
                yield page.append_column("error", pa.nulls(len(page), pa.string()))


def _failure(schema: "pa.Schema", error: PipelineError) -> "pa.RecordBatch":
    import pyarrow as pa

    columns = {name: pa.nulls(1, type_) for name, type_ in zip(schema.names, schema.types, strict=True)}
    return pa.RecordBatch.from_pydict({**columns, "error": pa.array([packed(error)], pa.string())})


def require_whole(fetched: "DataFrame", *, dataset: str, partition: Partition) -> int:
    """How many records there are. The first action on them: raises what the workers met."""
    from pyspark.sql import functions as F

    row = fetched.agg(F.count("*").alias("rows"), F.min("error").alias("error")).first()
    assert row is not None, "an aggregate without groups has one row"
    if row.error is not None:
        raise unpacked(row.error, dataset=dataset, partition=partition)
    return row.rows
