"""`python -m bench`: runs benches and writes RESULTS.md."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench import day
from bench.results import Bench, Goal, page

HERE = Path(__file__).parent
DUCKDB, PYSPARK = day.PEERS
_DAY_GOALS = {
    20_000: (25.0, 3.3, 0.8),
    200_000: (None, 1.2, 0.7),
}


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("benches", nargs="*", default=["day"], choices=["day"], metavar="BENCH")
    arguments.add_argument("--rows", type=int, action="append", help="orders of a day; more than one is a bench each")
    arguments.add_argument("--times", type=int, default=3)
    arguments.add_argument("--out", type=Path, default=HERE, help="folder of RESULTS.md")
    given = arguments.parse_args()
    if given.times < 1:
        arguments.error("--times: at least 1")
    benches = []
    for rows in given.rows or [20_000]:
        command = f"python -m bench day --rows {rows} --times {given.times}"
        benches.append((day.bench(rows, given.times), command, _goals(rows)))
    (given.out / "RESULTS.md").write_text(page(benches, given.out))


def _goals(rows: int) -> Sequence[Goal]:
    if rows not in _DAY_GOALS:
        return []
    seconds, duckdb, pyspark = _DAY_GOALS[rows]
    goals = [
        Goal(f"at most {duckdb} times as long as DuckDB", duckdb, lambda bench: _ratio(bench, DUCKDB)),
        Goal(f"at most {pyspark} times as long as plain PySpark", pyspark, lambda bench: _ratio(bench, PYSPARK)),
    ]
    if seconds is not None:
        goals.insert(0, Goal(f"at most {seconds:.0f} s", seconds, lambda bench: bench.wall_s(day.OURS)))
    return goals


def _ratio(bench: Bench, other: str) -> float:
    return bench.wall_s(day.OURS) / bench.wall_s(other)


if __name__ == "__main__":
    main()
