"""The local stack leaves nothing behind, however it ends."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_stack import sample
from pipeline_assets.home import stack_is_running
from tests.domains import LIBRARY
from tests.running import finished, pipeline, pipeline_process, typed

PATIENCE_S = 60


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    sample.generate(folder, partition=LIBRARY.calendar.partition("2026-11-21"), rows=20)
    return folder


def members(home: Path) -> list[psutil.Process]:
    """Every process that names this home on its command line."""
    return [process for process in psutil.process_iter() if any(str(home) in part for part in _command(process))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def home(tmp_path: Path, processes: None) -> Iterator[Path]:
    yield tmp_path / "home"
    for process in members(tmp_path / "home"):
        process.kill()


def up(home: Path, data: Path) -> list[psutil.Process]:
    ended = typed("stack", "up", "--data", str(data), home=home)
    assert ended.code == 0, ended.err
    return started(home)


def started(home: Path) -> list[psutil.Process]:
    running = members(home)
    assert len(running) >= 2, "the supervisor and OpenSearch"
    return running


def test_down_leaves_nothing(home: Path, data: Path) -> None:
    ended = pipeline("stack", "up", "--data", str(data), home=home)
    assert ended.code == 0, ended.output
    running = started(home)
    again = typed("stack", "up", "--data", str(data), home=home)
    assert (again.code, "the stack runs already" in again.err) == (1, True)
    assert pipeline("stack", "down", home=home).output == "stopped\n"
    assert [process for process in running if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []
    assert typed("stack", "down", home=home).out == "no stack was running\n"


def test_a_killed_supervisor_takes_everything_along(home: Path, data: Path) -> None:
    running = up(home, data)
    (supervisor,) = [process for process in running if "local_stack.stack" in _command(process)]
    supervisor.kill()
    _, alive = psutil.wait_procs(running, timeout=PATIENCE_S)
    assert alive == []
    assert not stack_is_running(home)


def test_ctrl_c_during_the_start_leaves_nothing(home: Path, data: Path) -> None:
    starting = pipeline_process("stack", "up", "--data", str(data), home=home)
    while not any("OpenSearchRunner" in part for each in members(home) for part in _command(each)):
        assert starting.poll() is None
    running = members(home)
    starting.send_signal(signal.SIGINT)
    ended = finished(starting)
    assert ended.code != 0
    assert "Traceback" not in ended.output
    _, alive = psutil.wait_procs(running, timeout=PATIENCE_S)
    assert alive == []


def test_a_stack_that_cannot_start_says_why_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    ended = typed("stack", "up", "--data", str(tmp_path), home=home)
    assert (ended.code, ended.out) == (1, "")
    assert "no <SCHEMA.TABLE>.parquet in it" in ended.err
    assert members(home) == []


def test_a_running_stack_serves_a_day_that_comes_and_says_what_it_cannot_serve(home: Path, tmp_path: Path) -> None:
    def sampled(day: str, rows: int) -> str:
        ended = typed("stack", "sample", str(folder), "--partition", day, "--rows", str(rows), home=home)
        assert ended.code == 0, ended.err
        return ended.out

    def records(source: str) -> int:
        ended = typed("source", "try", source, "--partition", "2026-11-21", "--limit", "50", "--json", home=home)
        assert ended.code == 0, ended.err
        return json.loads(ended.out)["records"]

    folder = tmp_path / "data"
    assert f"pipeline stack up --data {folder}" in "".join(sampled("2026-11-20", 20).split("\n"))
    up(home, folder)
    assert (records("http.reviews"), records("snowflake.members")) == (0, 4)
    assert "served    by the stack that runs" in sampled("2026-11-21", 50)
    reviews = json.loads((folder / "truth.json").read_text())["reviews"]
    assert (records("http.reviews"), records("snowflake.members")) == (reviews, 10)

    (broken,) = (folder / "snowflake").iterdir()
    broken.write_bytes(b"half a file")
    refused = typed("stack", "load", home=home)
    assert (refused.code, broken.name in refused.err) == (1, True)
    assert (records("http.reviews"), records("snowflake.members")) == (reviews, 10)
    assert typed("stack", "down", home=home).code == 0
    assert "no stack is running. Start it: pipeline stack up" in typed("stack", "load", home=home).err


def test_secrets_of_the_stack_are_for_their_owner_alone(home: Path, data: Path) -> None:
    up(home, data)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (home / "secrets").iterdir()}
    assert modes == {"office-key": "0o600", "club-key": "0o600"}
    values = [path.read_text().strip() for path in (home / "secrets").iterdir()]
    arguments = [part for process in members(home) for part in _command(process)]
    assert not [value for value in values if any(value in part for part in arguments)]
    assert typed("stack", "down", home=home).code == 0
