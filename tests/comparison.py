"""Whole days compared with what was expected: rows and documents as multisets, with what differs in the first of them.

Does not own: what is expected (end_to_end/expected_day, the oracle of the domain's rules), what readers find (running).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from pipeline_assets.search import index_of
from tests.running import Day, documents, table_rows

Row = dict[str, Any]


def compare(day: Day, expected: Mapping[str, list[Row]]) -> None:
    """Every table's rows, and the documents behind the alias."""
    for dataset, rows in table_rows(day.settings, day.partition).items():
        assert_equal(dataset, rows, expected[dataset])
    index = index_of(day.settings).id
    assert_equal(index, documents(day.settings, day.partition), as_json(expected[index]))


def assert_equal(dataset: str, found: Iterable[Row], wanted: Iterable[Row]) -> None:
    """As multisets of whole rows; shows what differs in the first rows that do."""
    left, right = Counter(map(canonical, found)), Counter(map(canonical, wanted))
    surplus, lacking = sorted((left - right).elements()), sorted((right - left).elements())
    shown = [
        (sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours)))
        for ours, theirs in zip_longest(surplus[:3], lacking[:3], fillvalue=())
    ]
    assert not shown, f"{dataset}: {len(surplus)} rows surplus, {len(lacking)} lacking, such as {shown}"


def canonical(row: Row) -> tuple[tuple[str, str], ...]:
    """Equal rows have equal text, types included."""
    return tuple((name, text_of(value)) for name, value in sorted(row.items()))


def text_of(value: Any) -> str:
    if isinstance(value, dict):
        return repr(canonical(value))
    if isinstance(value, list):
        return repr([text_of(each) for each in value])
    return f"{type(value).__name__} {value}"


def as_json(value: Any) -> Any:
    """Decimals as the numbers that a JSON reader gives."""
    if isinstance(value, dict):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value
