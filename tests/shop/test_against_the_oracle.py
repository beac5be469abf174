"""All rows of a day, from the real pipeline on real services, equal those of the oracle."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import pytest

from local_stack.services import services
from local_stack.snowflake import load
from tests.end_to_end.conftest import succeeded
from tests.running import Day, InProcess, documents, table_rows
from tests.shop import SHOP
from tests.shop.reference import expected, odd_inputs

Row = dict[str, Any]


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


def compare(day: Day) -> dict[str, list[Row]]:
    wanted = expected(day.data, date.fromisoformat(day.partition))
    found = table_rows(day.settings, day.partition)
    for dataset, rows in found.items():
        assert_equal(dataset, rows, wanted[dataset])
    assert_equal("search.orders", documents(day.settings, day.partition), as_json(wanted["search.orders"]))
    return wanted


def test_a_sample_day(published_day: Day) -> None:
    wanted = compare(published_day)
    assert len(wanted["final.order_facts"]) == published_day.truth["orders"]


ODD_DAYS = {"ordinary": "2026-11-21", "23 hours": "2026-03-08", "25 hours": "2026-11-01"}


@pytest.fixture(scope="module")
def odd_days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """One stack with the deliveries of all of them; the partition is none of theirs."""
    home = tmp_path_factory.mktemp("odd")
    data = home / "data"
    for name, day in ODD_DAYS.items():
        odd_inputs.write(data, date.fromisoformat(day), every_reject=name == "ordinary")
    odd_inputs.write_tables(data, date.fromisoformat(day))
    with services(home, data) as running:
        yield Day(home, data, str(running.settings_file), "2000-01-01")


@pytest.mark.parametrize("partition", ODD_DAYS.values(), ids=ODD_DAYS)
def test_a_day_of_every_defect_and_oddity(odd_days: Day, run_job: InProcess, partition: str) -> None:
    day = replace(odd_days, partition=partition)
    odd_inputs.write_tables(day.data, date.fromisoformat(partition))
    load(day.data / "snowflake", database="SHOP")
    for job in SHOP.jobs:
        succeeded(run_job, job.name, day)
    wanted = compare(day)
    read = {row["order_id"] for row in wanted["intermediate.orders"]}
    assert [name for number, (name, _) in enumerate(odd_inputs.KEPT) if f"K-{number}" not in read] == []
    reasons = {row["reason"] for row in wanted["intermediate.rejected_orders"]}
    every = {reason for reason, _ in odd_inputs.REJECTED} | {"malformed_json"}
    assert reasons == {"placed_outside_partition"} | (every if partition == ODD_DAYS["ordinary"] else set())
