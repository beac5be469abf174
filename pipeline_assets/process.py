"""A child process that never outlives its starter, and whose whole tree ends on demand.

A shell between the two waits on a pipe from the starter, which the kernel closes even after kill -9, and then
kills what it started, with the folder that it wrote to. Works on Linux and macOS alike.
"""

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

# Once it kills, the reaper does not hear that the command has ended.
_TIED = r"""
scratch=$1; shift
exec 3<&0
"$@" </dev/null 3<&- & child=$!
(cat <&3 >/dev/null; trap '' TERM; kill -9 $child; test -z "$scratch" || rm -rf "$scratch"; kill -9 0) \
    2>/dev/null & reaper=$!
exec 3<&-
wait $child; status=$?
kill $reaper 2>/dev/null
exit $status
"""


def end_with_starter() -> None:
    """From now on this process, a step, is interrupted as by Ctrl-C once the process that runs it is gone."""
    starter = multiprocessing.parent_process()
    if starter is None:  # in the process of the run itself
        return

    def wait() -> None:
        starter.join()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


class TiedProcess:
    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        output: IO[Any] | None = None,
        scratch: Path | None = None,
    ) -> None:
        """`output` takes stdout and stderr; None: this process's own. `scratch` is removed when the starter is gone."""
        self._shell = subprocess.Popen(
            ["sh", "-c", _TIED, "tied", str(scratch or ""), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output and subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,  # the tree is a process group of its own, out of reach of Ctrl-C
        )

    @property
    def pid(self) -> int:
        return self._shell.pid

    def poll(self) -> int | None:
        return self._shell.poll()

    def wait(self, timeout_s: float | None = None) -> int:
        """The command's exit code. Raises subprocess.TimeoutExpired."""
        code = self._shell.wait(timeout_s)
        assert self._shell.stdin is not None
        self._shell.stdin.close()  # lets go of the reaper
        return code

    def kill(self) -> None:
        """End the whole tree at once. PySpark's worker daemon has a group of its own, so the tree is walked.

        The shell goes last: it collects the command's exit, which would otherwise wait for init.
        """
        try:
            tree = psutil.Process(self._shell.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            tree = []
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.wait()
        while any(_runs(process) for process in tree):
            time.sleep(0.01)

    def interrupt(self) -> None:
        """Ask the command to end; its exit hooks run."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._shell.pid).children():
                child.terminate()

    def end_gently(self) -> int:
        """Ask the command to end and wait until it has."""
        self.interrupt()
        return self.wait()


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
