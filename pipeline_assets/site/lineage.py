"""A picture of what is made of what, as SVG that a page carries in itself: no script, no request. Pure."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from emr_jobs.contracts import Contract, Medium
from emr_jobs.domain import Domain

CHARACTER, HEIGHT, GAP, BETWEEN, PADDING = 7.4, 30, 14, 70, 12  # of 12 px monospace; all in px
COLOURS = {Medium.SOURCE: "#e8eaf6", Medium.TABLE: "#e3f2fd", Medium.INDEX: "#fff3e0"}

Address = Callable[[str], str]  # of a dataset's page


def whole(domain: Domain, address: Address) -> str:
    """Every dataset, sources on the left."""
    depths: dict[str, int] = {}

    def depth(dataset: str) -> int:
        if dataset not in depths:
            above = [name for name in domain.upstream_of(domain.contracts[dataset]) if name != dataset]
            depths[dataset] = 1 + max(map(depth, above), default=-1)
        return depths[dataset]

    columns: list[list[str]] = []
    for dataset in sorted(domain.contracts):
        columns += [[] for _ in range(depth(dataset) + 1 - len(columns))]
        columns[depth(dataset)].append(dataset)
    return _svg(domain.contracts, columns, _edges(domain, domain.contracts), address)


def around(domain: Domain, contract: Contract, address: Address) -> str:
    """A dataset between those that it is made of and those that are made of it."""
    above = [name for name in domain.upstream_of(contract) if name != contract.id]
    below = [
        name
        for name in domain.published
        if name not in (contract.id, *above) and contract.id in domain.upstream_of(domain.contracts[name])
    ]
    columns = [column for column in (above, [contract.id], below) if column]
    edges = [(name, contract.id) for name in above] + [(contract.id, name) for name in below]
    return _svg(domain.contracts, columns, edges, address, bold=contract.id)


def _edges(domain: Domain, datasets: Mapping[str, Contract]) -> list[tuple[str, str]]:
    return [(above, name) for name, each in datasets.items() for above in domain.upstream_of(each) if above != name]


def _svg(
    contracts: Mapping[str, Contract],
    columns: Sequence[Sequence[str]],
    edges: Sequence[tuple[str, str]],
    address: Address,
    *,
    bold: str | None = None,
) -> str:
    tallest = max(map(len, columns)) * (HEIGHT + GAP) - GAP
    places: dict[str, tuple[float, float, float]] = {}  # left, top, width
    left = 1.0
    for column in columns:
        width = max(map(len, column)) * CHARACTER + 2 * PADDING
        top = (tallest - len(column) * (HEIGHT + GAP) + GAP) / 2 + 1
        for number, name in enumerate(column):
            places[name] = (left, top + number * (HEIGHT + GAP), width)
        left += width + BETWEEN
    lines = [_line(places[above], places[below]) for above, below in edges]
    boxes = [_box(name, contracts[name].medium, places[name], address(name), bold=name == bold) for name in places]
    size = f"{left - BETWEEN + 1:.0f} {tallest + 2:.0f}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img" style="max-width:100%">' + (
        f"{''.join(lines)}{''.join(boxes)}</svg>"
    )


def _line(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    x, y = start[0] + start[2], start[1] + HEIGHT / 2
    to_x, to_y = end[0], end[1] + HEIGHT / 2
    middle = (x + to_x) / 2
    path = f"M{x:.0f} {y:.0f}C{middle:.0f} {y:.0f} {middle:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
    return f'<path d="{path}" fill="none" stroke="#90a4ae"/>'


def _box(name: str, medium: Medium, place: tuple[float, float, float], address: str, *, bold: bool) -> str:
    left, top, width = place
    return (
        f'<a href="{escape(address)}"><rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="4" '
        f'fill="{COLOURS[medium]}" stroke="{"#37474f" if bold else "#90a4ae"}"/>'
        f'<text x="{left + PADDING:.0f}" y="{top + HEIGHT / 2 + 4:.0f}" font-family="monospace" font-size="12" '
        f'font-weight="{"bold" if bold else "normal"}" fill="#263238">{escape(name)}</text></a>'
    )
