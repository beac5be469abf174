"""The Spark driver of a run on this machine: kept by the process of the run, asked by its steps.

    <temporary>/pipeline-spark-<run>/            readable by nobody else, gone with the process that keeps it
        1/socket                                 there once jobs can be asked for (server)
        1/ended                                  why there is nothing to ask any more
        2/                                       the next driver, when the first has died

Spark that dies while it runs jobs is started again, for these to be repeated; Spark that does not start is not. Does
not own: what runs inside (server), the repetition of a job (Dagster's retry policy).
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import IO, Any

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Settings

from pipeline_assets.command import local_environment, local_submit, scratch_folder_of, scratch_path
from pipeline_assets.driver.server import NOT_STARTED, SOCKET
from pipeline_assets.home import write_whole
from pipeline_assets.process import TiedProcess

SCRIPT = "pipeline_assets/driver/server.py"
_ENDED = "ended"
_LOG = "log"
_PRINTS_TO = (1, 2)  # stdout and stderr, whatever Python's own are at the moment
_POLL_S = 0.05
_END_S = 15  # of Spark that is told to end, and of a job that is killed
_LONGEST_PATH = 100  # of a socket; systems end at 104 bytes and more


class DriverEnded(Exception):
    """Spark died while it ran the job."""


class NotStarted(Exception):
    """There is no Spark, and there will be none; says why."""


@contextmanager
def kept(run: str, settings: Settings, settings_uri: str, *, log: Path | None = None) -> Iterator[None]:
    """A driver for the steps of this run, until the end of the block; nothing to do where one is kept for it already.

    `log`: a file for Spark's own lines, which by default go where this process's go.
    """
    if scratch_path(run).exists():
        yield
        return
    with scratch_folder_of(run) as folder, _appended(log) as output:
        (folder / _LOG).write_text(str(log) if log else "the log of the run")
        keeper = _Keeper(folder, settings, settings_uri, output)
        try:
            yield
        except BaseException:  # a run that is cancelled goes on with nothing
            keeper.end(at_once=True)
            raise
        keeper.end()


@contextmanager
def _appended(log: Path | None) -> Iterator[IO[Any] | None]:
    if log is None:
        yield None
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        yield file


def run_job(run: str, arguments: Sequence[str], *, timeout_s: float) -> int:
    """The exit code of a job in the driver that is kept for the run, which prints where this process prints.

    However this ends, the job's process has ended, and nothing follows the call of Spark in which it was. `timeout_s`
    has the start of Spark in it. Raises NotStarted, DriverEnded, subprocess.TimeoutExpired.
    """
    until = time.monotonic() + timeout_s
    said = json.dumps(list(arguments)).encode() + b"\n"
    try:
        generation, line = _line_to(scratch_path(run), until)
        with line:
            try:
                sent = socket.send_fds(line, [said], _PRINTS_TO)
                line.sendall(said[sent:])
                line.settimeout(max(0.001, until - time.monotonic()))
                answer = line.recv(100)
            except ConnectionError:
                answer = b""
            finally:
                _hang_up(line)
    except TimeoutError as late:
        raise TimeoutExpired(list(arguments), timeout_s) from late
    if not answer:
        raise DriverEnded(f"{_why(generation)} while it ran the job")
    code = json.loads(answer)
    if code is NOT_STARTED:
        raise DriverEnded("the driver could make no process for the job")
    return int(code)


def where_spark_prints(run: str) -> str:
    """Of the driver that is kept for the run: for whoever looks for the reason."""
    return (scratch_path(run) / _LOG).read_text()


class _Keeper:
    def __init__(self, folder: Path, settings: Settings, settings_uri: str, output: IO[Any] | None) -> None:
        self._folder = folder
        self._settings = settings
        self._uri = settings_uri
        self._output = output
        self._number = 0
        self._over = False
        self._changing = threading.Lock()  # what the process is, and whether it is over
        self._process = self._start()
        self._watch = threading.Thread(target=self._again_whenever_it_dies, name="driver", daemon=True)
        self._watch.start()

    def end(self, *, at_once: bool = False) -> None:
        """Unless at once, Spark's exit hooks run: it closes the logs that the settings may ask for."""
        with self._changing:
            self._over = True
        if not at_once:
            self._process.interrupt()
            with suppress(TimeoutExpired):
                self._process.wait(_END_S)
        self._process.kill()
        self._watch.join()

    def _start(self) -> TiedProcess:
        self._number += 1
        generation = self._folder / str(self._number)
        generation.mkdir()
        command = local_submit(SCRIPT, [str(generation), self._uri], self._settings.spark, self._folder)
        return TiedProcess(command, env=local_environment(self._folder), output=self._output, scratch=self._folder)

    def _again_whenever_it_dies(self) -> None:
        while True:
            process, generation = self._process, self._folder / str(self._number)
            code = process.wait()
            with self._changing:
                if self._over:
                    return
                write_whole(generation / _ENDED, f"Spark ended with exit code {code}")
                if not (generation / SOCKET).exists():
                    return
                self._process = self._start()


def _line_to(folder: Path, until: float) -> tuple[Path, socket.socket]:
    """A connection to the newest driver, once it listens. Raises TimeoutError."""
    while True:
        # The JVM has its folders there too, a recording's begins with a date.
        generation = max((each for each in folder.glob("*") if each.name.isdecimal()), key=_number, default=None)
        if generation is None or folder.stat().st_uid != os.getuid():
            raise NotStarted(f"nobody keeps a Spark driver for this run in {folder}")
        address = str(generation / SOCKET)
        if len(os.fsencode(address)) > _LONGEST_PATH:
            raise Misconfigured(f"{address}: a socket's path has at most {_LONGEST_PATH} bytes; shorten TMPDIR")
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(address)
            return generation, line
        except (FileNotFoundError, ConnectionError):
            line.close()
        if (generation / _ENDED).exists() and not (generation / SOCKET).exists():
            where = (folder / _LOG).read_text()
            raise NotStarted(
                f"{_why(generation)} before it had started; why, stands in {where}. What this machine lacks: "
                "pipeline doctor"
            )
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(_POLL_S)


def _number(generation: Path) -> int:
    return int(generation.name)


def _hang_up(line: socket.socket) -> None:
    """Whoever ran the job answers when it is over; there is nobody when the answer is there, or Spark has gone."""
    with suppress(OSError):
        line.shutdown(socket.SHUT_WR)
        line.settimeout(_END_S)
        while line.recv(100):
            pass


def _why(generation: Path) -> str:
    """The keeper knows as soon as the kernel has told it."""
    until = time.monotonic() + _END_S
    while not (generation / _ENDED).exists() and time.monotonic() < until:
        time.sleep(_POLL_S)
    with suppress(FileNotFoundError):
        return (generation / _ENDED).read_text()
    return "Spark ended"
