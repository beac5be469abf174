"""What forks the jobs and answers for them, with jobs and a Spark that the test scripts."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest

from pipeline_assets.driver import running as driver
from pipeline_assets.driver import server

pytestmark = pytest.mark.usefixtures("processes")

PATIENCE_S = 20
FORK = get_context("fork")
RUN = "run-0123456789"


def scripted(arguments: list[str], output: list[int], group: str) -> None:
    """A job that ends with a code once whoever opens its fifo has closed it."""
    fifo, code = arguments
    with open(fifo) as until:
        until.read()
    sys.exit(int(code))


def spark_that_is_there(commands: Connection) -> None:
    with suppress(EOFError):
        while True:
            commands.recv()
            commands.send(None)


def spark_that_is_going(commands: Connection) -> None:
    commands.recv()


def serve(folder: Path, stdin: int, jvms_end: int) -> None:
    os.close(jvms_end)
    server._run_job = scripted
    os.dup2(stdin, 0)
    sys.stdin = os.fdopen(0, closefd=False)
    ours, keepers = FORK.Pipe()
    target = spark_that_is_going if (folder / "going").exists() else spark_that_is_there
    keeper = FORK.Process(target=target, args=(keepers,), daemon=True)
    keeper.start()
    keepers.close()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "1" / server.SOCKET))
        listener.listen()
        server._Server(listener, keeper, ours).serve()


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with TemporaryDirectory() as short:  # sockets' paths end at 104 bytes
        monkeypatch.setenv("SPARK_LOCAL_DIRS", short)
        monkeypatch.setattr(driver, "_END_S", 10 * PATIENCE_S)  # who waits in vain does so for good
        (driver.scratch_path(RUN) / "1").mkdir(parents=True)
        yield driver.scratch_path(RUN)


@pytest.fixture
def jvm(folder: Path) -> Iterator[None]:
    """What the server ends with."""
    read, write = os.pipe()
    serving = FORK.Process(target=serve, args=(folder, read, write))
    serving.start()
    os.close(read)
    yield
    os.close(write)
    serving.join()


class Asked(Thread):
    def __init__(self, fifo: Path, code: int = 0) -> None:
        super().__init__(daemon=True)
        os.mkfifo(fifo)
        self._fifo = fifo
        self._code = code
        self.answer: int | str | None = None
        self.start()

    def run(self) -> None:
        try:
            self.answer = driver.run_job(RUN, [str(self._fifo), str(self._code)], timeout_s=PATIENCE_S)
        except driver.DriverEnded as ended:
            self.answer = str(ended)

    def goes_on(self) -> int:
        """Returns once its process is there, which ends when what is returned is closed."""
        return os.open(self._fifo, os.O_WRONLY)


@pytest.mark.usefixtures("jvm")
def test_an_answer_does_not_wait_for_jobs_that_were_forked_later(folder: Path) -> None:
    first = Asked(folder / "first", 3)
    of_first = first.goes_on()
    second = Asked(folder / "second")
    of_second = second.goes_on()
    os.close(of_first)
    first.join(PATIENCE_S)
    assert first.answer == 3
    assert second.answer is None
    os.close(of_second)
    second.join()
    assert second.answer == 0


def test_a_job_that_fails_as_spark_goes_is_said_to_have_ended_with_it(folder: Path) -> None:
    (folder / "going").touch()
    read, write = os.pipe()
    serving = FORK.Process(target=serve, args=(folder, read, write))
    serving.start()
    failing = Asked(folder / "failing", 1)
    of_failing = failing.goes_on()
    (folder / "1" / "ended").write_text("Spark ended with exit code 52")  # which its keeper would say
    os.close(of_failing)
    failing.join()
    serving.join()
    os.close(read)
    os.close(write)
    assert failing.answer == "Spark ended with exit code 52 while it ran the job"


def test_a_job_that_ends_as_its_asker_leaves_is_answered_once() -> None:
    process = FORK.Process(target=int)
    process.start()
    process.join()
    ours, theirs = socket.socketpair()
    commands, _ = FORK.Pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        forked = server._Server(listener, process, commands)
        asked = server._Asked(ours, process, "job 1")
        for each in (ours, process.sentinel):
            forked._selector.register(each, 1, asked)
        forked._answer(asked)
        forked._answer(asked)
    assert theirs.recv(10) == b"0\n"
    assert theirs.recv(10) == b""
