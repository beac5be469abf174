"""The indices of a contract on a real OpenSearch, without a job: what a load, a swap and retention do to readers."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import orjson
import pytest
from opensearchpy.exceptions import AuthorizationException
from pyspark.sql import Row

from emr_jobs.contracts import Column, Contract
from emr_jobs.core.errors import Misconfigured, SchemaDrift, Unavailable
from emr_jobs.core.partition import Partition
from emr_jobs.publish import bulk
from emr_jobs.publish.search import Retained, SearchIndex
from pipeline_assets import search
from tests.domains import LIBRARY
from tests.running import Day

SEARCH = LIBRARY.contracts["find.lending"]
DAY, NEXT = LIBRARY.calendar.partition("2026-11-20"), LIBRARY.calendar.partition("2026-11-21")


@pytest.fixture
def index(_own_day: Day) -> Iterator[SearchIndex]:
    """Under an alias that nobody else has, on the cluster of the day that tests may change."""
    alias = f"t{uuid4().hex[:8]}"
    contract = replace(SEARCH, id=f"find.{alias}", physical_name=alias)
    target = SearchIndex(_own_day.settings.search, contract)
    yield target
    for each in target.indices():
        target.client.indices.delete(index=each.name)


def changed(target: SearchIndex, **settings: object) -> SearchIndex:
    return SearchIndex(target.settings.model_copy(update=settings), target.contract)


def load(target: SearchIndex, *ids: str, day: Partition = DAY, run_id: str = "a") -> str:
    """Created and filled, not finished."""
    name = target.create(target.name(day, run_id=run_id, attempt=0), meta={"run_id": run_id})
    for id in ids:
        target.client.index(index=name, id=id, body={"loan_id": id, "partition_date": str(day)})
    return name


def publish(target: SearchIndex, *ids: str, day: Partition = DAY, run_id: str = "a") -> str:
    name = load(target, *ids, day=day, run_id=run_id)
    assert target.finish(name).documents == len(ids)
    target.swap(name, day)
    return name


def document(id: str, **fields: object) -> Row:
    return Row(id=id, document=orjson.dumps({"loan_id": id, **fields}).decode())


def seen(target: SearchIndex) -> list[str]:
    """What readers find behind the alias."""
    hits = target.client.search(index=target.alias, body={"sort": ["loan_id"]})["hits"]["hits"]
    return [hit["_id"] for hit in hits]


def column(contract: Contract, name: str) -> Column:
    return next(each for each in contract.columns if each.name == name)


def without(contract: Contract, *names: str) -> Contract:
    def kept(columns: tuple[Column, ...]) -> tuple[Column, ...]:
        return tuple(replace(each, fields=kept(each.fields)) for each in columns if each.name not in names)

    return replace(contract, columns=kept(contract.columns))


class TestRepeatedCommandLine:
    """The same run id and attempt once more, as a cloned step has them."""

    def test_one_that_is_killed_while_it_loads_leaves_readers_what_they_have(self, index: SearchIndex) -> None:
        first = publish(index, "A-1")
        again = load(index)
        assert again != first
        assert (seen(index), [each.name for each in index.published(DAY)]) == (["A-1"], [first])

    def test_one_that_publishes_replaces_the_index_that_it_does_not_delete(self, index: SearchIndex) -> None:
        names = [publish(index, id) for id in ("A-1", "A-2", "A-3")]
        assert names == [names[0], f"{names[0]}-2", f"{names[0]}-3"]
        assert seen(index) == ["A-3"]
        assert {each.name: each.aliases for each in index.indices(DAY)} == {
            names[0]: {index.replaced_alias},
            names[1]: {index.replaced_alias},
            names[2]: {index.alias},
        }

    def test_what_a_rollback_goes_back_to_stays(self, index: SearchIndex) -> None:
        first = publish(index, "A-1")
        publish(index, "A-2", run_id="b")
        load(index)
        index.rollback(DAY)
        assert (seen(index), [each.name for each in index.published(DAY)]) == (["A-1"], [first])

    def test_one_beside_another_that_is_loading_does_not_take_its_index(self, index: SearchIndex) -> None:
        one, other = load(index, "A-1"), load(index, "B-1", "B-2")
        assert (index.finish(one).documents, index.finish(other).documents) == (1, 2)


class TestSending:
    """What `bulk` does with a real cluster's answers; rows as Spark hands them over."""

    def sent(self, target: SearchIndex, index: str, *rows: Row) -> bulk.Outcome:
        return bulk.send(rows, index, target.settings)

    def test_an_id_that_makes_the_cluster_refuse_the_request_is_the_only_one_left_out(self, index: SearchIndex) -> None:
        rows = [document(id) for id in ("A-1", "A-2", "x" * 600, "A-3", "A-4")]
        name = load(index)
        outcome = self.sent(index, name, *rows)
        assert (outcome.sent, outcome.refused, outcome.error) == (5, 1, None)
        (letter,) = outcome.dead_letters
        assert (letter.id, letter.document) == (rows[2].id, rows[2].document.encode())
        assert letter.reason["type"] == "action_request_validation_exception"
        assert "is too long" in letter.reason["reason"]
        index.finish(name)
        index.swap(name, DAY)
        assert seen(index) == ["A-1", "A-2", "A-3", "A-4"]

    def test_a_document_that_is_refused_alone_keeps_its_reason(self, index: SearchIndex) -> None:
        outcome = self.sent(index, load(index), document("A-1", kind="x" * 40_000), document("A-2"))
        assert (outcome.sent, outcome.refused, outcome.error) == (2, 1, None)
        (letter,) = outcome.dead_letters
        assert letter.id == "A-1"
        assert "immense term" in letter.reason["reason"]

    def test_an_index_that_takes_nothing_is_not_the_documents_fault(self, index: SearchIndex) -> None:
        name = load(index)
        index.finish(name)
        outcome = self.sent(index, name, document("A-1"), document("A-2"))
        assert (outcome.refused, outcome.dead_letters) == (0, [])
        assert (outcome.error, outcome.status) == ("403 cluster_block_exception", 403)


