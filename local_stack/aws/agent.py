"""The EMR agent of every cluster: boots it, runs its steps as processes, ends it.

Its output goes where EMR puts it, <log uri>/<cluster>/steps/<step>/stderr.gz, when the step has ended. Does not
own: what a step's process is (container, yarn); the states themselves (emr).
"""

import gzip
import logging
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Protocol

import psutil
from moto.core.utils import utcnow

from local_stack.aws import disk_key, faults
from local_stack.aws.container import NotEmulated
from local_stack.aws.emr import ENDING, LOCK, Cluster, State, Step, StepState
from pipeline_assets.process import TiedProcess

BOOT_S = 1.0
PASS_S = 0.1
LOOK_S = 0.02  # for a process that is to be hit before it has done anything
OUTPUT = "stderr"
GRACE_S = 5.0  # between SIGTERM and SIGKILL, of SEND_INTERRUPT


class Runner(Protocol):
    @property
    def program(self) -> str:
        """In the name of the step's own process, once that is there."""

    def start(self, cluster: Cluster, step: Step, folder: Path) -> TiedProcess:
        """The step's process, in this folder, its output in the file OUTPUT there. Raises NotEmulated."""

    def logs(self, output: str) -> dict[str, bytes]:
        """What else a step with this output has logged, by its path under the cluster's logs."""

    def end(self, cluster: Cluster) -> None:
        """End what steps left behind on the cluster."""


@dataclass
class Agent:
    clusters: Callable[[], Iterable[Cluster]]
    runner: Runner
    folder: Path
    upload: Callable[[str, bytes], None]  # address, content
    _processes: dict[str, TiedProcess] = field(default_factory=dict)

    def start(self) -> None:
        Thread(target=self._loop, daemon=True, name="emr-agent").start()

    def _loop(self) -> None:
        while True:
            time.sleep(PASS_S)
            for cluster in list(self.clusters()):
                try:
                    with LOCK:
                        self._advance(cluster)
                except Exception:  # the thread's edge: one cluster's trouble is not the others'
                    logging.exception("cluster %s", cluster.id)

    def _advance(self, cluster: Cluster) -> None:
        now = time.monotonic()
        if cluster.state == State.STARTING and now - cluster.quiet_since > BOOT_S:
            for fault, (code, reason) in faults.BOOT_FAULTS.items():
                if faults.strikes(fault):
                    cluster.terminate(reason, code)
                    return
            if refused := disk_key.refusal(cluster):
                code, reason = refused
                cluster.terminate(reason, code)
                return
            cluster.state, cluster.quiet_since = State.WAITING, now
            cluster.ready_datetime = utcnow()
        self._cancel_what_is_to_be(cluster)
        running = [step for step in cluster.steps if step.state == StepState.RUNNING]
        if cluster.state == State.TERMINATING and not running:
            if any(step.state == StepState.CANCELLED for step in cluster.steps):
                self.runner.end(cluster)
            cluster.state = State.FAILED if cluster.ready_datetime is None else State.TERMINATED
            cluster.end_datetime = utcnow()
        if cluster.state not in (State.WAITING, State.RUNNING):
            return
        pending = [step for step in cluster.steps if step.state == StepState.PENDING]
        for step in pending[: max(0, cluster.step_concurrency_level - len(running))]:
            step.begin()
            running.append(step)
            Thread(target=self._run, args=(cluster, step), daemon=True).start()
        cluster.state = State.RUNNING if running else State.WAITING
        if running:
            cluster.quiet_since = now
        elif cluster.auto_terminate and cluster.steps:
            cluster.terminate("Steps completed", "ALL_STEPS_COMPLETED")
        elif cluster.idle_timeout_s and now - cluster.quiet_since > cluster.idle_timeout_s:
            cluster.terminate("Cluster was idle", "AUTO_TERMINATION")

    def _cancel_what_is_to_be(self, cluster: Cluster) -> None:
        for step in cluster.steps:
            ending = cluster.state in ENDING
            if not (step.cancel or ending):
                continue
            if step.state == StepState.PENDING:
                step.end(StepState.CANCELLED)
            elif step.state == StepState.RUNNING and (process := self._processes.get(step.id)):
                interrupted = getattr(step, "interrupted_at", None)
                if step.cancel == "SEND_INTERRUPT" and not ending and interrupted is None:
                    step.interrupted_at = time.monotonic()
                    process.interrupt()
                elif interrupted is None or time.monotonic() - interrupted > GRACE_S:
                    process.kill()

    def _run(self, cluster: Cluster, step: Step) -> None:
        folder = self.folder / cluster.id / "steps" / step.id
        folder.mkdir(parents=True)
        failure: dict[str, str] | None = None
        try:
            process = self.runner.start(cluster, step, folder)
            with LOCK:
                self._processes[step.id] = process
            _plant_faults(step, process, self.runner.program)
            code = process.wait()
        except NotEmulated as error:
            code, failure = 1, {"Reason": "Not emulated", "Message": str(error)}
        except Exception as error:  # an edge: the step fails and says why, the agent goes on
            logging.exception("step %s", step.id)
            code, failure = 1, {"Reason": "Unknown Error.", "Message": f"{type(error).__name__}: {error}"}
        log_file = self._keep_logs(cluster, step, folder)
        with LOCK:
            self._processes.pop(step.id, None)
            if step.cancel or cluster.state in ENDING:
                step.end(StepState.CANCELLED)
            elif code == 0:
                step.end(StepState.COMPLETED)
            else:
                # What EMR says of a spark-submit that ends with 1.
                step.end(StepState.FAILED, {"Reason": "Unknown Error.", **(failure or {}), "LogFile": log_file})
        shutil.rmtree(folder, ignore_errors=True)

    def _keep_logs(self, cluster: Cluster, step: Step, folder: Path) -> str:
        """To S3, whole; returns where the step's own is."""
        output = folder / OUTPUT
        content = output.read_bytes() if output.exists() else b""
        logs = {f"steps/{step.id}/stderr": content, **self.runner.logs(content.decode(errors="replace"))}
        base = f"{(cluster.log_uri or '').rstrip('/')}/{cluster.id}"
        for path, log in logs.items() if cluster.log_uri else ():
            try:
                self.upload(f"{base}/{path}.gz", gzip.compress(log))
            except Exception:  # as on EMR, a step does not fail for its log
                logging.exception("log of step %s", step.id)
        return f"{base}/steps/{step.id}/stderr.gz"


def _plant_faults(step: Step, process: TiedProcess, program: str) -> None:
    kill, hold = (faults.strikes(fault, step.name) for fault in faults.STEP_FAULTS)
    if not (kill or hold):
        return
    while process.poll() is None and not (tree := _command(process, program)):
        time.sleep(LOOK_S)
    if kill:
        process.kill()
    elif hold:
        for each in tree:
            each.suspend()


def _command(process: TiedProcess, program: str) -> list[psutil.Process]:
    """The step's own processes, once the program is among them."""
    tree = psutil.Process(process.pid).children(recursive=True)
    return tree if any(program in each.name() for each in tree) else []
