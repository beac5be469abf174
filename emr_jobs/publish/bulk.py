"""Documents into an index: serialised by the JVM, framed and sent by the executors, retried one by one.

A document answered 429 or 503 is sent again, alone, with backoff; one refused for good becomes a dead letter with
its reason. A request refused as a whole is halved until the document is found that it was refused for. Sending is
idempotent: every document has its id. Does not own: the index (search).
"""

import gzip
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from emr_jobs.contracts import Contract
from emr_jobs.core.settings import Search
from emr_jobs.publish.search import connect

if TYPE_CHECKING:
    from opensearchpy import OpenSearch
    from pyspark.sql import DataFrame, Row

TIMESTAMPS = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"
RETRIED_STATUSES = (429, 502, 503, 504)
HALVED_STATUSES = (400, 413)  # of a whole request: one document is enough for it
INDEX_STATUSES = (401, 403, 404)  # of a document: no other would be taken either
DEAD_LETTERS = "dead_letters"  # folder of runs.uri
DEAD_LETTER_DAYS = 30  # then they go: each holds a whole order
DEAD_LETTERS_KEPT = 1000  # a task, or as many as may be refused: the count is exact, the rest is not kept

_GZIP_LEVEL = 1
_ANSWER = "errors,items.*.error,items.*.status"


class Entry(NamedTuple):
    """A document as it stands in a body."""

    id: str
    lines: bytes  # the action with the id, the document

    @property
    def document(self) -> bytes:
        return self.lines.split(b"\n")[1]


@dataclass(frozen=True)
class DeadLetter:
    id: str
    reason: dict[str, Any]
    document: bytes


@dataclass
class Outcome:
    """What became of the documents of one task."""

    sent: int = 0
    refused: int = 0
    dead_letters: list[DeadLetter] = field(default_factory=list)
    error: str | None = None  # it gave up: the rest was not sent
    status: int | None = None  # with which it was answered then


@dataclass(frozen=True)
class Refusal:
    """Of a whole request."""

    status: int | None  # None: no answer
    reason: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.status or 'no connection'} {self.reason['type']}"


def load(documents: "DataFrame", contract: Contract, index: str, settings: Search) -> Outcome:
    """Send every row as a document, `settings.writers` requests at a time."""
    from pyspark.sql import functions as F

    (key,) = contract.key
    pairs = documents.repartition(settings.writers, key).select(
        F.col(key).alias("id"), F.to_json(F.struct("*"), {"timestampFormat": TIMESTAMPS}).alias("document")
    )
    tasks = pairs.rdd.mapPartitions(lambda rows: [send(rows, index, settings)])
    return _combined(tasks.collect())


def _combined(outcomes: Iterable[Outcome]) -> Outcome:
    total = Outcome()
    for outcome in outcomes:
        total.sent += outcome.sent
        total.refused += outcome.refused
        total.dead_letters += outcome.dead_letters
        if outcome.error and not total.error:
            total.error, total.status = outcome.error, outcome.status
    return total


def send(rows: Iterable["Row"], index: str, settings: Search) -> Outcome:
    """One task: runs on an executor."""
    client = connect(settings)
    outcome = Outcome()
    for batch in batches(map(entry, rows), settings.bulk_size_bytes):
        outcome.sent += len(batch)
        parts = [batch]
        while parts and not outcome.error:
            parts += _settle(client, index, parts.pop(), settings, outcome)
        if outcome.error:
            break
    return outcome


def entry(row: "Row") -> Entry:
    import orjson

    return Entry(row.id, b'{"index":{"_id":%b}}\n%b\n' % (orjson.dumps(row.id), row.document.encode()))


def batches(entries: Iterable[Entry], size_bytes: int) -> Iterator[list[Entry]]:
    """As many as a body of that size holds before it is compressed, at least one."""
    batch: list[Entry] = []
    size = 0
    for each in entries:
        if batch and size + len(each.lines) > size_bytes:
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += len(each.lines)
    if batch:
        yield batch


