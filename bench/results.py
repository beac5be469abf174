"""What benches found, as a page and as pictures.

Medians and spreads; a ratio is of medians of one bench, whose sides ran in turn. Does not own: what is measured.
"""

import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil

from bench.measure import Figures
from pipeline_assets.home import ROOT

_BAR, _WIDTH, _LABEL = 26, 420, 270


@dataclass(frozen=True)
class Side:
    name: str
    runs: list[Figures]

    def of(self, figure: Callable[[Figures], float]) -> list[float]:
        return [figure(run) for run in self.runs]


@dataclass(frozen=True)
class Goal:
    """Of a bench: what a figure of this project's may be at most, alone or beside a side."""

    text: str
    limit: float
    found: Callable[["Bench"], float]


@dataclass(frozen=True)
class Bench:
    name: str
    sides: Sequence[Side]  # this project's first

    def side(self, name: str) -> Side:
        return next(side for side in self.sides if side.name == name)

    def wall_s(self, name: str) -> float:
        return median(self.side(name).of(lambda run: run.wall_s))


def page(benches: Sequence[tuple[Bench, str, Sequence[Goal]]], pictures: Path) -> str:
    """Markdown; writes the pictures beside it."""
    lines = ["# What was measured", "", *_where(), ""]
    for bench, command, goals in benches:
        picture = f"{bench.name.replace(',', '').replace(' ', '-')}.svg"
        (pictures / picture).write_text(_picture(bench))
        lines += [f"## {bench.name}", "", f"`{command}`", "", *_table(bench), "", *_met(bench, goals), ""]
        lines += [f"![Seconds of each side]({picture})", ""]
    return "\n".join(lines)


def _where() -> list[str]:
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    memory = psutil.virtual_memory().total / 2**30
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, commit {git.stdout.strip()}: {os.cpu_count()} cores, {memory:.0f} GB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}. Sides of a bench ran in "
        "alternating order; the median of each figure, least and greatest in parentheses.",
    ]


def _table(bench: Bench) -> list[str]:
    first = bench.sides[0]
    rows = ["| | wall, s | CPU, s | memory, MB | wall beside this project |", "|---|---|---|---|---|"]
    for side in bench.sides:
        figures = [_spread(side.of(figure)) for figure in (_wall, _cpu)]
        memory = f"{median(side.of(_memory)):.0f}"
        ratio = bench.wall_s(first.name) / bench.wall_s(side.name)
        beside = "" if side is first else f"this project takes {ratio:.2f} times as long"
        rows.append(f"| {side.name} | {figures[0]} | {figures[1]} | {memory} | {beside} |")
    return rows


def _met(bench: Bench, goals: Sequence[Goal]) -> list[str]:
    if not goals:
        return []
    rows = ["| goal | found | |", "|---|---|---|"]
    for goal in goals:
        found = goal.found(bench)
        rows.append(f"| {goal.text} | {found:.2f} | {'met' if found <= goal.limit else 'missed'} |")
    return rows


def _wall(run: Figures) -> float:
    return run.wall_s


def _cpu(run: Figures) -> float:
    return run.cpu_s


def _memory(run: Figures) -> float:
    return run.peak_mb


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def _picture(bench: Bench) -> str:
    """A bar a side, as long as its median wall time."""
    longest = max(bench.wall_s(side.name) for side in bench.sides)
    bars = []
    for number, side in enumerate(bench.sides):
        seconds, top = bench.wall_s(side.name), 8 + number * (_BAR + 8)
        colour, width = "#2c7fb8" if number == 0 else "#bdbdbd", _WIDTH * seconds / longest
        bars.append(
            f'<text x="{_LABEL - 8}" y="{top + 17}" text-anchor="end">{side.name}</text>'
            f'<rect x="{_LABEL}" y="{top}" width="{width:.0f}" height="{_BAR}" fill="{colour}"/>'
            f'<text x="{_LABEL + width + 6:.0f}" y="{top + 17}">{seconds:.1f} s</text>'
        )
    height = 16 + len(bars) * (_BAR + 8)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABEL + _WIDTH + 70}" height="{height}" '
        f'font-family="sans-serif" font-size="13">{"".join(bars)}</svg>\n'
    )
