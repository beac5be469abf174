"""A job that is killed: readers see a whole old day or a whole new one. Two runs at once: test_two_runs."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.conftest import deliver, good_lines, succeeded
from tests.running import Day, InProcess, finished, job_process, readers_see

SCRIPT = "tests/end_to_end/interrupted.py"
TARGETS = ("final.order_facts", "final.daily_sales", "search.orders")


@dataclass(frozen=True)
class NewDay:
    """Orders extracted and not yet through master: fewer or more than those that readers see."""

    day: Day
    old: tuple[int, int]  # rows of order_facts, documents behind the alias
    new: int  # of both, once it is published


@pytest.fixture
def new_day(whole_day: Day, run_job: InProcess, tmp_path: Path) -> NewDay:
    old = sizes(whole_day)
    new = 8 if 7 in old else 7
    succeeded(run_job, "extract_orders", whole_day, deliver(whole_day, tmp_path, good_lines(whole_day)[:new]))
    return NewDay(whole_day, old, new)


def sizes(day: Day) -> tuple[int, int]:
    """Rows of order_facts, documents behind the alias."""
    seen = readers_see(day.settings, day.partition)
    ((_, documents),) = seen["search.orders"]
    return len(seen["final.order_facts"]), documents


@pytest.mark.parametrize(
    ("point", "readers_have"),
    [
        ("before staging", ("old", "old")),
        ("after staging", ("old", "old")),
        ("between the publishes", ("new", "old")),
    ],
)
def test_killed(
    new_day: NewDay, run_job: InProcess, monkeypatch: pytest.MonkeyPatch, point: str, readers_have: tuple[str, str]
) -> None:
    day = new_day.day
    before = readers_see(day.settings, day.partition)
    monkeypatch.setenv("INTERRUPT", point)
    run_id = f"killed-{point.replace(' ', '-')}"
    killed = finished(
        job_process("master", settings_uri=day.settings_uri, partition=day.partition, run_id=run_id, script=SCRIPT)
    )
    assert killed.code != 0
    rows, documents = (
        {"old": old, "new": new_day.new}[each] for old, each in zip(new_day.old, readers_have, strict=True)
    )
    assert sizes(day) == (rows, documents), killed.output
    if readers_have == ("old", "old"):
        assert readers_see(day.settings, day.partition) == before

    retried = run_job("master", settings_uri=day.settings_uri, partition=day.partition, run_id=run_id, attempt=1)
    assert retried.code == 0, retried.output
    assert sizes(day) == (new_day.new, new_day.new)
