"""A day under torture: its two deliveries, what undisturbed runs of each show, and runs as processes or in one Spark.

Does not own: the stack and the Spark, which the caller has started.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import psutil

from emr_jobs.core.settings import Settings
from pipeline_assets.command import local_environment, local_submit
from pipeline_assets.home import ROOT
from pipeline_assets.process import TiedProcess
from tests.domains import LIBRARY
from tests.running import Day, Ended, InProcess, arguments_of
from tests.torture import LAST, Torn
from tests.torture.deliveries import NAMES, Delivery, two_deliveries
from tests.torture.moments import Moment, is_phase, phases_of
from tests.torture.readers import Known, read

TICK_S = 0.02
LEFT_S = 120  # for what is left of a job to notice that its other half was killed


class Victim(StrEnum):
    ALL = "all of it"
    JVM = "its JVM"
    DRIVER = "its Python"


@dataclass
class Process:
    """A job as a launcher starts it; it ends with whoever started it."""

    job: str
    run_id: str
    log: Path
    _tied: TiedProcess

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def lines(self) -> int:
        """Whole phase lines in its log so far."""
        return sum(line.endswith("\n") and is_phase(line) for line in self.output.splitlines(keepends=True))

    def ended(self) -> int | None:
        return self._tied.poll()

    def wait(self) -> Ended:
        return Ended(self._tied.wait(), self.output)

    def until(self, moment: Moment) -> None:
        """Returns earlier when it ends."""
        while self.ended() is None and self.lines < moment.lines:
            time.sleep(TICK_S)
        deadline = time.monotonic() + moment.delay_s
        while self.ended() is None and time.monotonic() < deadline:
            time.sleep(TICK_S)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        stopped = self._alive()
        for process in stopped:
            process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                process.resume()

    def kill(self, victim: Victim) -> None:
        """kill -9; returns when nothing of it runs. Raises Torn when what is left does not end by itself."""
        tree = self._alive()
        chosen = [process for process in tree if victim is not Victim.ALL and self._is(process, victim)]
        if not chosen:
            self._tied.kill()
            return
        for process in chosen:
            process.kill()
        try:
            self._tied.wait(LEFT_S)
        except subprocess.TimeoutExpired:
            self._tied.kill()
            raise Torn(f"{victim} was killed, and the rest ran on for {LEFT_S} s") from None
        deadline = time.monotonic() + LEFT_S
        while left := [process for process in tree if _runs(process)]:
            if time.monotonic() > deadline:
                for process in left:
                    process.kill()
                raise Torn(f"{victim} was killed, and after {LEFT_S} s there ran on: {left}")
            time.sleep(TICK_S)

    def end(self) -> None:
        """By force, when it still runs."""
        if self.ended() is None:
            self._tied.kill()

    def _alive(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._tied.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _is(self, process: psutil.Process, victim: Victim) -> bool:
        try:
            if victim is Victim.JVM:
                return process.name() == "java"
            program = [f"{ROOT}/{LIBRARY.job(self.job).script}", self.job]
            return process.name().startswith("python") and process.cmdline()[1:3] == program
        except psutil.NoSuchProcess:
            return False


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Bench:
    day: Day
    folder: Path  # for logs
    run_job: InProcess
    deliveries: dict[str, Delivery]
    known: Known = field(default_factory=Known)
    phases: dict[str, list[str]] = field(default_factory=dict)  # by job
    delivered_by: dict[str, str] = field(default_factory=dict)  # delivery by run id

    @property
    def settings(self) -> Settings:
        return self.day.settings

    def shown(self) -> dict[str, str]:
        """By job, whose delivery readers see of its datasets."""
        seen = read(self.settings, self.day.partition)
        names = {job.name: {self.known.name(dataset, seen[dataset]) for dataset in job.outputs} for job in LIBRARY.jobs}
        return {job: "/".join(sorted(of_job)) for job, of_job in names.items()}

    def bring_about(self, wanted: dict[str, str]) -> None:
        """Each job's datasets as an undisturbed run of that delivery leaves them."""
        shown = self.shown()
        if shown[LAST] != wanted[LAST]:
            shown = self._publish(shown, dict.fromkeys(shown, wanted[LAST]))
        self._publish(shown, wanted)

    def _publish(self, shown: dict[str, str], wanted: dict[str, str]) -> dict[str, str]:
        for job in LIBRARY.jobs:
            if shown[job.name] != wanted[job.name]:
                self.publish(job.name, wanted[job.name])
        return wanted

    def publish(self, job: str, delivery: str) -> Ended:
        ended = self.run(job, delivery)
        if ended.code != 0:
            raise Torn(f"{job} of {delivery}, undisturbed, ended with {ended.code}:\n{ended.output[-3000:]}")
        return ended

    def run(self, job: str, delivery: str, *, run_id: str | None = None, attempt: int = 0) -> Ended:
        """In the one Spark."""
        run_id = run_id or f"undisturbed-{len(self.delivered_by)}"
        self.delivered_by[run_id] = delivery
        uri = self.deliveries[delivery].settings_uri
        return self.run_job(job, settings_uri=uri, partition=self.day.partition, run_id=run_id, attempt=attempt)

    @contextmanager
    def process(self, job: str, delivery: str, *, run_id: str) -> Iterator[Process]:
        """Nothing of it runs after the block."""
        self.delivered_by[run_id] = delivery
        uri = self.deliveries[delivery].settings_uri
        arguments = arguments_of(job, settings_uri=uri, partition=self.day.partition, run_id=run_id, attempt=0)
        log = self.folder / f"{run_id}.log"
        with log.open("w") as output:
            command = local_submit(LIBRARY.job(job).script, arguments, self.settings.spark)
            tied = TiedProcess(command, env=local_environment(), cwd=ROOT, output=output)
        process = Process(job, run_id, log, tied)
        try:
            yield process
        finally:
            process.end()


@contextmanager
def bench(
    day: Day, folder: Path, run_job: InProcess, *, progress: Callable[[str], None] = lambda _: None
) -> Iterator[Bench]:
    """On that day's stack. Both deliveries have been published undisturbed; the first one stands."""
    with two_deliveries(day, folder) as deliveries:
        made = Bench(day, folder, run_job, {each.name: each for each in deliveries})
        for name in reversed(NAMES):
            for job in LIBRARY.jobs:
                progress(f"undisturbed: {job.name} of delivery {name}")
                made.phases[job.name] = phases_of(made.publish(job.name, name).output)
            made.known.days[name] = read(day.settings, day.partition)
        a, b = (made.known.days[name] for name in NAMES)
        alike = [dataset for dataset in a if a[dataset] == b[dataset]]
        assert not alike, f"the deliveries differ in every dataset, not so in {alike}"
        yield made
