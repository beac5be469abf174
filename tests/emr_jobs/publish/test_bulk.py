"""How documents are put into bodies, and how a request that is refused as a whole is taken apart."""

import gzip
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from opensearchpy.exceptions import RequestError, TransportError
from pyspark.sql import Row

from emr_jobs.core.settings import Search
from emr_jobs.publish import bulk

SETTINGS = Search(url="http://127.0.0.1:9", bulk_size_bytes=1000, max_retries=2, backoff_s=0.000_001)
TOO_LONG = {"type": "action_request_validation_exception", "reason": "id is too long"}


def make_row(id: str, text: str = "") -> Row:
    return Row(id=id, document=orjson.dumps({"loan_id": id, "member_name": text}).decode())


class TestBatches:
    def test_sizes_are_bytes_with_the_action_lines(self) -> None:
        entries = [bulk.entry(make_row(f"A-{number}", "漢" * 1000)) for number in range(10)]
        sizes = [len(gzip.decompress(bulk.body(batch))) for batch in bulk.batches(entries, 10_000)]
        assert sizes == [9177, 9177, 9177, 3059]

    def test_what_fits_exactly_goes_together_and_one_byte_more_does_not(self) -> None:
        entries = [bulk.entry(make_row("A-1")), bulk.entry(make_row("A-2"))]
        both = sum(len(each.lines) for each in entries)
        assert list(bulk.batches(entries, both)) == [entries]
        assert list(bulk.batches(entries, both - 1)) == [[entries[0]], [entries[1]]]

    def test_a_document_above_the_size_goes_alone(self) -> None:
        entries = [bulk.entry(make_row(id, "x" * size)) for id, size in (("A-1", 1), ("A-2", 5000), ("A-3", 1))]
        assert [[each.id for each in batch] for batch in bulk.batches(entries, 200)] == [["A-1"], ["A-2"], ["A-3"]]

    def test_no_documents_are_no_request(self) -> None:
        assert list(bulk.batches([], 1000)) == []

    def test_a_body_is_actions_and_documents_in_turn(self) -> None:
        batch = [bulk.entry(make_row('A"1', "a\nb")), bulk.entry(make_row("A-2"))]
        assert gzip.decompress(bulk.body(batch)) == (
            b'{"index":{"_id":"A\\"1"}}\n{"loan_id":"A\\"1","member_name":"a\\nb"}\n'
            b'{"index":{"_id":"A-2"}}\n{"loan_id":"A-2","member_name":""}\n'
        )
        assert batch[0].document == make_row('A"1', "a\nb").document.encode()


@dataclass
class Cluster:
    """Answers bulk requests of one index; anything else is not asked of it."""

    refused_ids: frozenset[str] = frozenset()  # 400 for the whole request that has one of them
    limit_bytes: int = 1_000_000  # else 413
    status: int = 200  # of any request
    requests: list[list[str]] = field(default_factory=list)
    indexed: list[str] = field(default_factory=list)

    def perform_request(
        self, method: str, url: str, *, params: dict[str, str], headers: dict[str, str], body: bytes
    ) -> dict[str, Any]:
        assert (method, url, headers["content-encoding"]) == ("POST", "/an-index/_bulk", "gzip")
        assert params == {"filter_path": "errors,items.*.error,items.*.status"}
        content = gzip.decompress(body)
        ids = [orjson.loads(line)["index"]["_id"] for line in content.splitlines()[::2]]
        self.requests.append(ids)
        if self.status != 200:
            raise TransportError(
                self.status, "switched_on", {"error": {"type": "switched_on", "reason": "by the test"}}
            )
        if len(content) > self.limit_bytes:
            raise TransportError(413, '{"Message":"too large"}', {"Message": "too large"})
        if self.refused_ids.intersection(ids):
            raise RequestError(400, TOO_LONG["type"], {"error": {"root_cause": [TOO_LONG], **TOO_LONG}, "status": 400})
        self.indexed += ids
        return {"errors": False}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(bulk, "connect", lambda settings: SimpleNamespace(transport=made))
    return made


IDS = [f"A-{number}" for number in range(8)]


def sent(*rows: Row, **settings: object) -> bulk.Outcome:
    return bulk.send(rows, "an-index", SETTINGS.model_copy(update=settings))


class TestRefusedRequests:
    def test_one_is_halved_until_the_document_is_found(self, cluster: Cluster) -> None:
        cluster.refused_ids = frozenset({"A-5"})
        outcome = sent(*map(make_row, IDS))
        assert outcome == bulk.Outcome(
            sent=8,
            refused=1,
            dead_letters=[bulk.DeadLetter("A-5", TOO_LONG, make_row("A-5").document.encode())],
        )
        assert cluster.indexed == [id for id in IDS if id != "A-5"]
        assert cluster.requests == [IDS, IDS[:4], IDS[4:], IDS[4:6], ["A-4"], ["A-5"], IDS[6:]]

    def test_every_such_document_is_found(self, cluster: Cluster) -> None:
        cluster.refused_ids = frozenset({"A-0", "A-1", "A-7"})
        outcome = sent(*map(make_row, IDS))
        assert ([each.id for each in outcome.dead_letters], outcome.refused) == (["A-0", "A-1", "A-7"], 3)
        assert cluster.indexed == ["A-2", "A-3", "A-4", "A-5", "A-6"]

    def test_one_that_is_too_large_is_sent_in_parts_and_loses_only_what_is_too_large_alone(
        self, cluster: Cluster
    ) -> None:
        cluster.limit_bytes = 200
        outcome = sent(*map(make_row, IDS), make_row("A-9", "x" * 500))
        assert cluster.indexed == IDS
        (letter,) = outcome.dead_letters
        assert (letter.id, letter.reason) == ("A-9", {"type": "http_413", "reason": '{"Message":"too large"}'})
        assert (outcome.sent, outcome.refused, outcome.error) == (9, 1, None)

    def test_of_requests_that_are_all_refused_there_is_an_end(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk, "DEAD_LETTERS_KEPT", 3)
        cluster.refused_ids = frozenset(IDS)
        outcome = sent(*map(make_row, IDS))
        assert (outcome.refused, outcome.status) == (4, 400)
        assert outcome.error == "400 action_request_validation_exception for 4 documents, after 4 refused"
        assert len(cluster.requests) == 9

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_one_that_is_no_documents_fault_is_neither_halved_nor_repeated(self, cluster: Cluster, status: int) -> None:
        cluster.status = status
        outcome = sent(*map(make_row, IDS))
        assert (outcome.error, outcome.status) == (f"{status} switched_on for 8 documents, after 0 refused", status)
        assert (outcome.refused, len(cluster.requests)) == (0, 1)

    def test_one_that_must_wait_is_repeated_whole_until_the_retries_are_used_up(self, cluster: Cluster) -> None:
        cluster.status = 429
        outcome = sent(*map(make_row, IDS))
        assert (outcome.error, outcome.status) == ("429 switched_on for 8 documents after 2 retries", None)
        assert cluster.requests == [IDS, IDS, IDS]
