"""A command as a whole: seconds, CPU of everything that it started, the most memory that this had at once.

    python -m bench.measure FIGURES.json COMMAND ...

Started as a process of its own, which adopts what the command leaves behind, so that nothing goes uncounted: Dagster's
server of steps outlives whoever forked it, and its CPU with it. Linux only.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_SAMPLE_S = 0.25


class Failed(Exception):
    """What the command printed last."""


@dataclass(frozen=True)
class Figures:
    wall_s: float
    cpu_s: float
    peak_mb: float  # shared pages are shared out (PSS)


def measured(command: Sequence[str], *, env: dict[str, str], log: Path) -> Figures:
    """Raises Failed when the command ends with another code than 0."""
    with TemporaryDirectory() as folder, log.open("w") as output:
        figures = Path(folder) / "figures.json"
        ended = subprocess.run(
            [sys.executable, "-m", "bench.measure", str(figures), *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
            check=False,
        )
        if ended.returncode != 0:
            raise Failed(f"{command[0]} ended with {ended.returncode}: {log.read_text()[:2000]}")
        return Figures(**json.loads(figures.read_text()))


def _main(figures: Path, command: Sequence[str]) -> int:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    peak = _Peak()
    started = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    wall = time.monotonic() - started
    with suppress(ChildProcessError):
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures.write_text(json.dumps(asdict(Figures(wall, used.ru_utime + used.ru_stime, peak.mb))))
    return code


class _Peak:
    def __init__(self) -> None:
        self.mb = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        this = psutil.Process()
        while True:
            total = 0
            for each in this.children(recursive=True):
                with suppress(psutil.Error):
                    total += each.memory_full_info().pss
            self.mb = max(self.mb, total / 2**20)
            time.sleep(_SAMPLE_S)


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), sys.argv[2:]))
