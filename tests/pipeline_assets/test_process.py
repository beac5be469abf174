"""A tied process never outlives its starter, and its tree ends as a whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pipeline_assets.process import TiedProcess

pytestmark = pytest.mark.usefixtures("processes")

# A tree with a grandchild that left its process group, as PySpark's worker daemon does.
TREE = (
    "import os, subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], start_new_session=True)\n"
    "open(sys.argv[1], 'w').write(f'{os.getpid()} {child.pid}')\n"
    "import signal; signal.pause()\n"
)


def members(fifo: Path) -> list[psutil.Process]:
    return [psutil.Process(int(pid)) for pid in fifo.read_text().split()]


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "pids"
    os.mkfifo(path)
    return path


def test_exit_code_is_that_of_the_command() -> None:
    assert TiedProcess(["sh", "-c", "exit 7"]).wait() == 7


def test_kill_ends_the_whole_tree(fifo: Path) -> None:
    process = TiedProcess([sys.executable, "-c", TREE, str(fifo)])
    tree = members(fifo)
    process.kill()
    assert [each for each in tree if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []


def test_a_starter_that_is_killed_takes_the_command_along_and_its_folder(fifo: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "its scratch"
    (scratch / "blockmgr").mkdir(parents=True)
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from pipeline_assets.process import TiedProcess; "
            "TiedProcess(sys.argv[2:], scratch=Path(sys.argv[1])).wait()",
            str(scratch),
            *[sys.executable, "-c", TREE.replace("start_new_session=True", "start_new_session=False"), str(fifo)],
        ]
    )
    tree = members(fifo)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    _, alive = psutil.wait_procs(tree, timeout=30)
    assert alive == []
    assert not scratch.exists()
