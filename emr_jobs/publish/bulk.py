"""Documents into an index: serialised by the JVM, framed and sent by the executors, retried one by one.

A document answered 429 or 503 is sent again, alone, with backoff; one refused for good (400) becomes a dead
letter with its reason. Sending is idempotent: every document has its id. Does not own: the index (search).
"""

import gzip
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emr_jobs.contracts import Contract
from emr_jobs.publish.search import connect
from emr_jobs.settings import Search

if TYPE_CHECKING:
    from opensearchpy import OpenSearch
    from pyspark.sql import DataFrame, Row

TIMESTAMPS = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"
RETRIED_STATUSES = (429, 502, 503, 504)
DEAD_LETTERS_KEPT = 1000  # a task, or as many as may be refused: the count is exact, the rest is not kept

_GZIP_LEVEL = 1
_ANSWER = "errors,items.*.error,items.*.status"


@dataclass(frozen=True)
class DeadLetter:
    id: str
    reason: dict[str, Any]
    document: str


@dataclass
class Outcome:
    """What became of the documents of one task."""

    sent: int = 0
    refused: int = 0
    dead_letters: list[DeadLetter] = field(default_factory=list)
    error: str | None = None  # it gave up: the rest was not sent


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
        total.error = total.error or outcome.error
    return total


def send(rows: Iterable["Row"], index: str, settings: Search) -> Outcome:
    """One task: runs on an executor."""
    client = connect(settings)
    outcome = Outcome()
    for batch in batches(rows, settings.bulk_size_bytes):
        outcome.sent += len(batch)
        _settle(client, index, batch, settings, outcome)
        if outcome.error:
            break
    return outcome


def batches(rows: Iterable["Row"], size_bytes: int) -> Iterator[list["Row"]]:
    """Rows of about so many bytes together, at least one."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.document)
        if size >= size_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def body(batch: list["Row"]) -> bytes:
    """Gzipped NDJSON: an action line with the id, then the document."""
    import orjson

    lines = []
    for row in batch:
        lines.append(b'{"index":{"_id":' + orjson.dumps(row.id) + b"}}")
        lines.append(row.document.encode())
    return gzip.compress(b"\n".join(lines) + b"\n", _GZIP_LEVEL)


def _settle(client: "OpenSearch", index: str, batch: list["Row"], settings: Search, outcome: Outcome) -> None:
    """Send until every document is indexed or refused, or the retries are used up."""
    keep = max(DEAD_LETTERS_KEPT, settings.max_refused)
    pending = batch
    reason = ""
    for attempt in range(settings.max_retries + 1):
        if attempt:
            time.sleep(settings.backoff_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311  # jitter
        answer = _post(client, index, pending)
        if isinstance(answer, str):
            reason = answer
            continue
        again = []
        for row, item in zip(pending, answer, strict=True):
            if item["status"] in RETRIED_STATUSES:
                again.append(row)
                reason = f"{item['status']} {item['error']['type']}"
            elif "error" in item:
                outcome.refused += 1
                if len(outcome.dead_letters) < keep:
                    outcome.dead_letters.append(DeadLetter(row.id, item["error"], row.document))
        pending = again
        if not pending:
            return
    outcome.error = f"{reason} for {len(pending)} documents after {settings.max_retries} retries"


def _post(client: "OpenSearch", index: str, batch: list["Row"]) -> list[dict[str, Any]] | str:
    """The items of the answer; empty ones when all went well; a reason when the request as a whole must wait."""
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
        return f"no connection ({type(error).__name__})"
    except TransportError as error:
        if error.status_code in RETRIED_STATUSES:
            return f"{error.status_code} {error.error}"
        raise
    if not answer["errors"]:
        return [{"status": 200}] * len(batch)
    return [item["index"] for item in answer["items"]]


def dead_letter_lines(letters: Iterable[DeadLetter]) -> bytes:
    """JSON Lines: id, reason, document."""
    import orjson

    return b"".join(
        orjson.dumps({"id": each.id, "reason": each.reason, "document": orjson.loads(each.document)}) + b"\n"
        for each in letters
    )
