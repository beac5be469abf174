"""`pipeline run`: what it passes on to the jobs, and what stays of it when it is cancelled."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import psutil
import pytest

from pipeline_assets.home import dagster_home
from pipeline_assets.invocations import end_abandoned
from tests.running import Day, finished, pipeline, pipeline_process, readers_see

EMPTY_DAY = "2026-11-18"  # nothing was delivered for it


def test_an_empty_day_that_was_asked_for_is_published_with_a_note(published_day: Day) -> None:
    ended = pipeline(
        *("run", "--partition", EMPTY_DAY, "--select", "staged.loans", "--allow-empty", "--json"),
        home=published_day.home,
    )
    assert ended.code == 0, ended.output
    outcome = json.loads(ended.output)
    assert outcome["success"] is True
    assert list(outcome["jobs"]) == ["extract_loans"]  # a selection widens to the whole job
    assert {name: each["rows"] for name, each in outcome["datasets"].items()} == {
        "staged.rejected_loans": 0,
        "staged.loans": 0,
    }
    notes = [note for each in outcome["datasets"].values() for note in each["notes"]]
    assert notes == ["row_count: empty day, asked for with --allow-empty"]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """With a short path, unlike tmp_path: Dagster's processes have sockets in it, whose paths end at 108 bytes."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGKILL], ids=lambda how: how.name)
def test_a_run_that_is_ended_leaves_no_process_no_spills_and_no_run_that_seems_to_go_on(
    published_day: Day, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    """SIGHUP: its terminal was closed. What is cancelled on purpose ends in the same way (test_emr)."""
    before = readers_see(published_day.settings, published_day.partition)
    history = tmp_path / "history"
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        url = f"http://127.0.0.1:{never_answers.getsockname()[1]}"
        uri = published_day.settings_with(tmp_path, connections_club={"url": url})
        running = pipeline_process(
            *("run", "--partition", published_day.partition, "--select", "extract_reviews", "--settings", uri),
            home=published_day.home,
            env={"TMPDIR": str(temporary), "DAGSTER_HOME": str(history)},
        )
        connection, _ = never_answers.accept()  # the job has come as far as its first request
        tree = psutil.Process(running.pid).children(recursive=True)
        assert [process for process in tree if "java" in process.name()]
        assert [folder.name[:14] for folder in temporary.glob("*spark*")] == ["pipeline-spark"]
        running.send_signal(how)
        ended = finished(running)
        connection.close()
    _, alive = psutil.wait_procs(tree, timeout=60)
    assert alive == []
    assert ended.code != 0
    assert "Traceback" not in ended.output
    assert list(temporary.glob("*spark*")) == []
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home(history)))
    with dg.DagsterInstance.get() as instance:
        abandoned = end_abandoned(instance)
        (run,) = instance.get_runs()
        assert run.is_finished
        told = f"run {run.run_id} of {published_day.partition} is ended: the process that ran it is gone"
        assert abandoned == ([told] if how is signal.SIGKILL else [])
        assert end_abandoned(instance) == []
    assert readers_see(published_day.settings, published_day.partition) == before
