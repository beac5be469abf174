"""All rows of a day, from the real pipeline on real services, equal those of the oracle."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from local_stack.services import services
from local_stack.snowflake import load
from tests.comparison import Row, compare
from tests.own_days import succeeded
from tests.running import Day, InProcess
from tests.shop import SHOP
from tests.shop.reference import expected, odd_inputs


def wanted_of(day: Day) -> dict[str, list[Row]]:
    """The oracle's day, which readers have."""
    wanted = expected(day.data, date.fromisoformat(day.partition))
    compare(day, wanted)
    return wanted


def test_a_sample_day(shop_day: Day) -> None:
    wanted = wanted_of(shop_day)
    assert len(wanted["final.order_facts"]) == shop_day.truth["orders"]


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
    wanted = wanted_of(day)
    read = {row["order_id"] for row in wanted["intermediate.orders"]}
    assert [name for number, (name, _) in enumerate(odd_inputs.KEPT) if f"K-{number}" not in read] == []
    is_ordinary = partition == ODD_DAYS["ordinary"]
    reasons = {row["reason"] for row in wanted["intermediate.rejected_orders"]}
    every = {reason for reason, _ in odd_inputs.REJECTED} | {"malformed_json"}
    assert reasons == {"placed_outside_partition"} | (every if is_ordinary else set())
    of_shipments = sorted(row["reason"] for row in wanted["intermediate.rejected_shipments"])
    assert of_shipments == (["malformed", "null_shipment_id"] if is_ordinary else [])
