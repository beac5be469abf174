"""Scenarios divided over worlds: in one in this process, or in several at once, each a process of its own.

Each process is told of one scenario a line on its stdin and answers with JSON lines: {"progress": …} or {"ended": …}.
It ends with its stdin, so also with its starter. A process, because a world's AWS is in its process's environment.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from typing import Any

import psutil

from emr_jobs.core.partition import Partition
from local_stack.sample import local_domain
from local_stack.simulation.scenarios import Ended, days_of, play
from local_stack.simulation.world import Jobs, world

GIB = 2**30
# Of one world with three steps at once.
WORLD_GIB = {Jobs.REAL: 6, Jobs.STUB: 1}
WORLD_CORES = {Jobs.REAL: 1, Jobs.STUB: 1}
LOG = "world.log"
SHOWN = 800  # of it


class WorldEnded(Exception):
    """A world's process ended before it was to; says how its log ends."""


@dataclass(frozen=True)
class Order:
    """What a world's process is told on its command line, as JSON."""

    home: str
    jobs: Jobs
    follow: bool
    yarn: bool
    days: dict[str, list[str]]  # by scenario

    @classmethod
    def parse(cls, text: str) -> "Order":
        values = json.loads(text)
        return cls(**{**values, "jobs": Jobs(values["jobs"])})


def that_fit(jobs: Jobs) -> int:
    """Worlds at once on this machine."""
    cores, memory = os.cpu_count() or 1, psutil.virtual_memory().available
    return max(1, min(cores // WORLD_CORES[jobs], int(memory / GIB / WORLD_GIB[jobs])))


def simulate(
    names: Sequence[str],
    home: Path,
    *,
    jobs: Jobs = Jobs.REAL,
    worlds: int = 1,
    follow: bool = False,
    yarn: bool = False,
    progress: Callable[[str], None],
    ended: Callable[[Ended], None],
) -> None:
    """Run them, each once; tells how each ended, as they end. `follow`: Dagster must have seen it alike.

    `yarn`: real jobs' steps run on YARN. Raises WorldEnded.
    """
    days = days_of(names, now=datetime.now(UTC))
    if (several := min(worlds, len(names))) > 1:
        _in_processes(days, home, several, jobs=jobs, follow=follow, yarn=yarn, progress=progress, ended=ended)
        return
    with _made(home, days, jobs=jobs, follow=follow, yarn=yarn, progress=progress) as made:
        for name in names:
            progress(name)
            ended(play(made, name, days[name]))


def _made(
    home: Path,
    days: dict[str, list[Partition]],
    *,
    jobs: Jobs,
    follow: bool,
    yarn: bool,
    progress: Callable[[str], None],
) -> Any:
    all_days = [day for each in days.values() for day in each]
    return world(home, days=all_days, jobs=jobs, follow=follow, yarn=yarn, progress=progress)


def _in_processes(
    days: dict[str, list[Partition]],
    home: Path,
    worlds: int,
    *,
    jobs: Jobs,
    follow: bool,
    yarn: bool,
    progress: Callable[[str], None],
    ended: Callable[[Ended], None],
) -> None:
    waiting = deque(sorted(days, key=lambda name: -len(days[name])))  # long ones first
    now: dict[int, str] = {}

    def show(number: int, what: str) -> None:
        now[number] = what
        progress(", ".join(text for _, text in sorted(now.items())))

    def run(number: int, process: "subprocess.Popen[str]", log: Path) -> None:
        assert process.stdin is not None
        while waiting:
            name = waiting.popleft()
            print(name, file=process.stdin, flush=True)
            for event in _events(process):
                if "ended" in event:
                    found = event["ended"]
                    ended(Ended(**{**found, "said": tuple(found["said"])}))
                    break
                show(number, event["progress"])
            else:
                raise WorldEnded(f"the world of {name} ended; its log ends with:\n{log.read_text()[-SHOWN:]}")
        show(number, "done")

    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(worlds))
        runs = []
        for number in range(worlds):
            place = home / f"world-{number + 1}"
            order = Order(str(place), jobs, follow, yarn, {name: [str(day) for day in days[name]] for name in days})
            process = stack.enter_context(_process(order))
            runs.append(pool.submit(run, number, process, place / LOG))
        for each in as_completed(runs):
            each.result()


@contextmanager
def _process(order: Order) -> Iterator["subprocess.Popen[str]"]:
    """Of one world; it and what it started have ended at the end of the block."""
    place = Path(order.home)
    place.mkdir(parents=True)
    with (place / LOG).open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_stack.simulation.worlds", json.dumps(asdict(order))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C reaches it through its stdin
        )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait()


def _events(process: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def _serve(order: Order) -> None:
    calendar = local_domain().calendar
    days = {name: [calendar.partition(day) for day in each] for name, each in order.days.items()}
    names: Queue[str] = Queue()
    threading.Thread(target=_listen, args=(names,), daemon=True).start()

    def progress(what: str) -> None:
        _tell({"progress": what})

    place = Path(order.home)
    with _made(place, days, jobs=order.jobs, follow=order.follow, yarn=order.yarn, progress=progress) as made:
        while True:
            name = names.get()
            progress(name)
            _tell({"ended": asdict(play(made, name, days[name]))})


def _listen(names: "Queue[str]") -> None:
    """Until the starter lets go of stdin: then everything ends, whatever it is at."""
    for line in sys.stdin:
        names.put(line.strip())
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _tell(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)  # noqa: T201  # the protocol with the starter


if __name__ == "__main__":
    try:
        _serve(Order.parse(sys.argv[1]))
    except KeyboardInterrupt:
        os._exit(0)  # all services are down; DuckDB's own teardown would take three seconds more
