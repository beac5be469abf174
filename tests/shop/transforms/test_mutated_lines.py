"""Mutated lines through the jobs' reader and through the oracle: equal outcomes, equal rows.

2,000 of them, or MUTATED_LINES, drawn from MUTATED_SEED. What differs is shrunk to the shortest line that does.
"""

import os
from datetime import date
from typing import Any

import pyarrow as pa

from shop.transforms.order_lines import read_lines
from tests.shop import SHOP
from tests.shop.reference import orders as oracle
from tests.shop.reference.mutated_lines import mutated, shrunk
from tests.shop.reference.reading import parse

DAY = SHOP.calendar.of(date(2026, 11, 21))
LINES = int(os.environ.get("MUTATED_LINES", "2000"))
SEED = int(os.environ.get("MUTATED_SEED", "7"))
BATCH = 1000


def read(lines: list[bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_lines(pa.array(lines, pa.binary()), start=DAY.start, end=DAY.end).to_pylist()
    return found


def expected(line: bytes) -> dict[str, Any]:
    """As the reader has it."""
    order = parse(line)
    reason = "malformed_json" if order is None else oracle.first_broken_rule(order, DAY.date, line)
    if order is None or reason is not None:
        return {"reason": reason}
    items = [
        {name: value for name, value in item.items() if name not in ("partition_date", "order_id", "line_net")}
        for item in oracle.item_rows(order, DAY.date)
    ]
    row = {name: value for name, value in oracle.order_row(order, DAY.date).items() if name != "partition_date"}
    return {"reason": None, **row, "items": items}


def found_in(row: dict[str, Any]) -> dict[str, Any]:
    """With a reason there is nothing else to compare."""
    return row if row["reason"] is None else {"reason": row["reason"]}


def differs(line: bytes) -> bool:
    return bool(line.strip(b" \t\r")) and found_in(read([line])[0]) != expected(line)


def test_mutated_lines_are_read_as_the_oracle_reads_them() -> None:
    lines = list(mutated(DAY.date, LINES, SEED))
    reasons: set[str | None] = set()
    for start in range(0, LINES, BATCH):
        batch = lines[start : start + BATCH]
        for line, row in zip(batch, read(batch), strict=True):
            reasons.add(row["reason"])
            if found_in(row) != expected(line):
                shortest = shrunk(line, differs)
                assert found_in(read([shortest])[0]) == expected(shortest), f"the line {shortest!r}"
    assert len(reasons) == 11, "lines of every outcome, or this shows little"