def body(batch: list[Entry]) -> bytes:
    """Gzipped NDJSON."""
    return gzip.compress(b"".join(each.lines for each in batch), _GZIP_LEVEL)


def _settle(
    client: "OpenSearch", index: str, batch: list[Entry], settings: Search, outcome: Outcome
) -> list[list[Entry]]:
    """Send until every document is indexed or refused, or the retries are used up; returns what is to go in parts."""
    pending = batch
    reason = ""
    for attempt in range(settings.max_retries + 1):
        if attempt:
            time.sleep(settings.backoff_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311  # jitter
        answer = _post(client, index, pending)
        if isinstance(answer, Refusal):
            reason = str(answer)
            if answer.status is None or answer.status in RETRIED_STATUSES:
                continue
            return _halved(pending, answer, settings, outcome)
        again = []
        for each, item in zip(pending, answer, strict=True):
            if item["status"] in RETRIED_STATUSES:
                again.append(each)
                reason = f"{item['status']} {item['error']['type']}"
            elif item["status"] in INDEX_STATUSES:
                outcome.error, outcome.status = f"{item['status']} {item['error']['type']}", item["status"]
                return []
            elif "error" in item:
                _set_aside(each, item["error"], settings, outcome)
        pending = again
        if not pending:
            return []
    outcome.error = f"{reason} for {len(pending)} documents after {settings.max_retries} retries"
    return []


def _halved(batch: list[Entry], answer: Refusal, settings: Search, outcome: Outcome) -> list[list[Entry]]:
    """The halves of a request that was refused as a whole, until it is one document's."""
    if answer.status in HALVED_STATUSES and len(batch) == 1:
        _set_aside(batch[0], answer.reason, settings, outcome)
        return []
    if answer.status in HALVED_STATUSES and outcome.refused < _kept(settings):
        middle = len(batch) // 2
        return [batch[middle:], batch[:middle]]
    outcome.error, outcome.status = (
        f"{answer} for {len(batch)} documents, after {outcome.refused} refused",
        answer.status,
    )
    return []


def _set_aside(each: Entry, reason: dict[str, Any], settings: Search, outcome: Outcome) -> None:
    outcome.refused += 1
    if len(outcome.dead_letters) < _kept(settings):
        outcome.dead_letters.append(DeadLetter(each.id, reason, each.document))


def _kept(settings: Search) -> int:
    return max(DEAD_LETTERS_KEPT, settings.max_refused)


def _post(client: "OpenSearch", index: str, batch: list[Entry]) -> list[dict[str, Any]] | Refusal:
    """The items of the answer, empty ones when all went well."""
    from opensearchpy.exceptions import ConnectionError as NotConnected
    from opensearchpy.exceptions import TransportError

    try:
        answer = client.transport.perform_request(
            "POST",
            f"/{index}/_bulk",
            params={"filter_path": _ANSWER},
            headers={"content-type": "application/x-ndjson", "content-encoding": "gzip"},
            body=body(batch),
        )
    except NotConnected as error:
        return Refusal(None, {"type": f"({type(error).__name__})"})
    except TransportError as error:
        return Refusal(error.status_code, refusal_reason(error.status_code, error.error, error.info))
    if not answer["errors"]:
        return [{"status": 200}] * len(batch)
    return [item["index"] for item in answer["items"]]


def refusal_reason(status: int, error: str, info: Any) -> dict[str, Any]:
    """As of one document, from OpenSearch's answer or from whatever stands before it."""
    of_opensearch = info.get("error") if isinstance(info, dict) else None
    if isinstance(of_opensearch, dict) and "type" in of_opensearch:
        return {name: value for name, value in of_opensearch.items() if name != "root_cause"}
    return {"type": f"http_{status}", "reason": str(error)[:500]}


def dead_letter_lines(letters: Iterable[DeadLetter]) -> bytes:
    """JSON Lines: id, reason, document."""
    import orjson

    return b"".join(
        orjson.dumps({"id": each.id, "reason": each.reason, "document": orjson.loads(each.document)}) + b"\n"
        for each in letters
    )
