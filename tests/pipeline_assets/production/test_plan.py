"""The plan keeps every edge of the graph, and adds an ordering only where no nesting of parallels has none."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr_jobs.catalog import JOBS, Job
from pipeline_assets.definitions import defs
from pipeline_assets.production.plan import (
    Node,
    Order,
    Parallel,
    Series,
    Single,
    explained,
    orderings,
    plan,
    plan_of,
)


def job(name: str) -> Job:
    return Job(name, outputs=(f"x.{name}",), timeout_s=60, max_retries=1)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Job], set[tuple[str, str]]]:
    names = [f"j{number}" for number in range(draw(st.integers(1, 8)))]
    pairs = list(combinations(names, 2))
    edges = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    return [job(name) for name in draw(st.permutations(names))], edges


@st.composite
def nested(draw: st.DrawFn, size: int | None = None, start: int = 0) -> Node:
    size = draw(st.integers(1, 8)) if size is None else size
    if size == 1:
        return Single(job(f"j{start}"))
    left = draw(st.integers(1, size - 1))
    parts = (draw(nested(left, start)), draw(nested(size - left, start + left)))
    return draw(st.sampled_from((Series(parts), Parallel(parts))))


def closure(order: Order) -> Order:
    more = order | {(a, d) for a, b in order for c, d in order if b == c}
    return more if more == order else closure(more)


@given(graphs())
def test_every_edge_is_an_ordering_and_every_other_is_listed(graph: tuple[list[Job], set[tuple[str, str]]]) -> None:
    jobs, edges = graph
    made = plan(jobs, edges)
    enforced = orderings(made.root)
    assert edges <= enforced
    assert made.added == enforced - closure(frozenset(edges))
    assert sorted(each.name for each in made.jobs) == sorted(each.name for each in jobs), "each once"


@given(nested())
def test_series_parallel_graph_gets_no_other_ordering(node: Node) -> None:
    order = orderings(node)
    jobs = [job(f"j{number}") for number in range(8) if f"j{number}" in {n for pair in order for n in pair}]
    made = plan(jobs or [job("j0")], order)
    assert made.added == frozenset()
    assert orderings(made.root) == order


def test_graph_that_is_not_series_parallel_is_levelled_and_says_so() -> None:
    a, b, c, d = (job(name) for name in "abcd")
    made = plan([a, b, c, d], {("a", "c"), ("b", "c"), ("b", "d")})
    assert made.root == Series((Parallel((Single(a), Single(b))), Parallel((Single(c), Single(d)))))
    assert made.added == {("a", "d")}
    assert "a before d: added" in explained(made)


def test_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        plan([job("a"), job("b")], {("a", "b"), ("b", "a")})


def test_plan_of_the_asset_graph() -> None:
    orders, customers, shipments, master = map(Single, JOBS)
    made = plan_of(defs.resolve_asset_graph())
    assert made.root == Series((Parallel((orders, customers, shipments)), master))
    assert made.added == frozenset()
    assert made.last == (JOBS[-1],)
    assert [each.name for each in made.downstream("extract_orders")] == ["extract_orders", "master"]
