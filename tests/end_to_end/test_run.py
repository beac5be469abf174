"""`pipeline run`: what it passes on to the jobs, and what stays of it when it is cancelled."""

import json
import signal
import socket
from pathlib import Path

import psutil

from tests.running import Day, finished, pipeline, pipeline_process, readers_see

EMPTY_DAY = "2026-11-18"  # nothing was delivered for it


def test_an_empty_day_that_was_asked_for_is_published_with_a_note(published_day: Day) -> None:
    ended = pipeline(
        *("run", "--partition", EMPTY_DAY, "--select", "intermediate.order_items", "--allow-empty", "--json"),
        home=published_day.home,
    )
    assert ended.code == 0, ended.output
    outcome = json.loads(ended.output)
    assert outcome["success"] is True
    assert list(outcome["jobs"]) == ["extract_orders"]  # a selection widens to the whole job
    assert {name: each["rows"] for name, each in outcome["datasets"].items()} == {
        "intermediate.rejected_orders": 0,
        "intermediate.orders": 0,
        "intermediate.order_items": 0,
    }
    notes = [note for each in outcome["datasets"].values() for note in each["notes"]]
    assert notes == ["row_count: empty day, asked for with --allow-empty"] * 2


def test_cancelling_ends_every_process_of_the_run(published_day: Day, tmp_path: Path) -> None:
    before = readers_see(published_day.settings, published_day.partition)
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        url = f"http://127.0.0.1:{never_answers.getsockname()[1]}/v1/shipments"
        uri = published_day.settings_with(tmp_path, sources_shipments={"url": url})
        running = pipeline_process(
            *("run", "--partition", published_day.partition, "--select", "extract_shipments", "--settings", uri),
            home=published_day.home,
        )
        connection, _ = never_answers.accept()  # the job has come as far as its first request
        tree = psutil.Process(running.pid).children(recursive=True)
        assert [process for process in tree if "java" in process.name()]
        running.send_signal(signal.SIGINT)
        ended = finished(running)
        connection.close()
    _, alive = psutil.wait_procs(tree, timeout=60)
    assert alive == []
    assert ended.code != 0
    assert "Traceback" not in ended.output
    assert readers_see(published_day.settings, published_day.partition) == before
