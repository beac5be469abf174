"""In which order the jobs of a day run: the asset graph as nested series and parallels. Pure.

Invariant: every edge of the graph is an ordering of the plan. A series-parallel graph gets no other ordering; what
is not, cannot be drawn with parallels alone and is levelled, and `Plan.added` lists the orderings that came of it.
Does not own: what runs a job (launchers), how a plan is written down (daily_machine).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from graphlib import TopologicalSorter
from itertools import combinations
from typing import TYPE_CHECKING

from emr_jobs.catalog import Job
from emr_jobs.domain import Domain

if TYPE_CHECKING:
    import dagster as dg

Order = frozenset[tuple[str, str]]  # (earlier, later), by name


@dataclass(frozen=True)
class Single:
    job: Job


@dataclass(frozen=True)
class Series:
    """One after another."""

    steps: tuple["Node", ...]


@dataclass(frozen=True)
class Parallel:
    """At once; ended when all of them are."""

    branches: tuple["Node", ...]


Node = Single | Series | Parallel


@dataclass(frozen=True)
class Plan:
    root: Node
    edges: Order  # of the asset graph, between jobs
    added: Order  # orderings that no asset asks for

    @property
    def jobs(self) -> tuple[Job, ...]:
        return tuple(jobs_in(self.root))

    @property
    def last(self) -> tuple[Job, ...]:
        """The jobs that no other one reads: once they have run, the day is published."""
        read = {earlier for earlier, _ in self.edges}
        return tuple(job for job in self.jobs if job.name not in read)

    def downstream(self, name: str) -> tuple[Job, ...]:
        """This job and every job that reads what comes of it, in the plan's order."""
        later = {name} | {after for before, after in _closure({job.name for job in self.jobs}, self.edges)
                          if before == name}  # fmt: skip
        return tuple(job for job in self.jobs if job.name in later)


def plan(jobs: Iterable[Job], edges: Iterable[tuple[str, str]]) -> Plan:
    """The plan of these jobs under these edges (earlier, later). Raises graphlib.CycleError."""
    known = {job.name: job for job in jobs}
    wanted = frozenset(edges)
    order = _closure(set(known), wanted)
    root = _drawn(list(known.values()), order)
    return Plan(root, wanted, orderings(root) - order)


def plan_of(graph: "dg.AssetGraph", found: Domain) -> Plan:
    """The plan of the jobs that publish the graph's assets."""
    edges = set()
    for key in graph.get_all_asset_keys():
        dataset = ".".join(key.path)
        if dataset not in found.published:
            continue
        job = found.job_of(dataset)
        for parent in graph.get(key).parent_keys:
            upstream = ".".join(parent.path)
            if upstream in found.published and found.job_of(upstream) != job:
                edges.add((found.job_of(upstream).name, job.name))
    return plan(found.jobs, edges)


def jobs_in(node: Node) -> list[Job]:
    match node:
        case Single(job):
            return [job]
        case Series(children) | Parallel(children):
            return [job for child in children for job in jobs_in(child)]


def orderings(node: Node) -> Order:
    """Every pair that the node enforces."""
    match node:
        case Single():
            return frozenset()
        case Parallel(branches):
            return frozenset().union(*map(orderings, branches))
        case Series(steps):
            within = frozenset[tuple[str, str]]().union(*map(orderings, steps))
            across = {
                (earlier.name, later.name)
                for before, after in combinations(steps, 2)
                for earlier in jobs_in(before)
                for later in jobs_in(after)
            }
            return within | across


def critical_path(node: Node, seconds: Callable[[Job], int]) -> int:
    """The longest that the node can take, when a job takes at most this long."""
    match node:
        case Single(job):
            return seconds(job)
        case Series(steps):
            return sum(critical_path(step, seconds) for step in steps)
        case Parallel(branches):
            return max(critical_path(branch, seconds) for branch in branches)


def width(node: Node) -> int:
    """How many jobs may run at once."""
    match node:
        case Single():
            return 1
        case Series(steps):
            return max(map(width, steps))
        case Parallel(branches):
            return sum(map(width, branches))


def explained(made: Plan) -> str:
    """The plan as text, for people."""
    lines = [*_lines(made.root, 0), ""]
    lines += [f"{earlier} before {later}: the asset graph" for earlier, later in sorted(made.edges)]
    lines += [f"{earlier} before {later}: added, to draw it in parallels" for earlier, later in sorted(made.added)]
    return "\n".join(lines)


def _lines(node: Node, depth: int) -> list[str]:
    pad = "  " * depth
    match node:
        case Single(job):
            return [
                f"{pad}{job.name}: at most {job.timeout_s // 60} min, retried {job.max_retries} times, "
                f"publishes {', '.join(job.outputs)}"
            ]
        case Series(children):
            return [f"{pad}one after another", *(line for child in children for line in _lines(child, depth + 1))]
        case Parallel(children):
            return [f"{pad}at once", *(line for child in children for line in _lines(child, depth + 1))]


def _drawn(jobs: list[Job], order: Order) -> Node:
    """Modular decomposition of an order: split where nothing is ordered, else where everything is, else level."""
    if len(jobs) == 1:
        return Single(jobs[0])
    ordered = {pair for pair in combinations(jobs, 2) if _related(*pair, order)}
    parts = _components(jobs, ordered)
    if len(parts) > 1:
        return Parallel(tuple(_drawn(part, order) for part in parts))
    parts = _components(jobs, set(combinations(jobs, 2)) - ordered)
    if len(parts) > 1:
        names = [[job.name for job in part] for part in parts]
        first = sorted(parts, key=lambda part: sum((other[0], part[0].name) in order for other in names))
        return Series(tuple(_drawn(part, order) for part in first))
    return Series(tuple(_drawn(level, order) for level in _levels(jobs, order)))


def _related(one: Job, other: Job, order: Order) -> bool:
    return (one.name, other.name) in order or (other.name, one.name) in order


def _components(jobs: list[Job], joined: set[tuple[Job, Job]]) -> list[list[Job]]:
    """Connected ones together, in the order in which the first of each was given."""

    def merge(parts: list[list[Job]], pair: tuple[Job, Job]) -> list[list[Job]]:
        touched = [part for part in parts if set(part) & set(pair)]
        rest = [part for part in parts if part not in touched]
        return [*rest, [job for part in touched for job in part]]

    parts = reduce(merge, sorted(joined, key=lambda pair: (pair[0].name, pair[1].name)), [[job] for job in jobs])
    return sorted((sorted(part, key=jobs.index) for part in parts), key=lambda part: jobs.index(part[0]))


def _levels(jobs: list[Job], order: Order) -> list[list[Job]]:
    """By the length of the longest chain before a job."""
    depth: dict[str, int] = {}
    graph = {job.name: {earlier for earlier, later in order if later == job.name} for job in jobs}
    inside = set(graph)
    for name in TopologicalSorter(graph).static_order():
        if name in inside:
            depth[name] = 1 + max((depth[earlier] for earlier in graph[name] & inside), default=-1)
    return [[job for job in jobs if depth[job.name] == level] for level in range(max(depth.values()) + 1)]


def _closure(names: set[str], edges: Order) -> Order:
    before: dict[str, set[str]] = {name: set() for name in names}
    direct: Mapping[str, set[str]] = {name: {earlier for earlier, later in edges if later == name} for name in names}
    for name in TopologicalSorter(direct).static_order():
        before[name] = direct[name].union(*(before[earlier] for earlier in direct[name]))
    return frozenset((earlier, later) for later in names for earlier in before[later])
