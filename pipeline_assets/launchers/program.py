"""Runs one program of the jobs' code for a verb: spark-submit here, or the only step of an EMR cluster made for it.

Here, where the settings have Spark's jars; on EMR, where they have none and the lake is in Glue, as those of a
deployment. What the program reports is recorded beside the jobs' own messages and said while it comes. The cluster ends
with the verb, however that ends; after kill -9 by EMR itself once it is idle. Does not own: the command line of a job
(command), the step (emr.steps), the cluster (emr.lease).
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import dagster as dg
from emr_jobs.catalog import Job
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Settings

from pipeline_assets.command import emr_submit, local_environment, local_submit, scratch_folder
from pipeline_assets.emr import clusters, step_logs
from pipeline_assets.emr.lease import lease
from pipeline_assets.emr.steps import RunningStep, Step
from pipeline_assets.home import dagster_home
from pipeline_assets.messages_on_s3 import prefix
from pipeline_assets.process import TiedProcess
from pipeline_assets.s3 import Folder
from pipeline_assets.shipping.launched import shipped_package, shipped_settings

POLL_S = 0.2
LOG_TAIL_CHARS = 3000

Say = Callable[[str], None]
Facts = Mapping[str, Any]


class ProgramFailed(Exception):
    """Says why: the program's own sentence, else what is known of its end."""


@dataclass(frozen=True)
class Program:
    """`arguments` are made of the address of the settings, the run's id and where its messages go."""

    job: Job
    arguments: Callable[[str, str, str], Sequence[str]]
    reports_as: str  # the job of whose name its messages are


def run(program: Program, settings: Settings, settings_uri: str, *, say: Say) -> list[Facts]:
    """What it reported. Raises ProgramFailed."""
    run_id = f"{program.job.name}-{uuid4().hex[:12]}"
    if settings.spark.jars is None and settings.lake.catalog == "glue":
        return _on_emr(program, settings, settings_uri, run_id, say)
    return _here(program, settings, settings_uri, run_id, say)


def _here(program: Program, settings: Settings, settings_uri: str, run_id: str, say: Say) -> list[Facts]:
    with scratch_folder() as scratch:
        log = scratch / "log"
        recorded = _Heard(_Lines(scratch / run_id / program.reports_as / "0" / "messages.jsonl"), say)
        arguments = program.arguments(settings_uri, run_id, str(scratch))
        command = local_submit(program.job.script, arguments, settings.spark, scratch)
        with log.open("wb") as output:
            process = TiedProcess(command, env=local_environment(scratch), output=output, scratch=scratch)
            try:
                until = time.monotonic() + program.job.timeout_s
                while process.poll() is None and time.monotonic() < until:
                    recorded.hear()
                    time.sleep(POLL_S)
                code = process.poll()
            finally:  # also by Ctrl-C
                process.kill()
        recorded.hear()
        if code != 0:
            end = f"ended with exit code {code}" if code is not None else f"not done after {program.job.timeout_s} s"
            raise ProgramFailed(recorded.failed or f"{end}\n{log.read_text(errors='replace')[-LOG_TAIL_CHARS:]}")
        return recorded.facts


def _on_emr(program: Program, settings: Settings, settings_uri: str, run_id: str, say: Say) -> list[Facts]:
    emr = clusters.emr_settings(settings)
    if settings.production and settings.production.runtime_roles:
        raise Misconfigured(
            f"{program.job.name}: with runtime_roles the instances of a cluster of its own may not read the lake"
        )
    messages = Folder(f"{settings.runs.uri}/{prefix(run_id, program.reports_as, 0)}")
    recorded = _Heard(_Objects(messages), say)
    arguments = program.arguments(shipped_settings(settings, settings_uri, emr), run_id, f"{settings.runs.uri}/pipes")
    submit = emr_submit(program.job, arguments, shipped_package(settings, log=say), settings.aws)
    with dg.DagsterInstance.from_config(str(dagster_home())) as instance:
        cluster = lease(settings, instance, run_id, log=say)
        try:
            step = RunningStep.add(program.job.name, submit, cluster, emr)
            say(f"step {step.id} on cluster {step.cluster_id}: {step.console()}")
            failure = _waited(step, program.job, recorded, say)
        finally:
            for cluster_id in cluster.terminate():
                say(f"cluster {cluster_id} is ending")
    if failure and recorded.failed is None:
        failure += f"\n{step_logs.tail(emr, step.cluster_id, step.id, program.job)}"
    if failure:
        raise ProgramFailed(recorded.failed or failure)
    return recorded.facts


def _waited(step: RunningStep, job: Job, recorded: "_Heard", say: Say) -> str | None:
    states: list[str] = []

    def look(found: Step) -> None:
        recorded.hear()
        if [found.state] != states[-1:]:
            states.append(found.state)
            say(f"step {found.id} is {found.state}")

    try:
        return step.wait(job, seen=look)
    except dg.Failure as refused:  # the cluster, by EMR
        return str(refused.description)
    finally:  # also by Ctrl-C
        step.cancel_unless_ended(recorded.application)
        recorded.hear()


class _Recorded(Protocol):
    def new(self) -> Iterator[str]:
        """Whole messages since the last call."""


@dataclass
class _Lines:
    path: Path
    _read: int = 0

    def new(self) -> Iterator[str]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            whole, _, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + 1 if whole else 0
        yield from whole.decode().splitlines()


@dataclass
class _Objects:
    folder: Folder
    _next: int = 1

    def new(self) -> Iterator[str]:
        while (chunk := self.folder.read(f"{self._next}.json")) is not None:
            self._next += 1
            yield from chunk.decode().splitlines()


@dataclass
class _Heard:
    """What a program has reported so far; its log lines are said at once."""

    recorded: _Recorded
    say: Say
    facts: list[Facts] = field(default_factory=list)  # what it reported that is no message of every job
    failed: str | None = None
    application: str | None = None

    def hear(self) -> None:
        for line in self.recorded.new():
            message = json.loads(line)
            params = message["params"] or {}
            if message["method"] == "log":
                self.say(params["message"])
            elif message["method"] == "report_custom_message":
                self._told(params["payload"])

    def _told(self, payload: Facts) -> None:
        if failed := payload.get("failed"):
            self.failed = f"{failed['kind']}: {failed['message']}"
        elif application := payload.get("application"):
            self.application = application if step_logs.APPLICATION.fullmatch(application) else None
        elif done := payload.get("done"):
            self.facts.append(done)
