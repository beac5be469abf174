"""Publishing to a real OpenSearch that is down, busy or refuses; what reruns, rollback and retention leave behind."""

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from emr_jobs.contracts.mapping import index_body
from emr_jobs.core import settings as settings_module
from emr_jobs.publish.search import SearchIndex
from tests.domains import LIBRARY
from tests.end_to_end.conftest import deliver, delivered_loans
from tests.end_to_end.search_proxy import FOR_EVER, BusyProxy, busy_proxy
from tests.own_days import succeeded
from tests.running import Day, Ended, InProcess, pipeline, readers_see, typed


def catalogue(run_job: InProcess, day: Day, uri: str | None = None, **options: object) -> Ended:
    return run_job("catalogue", settings_uri=uri or day.settings_uri, partition=day.partition, **options)  # type: ignore[arg-type]


@pytest.fixture
def proxy(_own_day: Day) -> Iterator[BusyProxy]:
    with busy_proxy(_own_day.settings.search.url) as running:
        yield running


def indices(day: Day) -> dict[str, set[str]]:
    target = SearchIndex(day.settings.search, LIBRARY.contracts["find.lending"])
    return {index.name: set(index.aliases) for index in target.indices(LIBRARY.calendar.partition(day.partition))}


def test_a_cluster_that_is_down_changes_nothing(own_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    before = readers_see(own_day.settings, own_day.partition)
    uri = own_day.settings_with(tmp_path, search={"url": "http://127.0.0.1:9", "max_retries": 1, "backoff_s": 0.01})
    ended = catalogue(run_job, own_day, uri)
    assert ended.code == 1
    assert re.fullmatch(
        rf"Unavailable: find\.lending {own_day.partition}: expected OpenSearch at http://127\.0\.0\.1:9 .*"
        r"Look at http://127\.0\.0\.1:9/_cluster/health first\.",
        ended.last_line,
    ), ended.output
    assert readers_see(own_day.settings, own_day.partition) == before


def test_a_cluster_that_stays_busy_changes_nothing(
    own_day: Day, run_job: InProcess, tmp_path: Path, proxy: BusyProxy
) -> None:
    before = readers_see(own_day.settings, own_day.partition)
    proxy.whole = FOR_EVER
    uri = own_day.settings_with(tmp_path, search={"url": proxy.url, "max_retries": 2, "backoff_s": 0.01})
    ended = catalogue(run_job, own_day, uri)
    assert ended.code == 1
    assert re.search(
        rf"Unavailable: find\.lending {own_day.partition}: .*429 .*for \d+ documents after 2 retries", ended.last_line
    ), ended.output
    assert readers_see(own_day.settings, own_day.partition) == before


def test_documents_answered_429_are_sent_again(
    own_day: Day, run_job: InProcess, tmp_path: Path, proxy: BusyProxy
) -> None:
    proxy.whole, proxy.items = 2, 6
    uri = own_day.settings_with(tmp_path, search={"url": proxy.url, "max_retries": 12, "backoff_s": 0.01})
    ended = catalogue(run_job, own_day, uri)
    assert ended.code == 0, ended.output
    assert (proxy.whole, proxy.items) == (0, 0)
    seen = readers_see(own_day.settings, own_day.partition)
    assert [count for _, count in seen["find.lending"]] == [len(seen["marts.lending"])]


@pytest.fixture
def huge_loan(whole_day: Day, run_job: InProcess, tmp_path: Path, proxy: BusyProxy) -> str:
    """Seven loans extracted, one of which the cluster behind the proxy does not take; returns its id."""
    loans = delivered_loans(whole_day)[:7]
    uri = deliver(whole_day, tmp_path, [{**loans[0], "TITLE": "x" * 20_000}, *loans[1:]])
    succeeded(run_job, "extract_loans", whole_day, uri)
    proxy.limit_bytes = 15_000
    return loans[0]["LOAN"]


def test_a_refused_document_blocks_and_is_kept_with_its_reason(
    whole_day: Day, run_job: InProcess, tmp_path: Path, proxy: BusyProxy, huge_loan: str
) -> None:
    before = readers_see(whole_day.settings, whole_day.partition)
    uri = whole_day.settings_with(tmp_path, search={"url": proxy.url})
    ended = catalogue(run_job, whole_day, uri, run_id="refused", attempt=3)
    letters = whole_day.home / "runs" / "dead_letters" / "refused" / "catalogue" / "3.jsonl.gz"
    assert ended.code == 1
    assert re.search(
        rf"CheckFailed: find\.lending {whole_day.partition}: expected .*missing, 1 refused: 1 http_413; {letters}",
        ended.last_line,
    ), ended.output
    assert readers_see(whole_day.settings, whole_day.partition) == before
    (letter,) = map(orjson.loads, gzip.decompress(letters.read_bytes()).splitlines())
    assert letter["id"] == letter["document"]["loan_id"] == huge_loan
    assert letter["reason"] == {"type": "http_413", "reason": '{"Message":"Request size exceeded 15000 bytes"}'}


def test_a_refused_document_within_the_limit_is_left_out(
    whole_day: Day, run_job: InProcess, tmp_path: Path, proxy: BusyProxy, huge_loan: str
) -> None:
    uri = whole_day.settings_with(tmp_path, search={"url": proxy.url, "max_refused": 1})
    ended = catalogue(run_job, whole_day, uri)
    assert ended.code == 0, ended.output
    seen = readers_see(whole_day.settings, whole_day.partition)
    assert len(seen["marts.lending"]) == 7
    assert [count for _, count in seen["find.lending"]] == [6]


def test_a_day_is_not_loaded_beside_days_that_lack_a_field_of_the_contract(own_day: Day, run_job: InProcess) -> None:
    before = readers_see(own_day.settings, own_day.partition)
    client = SearchIndex(own_day.settings.search, LIBRARY.contracts["find.lending"]).client
    body = index_body(LIBRARY.contracts["find.lending"], meta={})
    del body["mappings"]["properties"]["fee"]
    old = f"lendings-2026-11-19-{'0' * 12}-0"
    client.indices.create(index=old, body={**body, "aliases": {"lendings": {}}})
    try:
        ended = catalogue(run_job, own_day)
    finally:
        client.indices.delete(index=old)
    assert ended.code == 1
    assert ended.last_line == (
        f"SchemaDrift: find.lending {own_day.partition}: expected the indices of other days behind lendings to have "
        f"the contract's fields, found fee in 1 ({old}) absent. Bring it up to the contract: pipeline lake apply."
    )
    assert readers_see(own_day.settings, own_day.partition) == before


def test_a_rerun_gives_the_same_rows_behind_a_newer_index(own_day: Day, run_job: InProcess) -> None:
    assert catalogue(run_job, own_day).code == 0
    first = readers_see(own_day.settings, own_day.partition)
    assert catalogue(run_job, own_day).code == 0
    second = readers_see(own_day.settings, own_day.partition)
    ((old, old_count),), ((new, new_count),) = first.pop("find.lending"), second.pop("find.lending")
    assert second == first
    assert new_count == old_count == len(first["marts.lending"])
    assert new != old
    found = indices(own_day)
    assert found[new] == {"lendings"}
    assert found[old] == {"lendings-replaced"}


def test_rollback_puts_the_replaced_index_back_and_again_the_newer_one(own_day: Day, run_job: InProcess) -> None:
    ((old, _),) = readers_see(own_day.settings, own_day.partition)["find.lending"]
    assert catalogue(run_job, own_day).code == 0
    ((new, _),) = readers_see(own_day.settings, own_day.partition)["find.lending"]
    env = {"PIPELINE_SETTINGS": own_day.settings_uri}
    for expected, replaced in ((old, new), (new, old)):
        ended = typed("search", "rollback", "--partition", own_day.partition, home=own_day.home, env=env)
        assert ended.code == 0, ended.err
        assert ended.out == f"published  {expected}\nreplaced   {replaced}\n"
        assert indices(own_day)[expected] == {"lendings"}
        assert indices(own_day)[replaced] == {"lendings-replaced"}


def test_rollback_of_a_day_without_a_replaced_index_says_so(own_day: Day) -> None:
    env = {"PIPELINE_SETTINGS": own_day.settings_uri}
    ended = pipeline("search", "rollback", "--partition", "2026-11-19", home=own_day.home, env=env)
    assert ended.code == 1
    assert re.search(
        r"find\.lending 2026-11-19: expected a published index and a replaced one to go back to, found 0 published, "
        r"0 replaced\. Publish the day anew\. To run it again: "
        r"pipeline run --partition 2026-11-19 --select find\.lending",
        ended.output,
    ), ended.output


def test_retention_keeps_as_many_replaced_indices_as_set_and_its_trouble_fails_no_day(
    own_day: Day, run_job: InProcess, tmp_path: Path
) -> None:
    target = SearchIndex(own_day.settings.search, LIBRARY.contracts["find.lending"])
    day = LIBRARY.calendar.partition(own_day.partition)
    uri = own_day.settings_with(tmp_path, search={"keep_previous": 1})
    names = [target.name(day, run_id="retention", attempt=attempt) for attempt in range(3)]
    for attempt in range(2):
        assert catalogue(run_job, own_day, uri, run_id="retention", attempt=attempt).code == 0
    target.client.indices.put_settings(index=names[0], body={"index.blocks.read_only": True})
    ended = catalogue(run_job, own_day, uri, run_id="retention", attempt=2)
    target.client.indices.put_settings(index=names[0], body={"index.blocks.read_only": None})
    assert ended.code == 0, ended.output
    told = f"warning dataset=find.lending retention=not deleted: 1 ({names[0]}): 403 cluster_block_exception"
    assert told in ended.output.splitlines()
    assert {name: aliases for name, aliases in indices(own_day).items() if name in names} == {
        names[0]: {"lendings-replaced"},
        names[1]: {"lendings-replaced"},
        names[2]: {"lendings"},
    }
    patient = SearchIndex(settings_module.load(uri).search, target.contract)
    assert names[0] in patient.retain(now=datetime.now(UTC)).deleted