class TestWriteBlock:
    def test_readers_can_neither_add_nor_delete_nor_change_documents(self, index: SearchIndex) -> None:
        publish(index, "A-1")
        with pytest.raises(AuthorizationException, match="index write"):
            index.client.index(index=index.alias, id="A-2", body={"loan_id": "A-2"})
        with pytest.raises(AuthorizationException, match="index write"):
            index.client.delete_by_query(index=index.alias, body={"query": {"match_all": {}}})
        with pytest.raises(AuthorizationException, match="index write"):
            index.client.update_by_query(index=index.alias, params={"refresh": "true"})
        assert seen(index) == ["A-1"]

    def test_a_task_that_still_sends_after_the_count_changes_nothing(self, index: SearchIndex) -> None:
        name = load(index, "A-1")
        assert index.finish(name).documents == 1
        with pytest.raises(AuthorizationException, match="index write"):
            index.client.index(index=name, id="A-2", body={"loan_id": "A-2"})

    def test_swap_rollback_and_retention_work_on_blocked_indices(self, index: SearchIndex) -> None:
        first, second = publish(index, "A-1"), publish(index, "A-2", run_id="b")
        assert index.rollback(DAY) == (first, second)
        assert index.rollback(DAY) == (second, first)
        retained = changed(index, keep_previous=0).retain(now=datetime.now(UTC))
        assert (retained.deleted, retained.trouble) == ([first], [])


class TestReplicas:
    def test_replicas_that_have_no_node_are_reported_and_do_not_hold_the_day_up(self, index: SearchIndex) -> None:
        target = changed(index, replicas=1, replica_wait_s=0)
        name = load(target, "A-1")
        done = target.finish(name)
        assert (done.documents, done.replicas) == (1, 0)
        target.swap(name, DAY)
        assert seen(target) == ["A-1"]

    def test_none_are_waited_for_where_none_are_wanted(self, index: SearchIndex) -> None:
        done = changed(index, replicas=0, replica_wait_s=600).finish(load(index, "A-1"))
        assert (done.documents, done.replicas) == (1, 0)


class TestRetention:
    def test_more_names_than_an_http_line_takes(self, index: SearchIndex) -> None:
        target = SearchIndex(index.settings, replace(SEARCH, physical_name=f"{index.alias}{'x' * 200}"))
        names = [load(target, run_id=f"left-{number}") for number in range(20)]
        retained = target.retain(now=datetime.now(UTC) + timedelta(days=2))
        assert (sorted(retained.deleted), retained.trouble) == (sorted(names), [])
        assert target.indices() == []

    def test_trouble_is_told_and_does_not_raise(self, index: SearchIndex) -> None:
        first = publish(index, "A-1")
        publish(index, "A-2", run_id="b")
        index.client.indices.put_settings(index=first, body={"index.blocks.read_only": True})
        retained = changed(index, keep_previous=0).retain(now=datetime.now(UTC))
        index.client.indices.put_settings(index=first, body={"index.blocks.read_only": None})
        assert (retained.deleted, retained.trouble) == ([], [f"not deleted: 1 ({first}): 403 cluster_block_exception"])

    def test_a_cluster_that_does_not_answer_is_trouble(self, index: SearchIndex) -> None:
        down = changed(index, url="http://127.0.0.1:9", max_retries=0)
        assert down.retain(now=datetime.now(UTC)) == Retained([], ["no connection (ConnectionError)"])


