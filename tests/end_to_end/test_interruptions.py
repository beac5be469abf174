"""A job that is killed, and two runs of one day at once: readers see a whole old day or a whole new one."""

import os
import re
from pathlib import Path

import pytest

from tests.end_to_end.conftest import deliver, good_lines
from tests.end_to_end.interrupted import WAITING
from tests.running import Day, InProcess, finished, job_process, readers_see

SCRIPT = "tests/end_to_end/interrupted.py"
TARGETS = ("final.order_facts", "final.daily_sales", "search.orders")


@pytest.fixture
def new_day(own_day: Day, run_job: InProcess, tmp_path: Path) -> Day:
    """Seven orders extracted and not yet through master: another day than the one that readers see."""
    for job, uri in (
        ("master", own_day.settings_uri),
        ("extract_orders", deliver(own_day, tmp_path, good_lines(own_day)[:7])),
    ):
        ended = run_job(job, settings_uri=uri, partition=own_day.partition)
        assert ended.code == 0, ended.output
    return own_day


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
    new_day: Day, run_job: InProcess, monkeypatch: pytest.MonkeyPatch, point: str, readers_have: tuple[str, str]
) -> None:
    before = readers_see(new_day.settings, new_day.partition)
    old_rows, _ = sizes(new_day)
    assert old_rows > 7
    monkeypatch.setenv("INTERRUPT", f"kill:{point}")
    run_id = f"killed-{point.replace(' ', '-')}"
    killed = finished(
        job_process(
            "master", settings_uri=new_day.settings_uri, partition=new_day.partition, run_id=run_id, script=SCRIPT
        )
    )
    assert killed.code != 0
    assert sizes(new_day) == tuple({"old": old_rows, "new": 7}[state] for state in readers_have), killed.output
    if readers_have == ("old", "old"):
        assert readers_see(new_day.settings, new_day.partition) == before

    retried = run_job(
        "master", settings_uri=new_day.settings_uri, partition=new_day.partition, run_id=run_id, attempt=1
    )
    assert retried.code == 0, retried.output
    assert sizes(new_day) == (7, 7)


def test_of_two_runs_at_once_the_first_to_publish_stands(
    new_day: Day, run_job: InProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fifo = tmp_path / "go on"
    os.mkfifo(fifo)
    monkeypatch.setenv("INTERRUPT", f"wait:before the publishes:{fifo}")
    slower = job_process("master", settings_uri=new_day.settings_uri, partition=new_day.partition, script=SCRIPT)
    assert slower.stdout is not None
    said = []
    for line in slower.stdout:
        said.append(line)
        if WAITING in line:
            break
    assert slower.poll() is None, "".join(said)
    faster = run_job("master", settings_uri=new_day.settings_uri, partition=new_day.partition)
    assert faster.code == 0, faster.output
    published = readers_see(new_day.settings, new_day.partition)

    fifo.write_text("")
    ended = finished(slower)
    assert ended.code == 1
    assert re.search(
        rf"Conflict: final\.order_facts {new_day.partition}: expected to be the only run of this partition, found "
        r"another run that published it after this one had staged its rows; that one stands\. Nothing is lost\.",
        ended.output,
    ), ended.output
    assert readers_see(new_day.settings, new_day.partition) == published
