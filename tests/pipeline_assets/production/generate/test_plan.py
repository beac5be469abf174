"""The plan keeps every edge of the graph, and adds an ordering only where no nesting of parallels has none."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr_jobs.catalog import Job
from pipeline_assets.definitions import defs
from pipeline_assets.production.generate.plan import (
    Node,
    Order,
    Parallel,
    Series,
    Single,
    critical_path,
    explained,
    orderings,
    plan,
    plan_of,
    width,
)
from tests.domains import LIBRARY


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
    of_a_job = "at most 1 min, retried 1 times, publishes"
    assert explained(made).splitlines() == [
        "one after another",
        "  at once",
        f"    a: {of_a_job} x.a",
        f"    b: {of_a_job} x.b",
        "  at once",
        f"    c: {of_a_job} x.c",
        f"    d: {of_a_job} x.d",
        "",
        "a before c: the asset graph",
        "b before c: the asset graph",
        "b before d: the asset graph",
        "a before d: added, to draw it in parallels",
    ]


def test_downstream_of_a_job_is_what_reads_it_also_by_way_of_others() -> None:
    a, b, c, d = (job(name) for name in "abcd")
    made = plan([a, b, c, d], {("a", "b"), ("b", "c"), ("d", "c")})
    assert made.downstream("b") == (b, c)
    assert set(made.downstream("a")) == {a, b, c}
    assert made.last == (c,)


def test_as_many_jobs_run_at_once_as_the_widest_step_has_branches() -> None:
    a, b, c, d = (Single(job(name)) for name in "abcd")
    assert width(Series((a, Parallel((b, Series((c, d)))), a))) == 2
    assert width(Parallel((Parallel((a, b)), c))) == 3


def test_critical_path_is_the_longest_way() -> None:
    a, b, c, d = (Single(job(name)) for name in "abcd")
    seconds = {"a": 1, "b": 20, "c": 300, "d": 4000}
    node = Series((a, Parallel((b, Series((c, d))))))
    assert critical_path(node, lambda each: seconds[each.name]) == 4301


def test_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        plan([job("a"), job("b")], {("a", "b"), ("b", "a")})


def test_plan_of_the_asset_graph() -> None:
    loans, members, reviews, catalogue = map(Single, LIBRARY.jobs)
    made = plan_of(defs.resolve_asset_graph(), LIBRARY)
    assert made.root == Series((Parallel((loans, members, reviews)), catalogue))
    assert made.added == frozenset()
    assert made.last == (catalogue.job,)
    assert [each.name for each in made.downstream("extract_loans")] == ["extract_loans", "catalogue"]