class TestNewColumns:
    @pytest.fixture
    def before(self, index: SearchIndex) -> SearchIndex:
        """The same indices as a contract made them that had no `fee`, and no `stars` in a review."""
        return SearchIndex(index.settings, without(index.contract, "fee", "stars"))

    @pytest.fixture
    def applied(self, index: SearchIndex, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
        """What `lake apply` does to the indices of this contract."""
        changed = replace(LIBRARY, contracts={index.contract.id: index.contract})
        monkeypatch.setattr(search, "domain_of", lambda _: changed)
        settings = SimpleNamespace(search=index.settings)
        return lambda: dict(search.apply(settings))[index.contract.id]  # type: ignore[arg-type]

    def sorted_by_fee(self, target: SearchIndex) -> tuple[int, list[str]]:
        found = target.client.search(index=target.alias, body={"sort": ["fee", "loan_id"]})
        return found["_shards"]["failed"], [hit["_id"] for hit in found["hits"]["hits"]]

    def test_old_days_are_given_them_and_are_found_again(
        self, before: SearchIndex, index: SearchIndex, applied: Callable[[], str]
    ) -> None:
        replaced, old = publish(before, "A-0"), publish(before, "A-1", run_id="b")
        publish(index, "A-2", day=NEXT)
        assert self.sorted_by_fee(index) == (1, ["A-2"])
        both = f"2 ({replaced}, {old})"
        assert applied() == f"added fee in {both}; reviews.stars in {both}"
        assert self.sorted_by_fee(index) == (0, ["A-1", "A-2"])
        assert applied() == "unchanged"
        assert index.client.indices.get_mapping(index=old)[old]["mappings"]["_meta"] == {"run_id": "b"}
        index.rollback(DAY)
        assert self.sorted_by_fee(index) == (0, ["A-0", "A-2"])

    def test_a_load_is_refused_while_other_days_lack_them(
        self, before: SearchIndex, index: SearchIndex, applied: Callable[[], str]
    ) -> None:
        old = publish(before, "A-1")
        index.require_mappings(DAY)  # which this day's own load replaces
        with pytest.raises(SchemaDrift) as refused:
            index.require_mappings(NEXT)
        assert str(refused.value) == (
            f"{index.contract.id} {NEXT}: expected the indices of other days behind {index.alias} to have the "
            f"contract's fields, found fee in 1 ({old}); reviews.stars in 1 ({old}) absent. "
            "Bring it up to the contract: pipeline lake apply."
        )
        applied()
        index.require_mappings(NEXT)

    def test_another_type_is_refused_by_load_and_apply_and_nothing_is_added(
        self, before: SearchIndex, index: SearchIndex, applied: Callable[[], str]
    ) -> None:
        fee = replace(column(index.contract, "fee"), physical_type="keyword")
        other = SearchIndex(index.settings, replace(before.contract, columns=(*before.contract.columns, fee)))
        old = publish(other, "A-1")
        difference = (
            f"found fee scaling_factor None instead of 100 in 1 ({old}); fee type keyword instead of scaled_float in 1 "
            f"({old}). What an index has cannot be changed"
        )
        with pytest.raises(SchemaDrift, match=re.escape(difference)):
            index.require_mappings(NEXT)
        with pytest.raises(Misconfigured, match=re.escape(difference)):
            applied()
        assert index.drifts(index.alias)[old].addable == ("reviews.stars",)

    def test_indices_of_before_are_closed_to_writers(self, index: SearchIndex, applied: Callable[[], str]) -> None:
        name = publish(index, "A-1")
        index.client.indices.put_settings(index=name, body={"index.blocks.write": None})
        assert applied() == "unchanged"
        with pytest.raises(AuthorizationException, match="index write"):
            index.client.delete(index=name, id="A-1")

    def test_where_nothing_is_published_nothing_is_done(self, index: SearchIndex, applied: Callable[[], str]) -> None:
        index.require_mappings(DAY)
        assert applied() == "unchanged"

    def test_a_cluster_that_is_down_is_named_with_what_to_repeat(
        self, index: SearchIndex, applied: Callable[[], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        down = index.settings.model_copy(update={"url": "http://127.0.0.1:9", "max_retries": 0})
        with pytest.raises(Unavailable) as refused:
            search.apply(SimpleNamespace(search=down))  # type: ignore[arg-type]
        assert str(refused.value) == (
            f"{index.contract.id} all days: expected OpenSearch at http://127.0.0.1:9 to answer, found no connection "
            "(ConnectionError). The tables are as their contracts say; for the indices once more: pipeline lake apply"
        )
