"""Whether the alias can be changed is known before the lake commits, and the message says what to mend."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from opensearchpy.exceptions import AuthorizationException

from emr_jobs.core.errors import AccessDenied, PipelineError, SchemaDrift, Unavailable
from emr_jobs.publish.search import SearchIndex, errors_named
from tests.domains import LIBRARY
from tests.running import Day

DAY = LIBRARY.calendar.partition("2026-02-01")


@pytest.fixture
def target(_own_day: Day) -> Iterator[SearchIndex]:
    """An alias and indices of the test's own."""
    contract = replace(LIBRARY.contracts["find.lending"], id="find.trial", physical_name="trial")
    found = SearchIndex(_own_day.settings.search, contract)
    yield found
    found.client.indices.delete(index="trial*", params={"expand_wildcards": "all"})


def loaded(target: SearchIndex, run_id: str) -> str:
    name = target.name(DAY, run_id=run_id, attempt=0)
    target.create(name, meta={})
    return name


def aliases(target: SearchIndex) -> dict[str, frozenset[str]]:
    return {index.name: index.aliases for index in target.indices(DAY)}


@pytest.mark.parametrize("published", [0, 1, 2])
def test_trying_the_swap_changes_nothing(target: SearchIndex, published: int) -> None:
    for number in range(published):
        target.swap(loaded(target, f"old {number}"), DAY)
    new = loaded(target, "new")
    before = target.client.indices.get(index="trial-*", params={"expand_wildcards": "all"})
    target.try_swap(new, DAY)
    assert target.client.indices.get(index="trial-*", params={"expand_wildcards": "all"}) == before
    target.swap(new, DAY)
    target.try_swap(new, DAY)
    assert aliases(target)[new] == {"trial"}


def refused(target: SearchIndex, new: str) -> PipelineError:
    before = aliases(target)
    with (
        pytest.raises(PipelineError) as raised,
        errors_named(target.settings, dataset=target.contract.id, partition=DAY),
    ):
        target.try_swap(new, DAY)
    assert aliases(target) == before
    return raised.value


def test_an_index_that_is_called_like_the_alias(target: SearchIndex) -> None:
    new = loaded(target, "new")
    target.client.index(index="trial", body={"somebody": "wrote too early"})
    error = refused(target, new)
    assert isinstance(error, SchemaDrift)
    assert str(error) == (
        f"find.trial {DAY}: expected an alias trial, or none yet, found an index of that name. Something was written "
        "to the name before the alias was there. Reindex what it holds if it is needed, then: "
        f"curl -X DELETE {target.settings.url}/trial"
    )


@pytest.mark.parametrize("blocked", ["old", "new"])
def test_an_index_that_is_blocked(target: SearchIndex, blocked: str) -> None:
    """By hand: a node with room on its disk takes its own block, read_only_allow_delete, off again at any moment."""
    names = {run_id: loaded(target, run_id) for run_id in ("old", "new")}
    target.swap(names["old"], DAY)
    target.client.indices.put_settings(index=names[blocked], body={"index.blocks.read_only": True})
    error = refused(target, names["new"])
    target.client.indices.put_settings(index=names[blocked], body={"index.blocks.read_only": None})
    assert isinstance(error, Unavailable)
    assert str(error).startswith(
        f"find.trial {DAY}: expected an index that is not blocked, found 403 index [{names[blocked]}] blocked"
    )


def test_a_write_block_is_none(target: SearchIndex) -> None:
    names = {run_id: loaded(target, run_id) for run_id in ("old", "new")}
    target.swap(names["old"], DAY)
    target.client.indices.put_settings(index=",".join(names.values()), body={"index.blocks.write": True})
    target.try_swap(names["new"], DAY)
    target.swap(names["new"], DAY)
    assert aliases(target) == {names["new"]: {"trial"}, names["old"]: {"trial-replaced"}}


def test_a_missing_right(target: SearchIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """The local node knows no users: what the security plugin answers."""
    new = loaded(target, "new")

    def forbidden(**_: object) -> None:
        raise AuthorizationException(403, "security_exception", {"error": {"reason": "no permissions for [aliases]"}})

    monkeypatch.setattr(target.client.indices, "update_aliases", forbidden)
    error = refused(target, new)
    assert isinstance(error, AccessDenied)
    assert "no permissions for [aliases]" in str(error)
