"""What a Dagster run does, read from its event log while it happens: a line a job, then a row a dataset."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import dagster as dg
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline_assets.cli.output import console, fits, print_message, printable, table

POLL_INTERVAL_S = 0.3
_STATES = {
    dg.DagsterEventType.STEP_START: "running",
    dg.DagsterEventType.STEP_UP_FOR_RETRY: "retrying",
    dg.DagsterEventType.STEP_SUCCESS: "done",
    dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_SKIPPED: "skipped",
}
_ENDED = ("done", "failed", "skipped")


@dataclass
class JobState:
    state: str = "waiting"
    started: float | None = None
    ended: float | None = None
    line: str = ""
    failure: str | None = None

    @property
    def seconds(self) -> float | None:
        if self.started is None:
            return None
        return (self.ended or time.time()) - self.started


@dataclass
class DatasetState:
    rows: int | None = None
    rejected: int | None = None
    version: str | None = None
    seconds: float | None = None
    passed: int = 0
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def checks(self) -> str:
        parts = [f"{self.passed} passed"]
        if self.warnings:
            parts.append(f"warning: {', '.join(self.warnings)}")
        if self.failed:
            parts.append(f"failed: {', '.join(self.failed)}")
        return "; ".join(parts)


@dataclass
class Outcome:
    jobs: dict[str, JobState]
    datasets: dict[str, DatasetState] = field(default_factory=dict)
    run_id: str | None = None
    success: bool = False
    log: str | None = None

    def dataset(self, key: dg.AssetKey) -> DatasetState:
        return self.datasets.setdefault(".".join(key.path), DatasetState())

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def show(self) -> None:
        """A row a dataset, then what failed and where to look."""
        if self.datasets:
            self._show_datasets(console())
        for name, each in self.datasets.items():
            for note in each.notes:
                print_message(console(), f"{name} {note}")
        for name, job in self.jobs.items():
            if job.failure:
                console().print(f"\n[bold red]{name} failed[/]", soft_wrap=True)
                print_message(console(), job.failure)
        if not self.success:
            console().print(f"\nrun {self.run_id}\nlog {self.log}", soft_wrap=True)

    def _show_datasets(self, on: Console) -> None:
        """As a table; where a name or an id would be cut into pieces, as some lines each."""
        rows = [
            (name, each.rows, each.rejected, each.checks, each.version, each.seconds and f"{each.seconds:.1f}")
            for name, each in self.datasets.items()
        ]
        columns = ("dataset", "rows", "rejected", "checks", "snapshot or index", "seconds")
        whole = ("dataset", "snapshot or index")
        made = table(columns, rows, right=("rows", "rejected", "seconds"), whole=whole)
        if fits(on, made):
            on.print(made)
            return
        for name, each in self.datasets.items():
            rejected = f", {each.rejected} rejected" if each.rejected else ""
            took = "" if each.seconds is None else f", {each.seconds:.1f} s"
            print_message(on, f"{name}\n  {each.rows} rows{rejected}, {each.checks}{took}\n  {each.version}")


@contextmanager
def watch(
    instance: dg.DagsterInstance,
    run_id: str,
    jobs: Sequence[str],
    *,
    terminal: Console,
    quiet: bool,
) -> Iterator[Outcome]:
    """Follow the run with this id while the body executes it; the outcome is complete when the body ends."""
    outcome = Outcome({name: JobState() for name in jobs})
    reader = _Reader(instance, run_id, outcome)
    done = threading.Event()

    def follow() -> None:
        view = None if quiet else _view(terminal, outcome)
        with view or _nothing():
            while not done.wait(POLL_INTERVAL_S):
                reader.read()
                if isinstance(view, Live):
                    view.update(_progress(outcome))
                elif view is not None:
                    view.update()
            reader.read()

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield outcome
    finally:
        done.set()
        thread.join()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _view(terminal: Console, outcome: Outcome) -> "Live | _Lines":
    if terminal.is_terminal:
        return Live(
            _progress(outcome),
            console=terminal,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,  # what this process prints goes to the log, not past it to the terminal
            redirect_stderr=False,
        )
    return _Lines(terminal, outcome)


class _Lines:
    """Without a terminal: a line whenever a job changes its state."""

    def __init__(self, terminal: Console, outcome: Outcome) -> None:
        self._terminal = terminal
        self._outcome = outcome
        self._told: dict[str, str] = {}

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        self.update()

    def update(self) -> None:
        for name, job in self._outcome.jobs.items():
            if job.state != self._told.get(name, "waiting"):
                self._told[name] = job.state
                after = f" after {job.seconds:.1f} s" if job.state in _ENDED and job.seconds is not None else ""
                self._terminal.print(f"{name} {job.state}{after}", markup=False)


def _progress(outcome: Outcome) -> Table:
    colours = {"running": "cyan", "done": "green", "failed": "red", "retrying": "yellow"}
    rows = [
        (
            Text(job.state, colours.get(job.state, "dim")),
            name,
            "" if job.seconds is None else f"{job.seconds:.0f} s",
            Text(printable(job.line), no_wrap=True, overflow="ellipsis"),
        )
        for name, job in outcome.jobs.items()
    ]
    return table(("state", "job", "time", "last"), rows, right=("time",))


class _Reader:
    """Applies what is new in the event log to the outcome."""

    def __init__(self, instance: dg.DagsterInstance, run_id: str, outcome: Outcome) -> None:
        self._instance = instance
        self._run_id = run_id
        self._outcome = outcome
        self._cursor: str | None = None

    def read(self) -> None:
        if self._outcome.run_id is None:
            if not self._instance.has_run(self._run_id):
                return
            self._outcome.run_id = self._run_id
        more = True
        while more:
            found = self._instance.get_records_for_run(self._run_id, cursor=self._cursor)
            for record in found.records:
                self._apply(record.event_log_entry)
            self._cursor, more = found.cursor, found.has_more

    def _apply(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        job = self._outcome.jobs.get(entry.step_key or "")
        if event is None:
            if job is not None and entry.user_message:
                job.line = entry.user_message[:100]
            return
        if event.event_type is dg.DagsterEventType.RUN_SUCCESS:
            self._outcome.success = True
        if job is not None and event.event_type in _STATES:
            self._step(job, event, entry.timestamp)
        if event.is_step_materialization:
            self._materialized(event)
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._checked(event)

    def _step(self, job: JobState, event: dg.DagsterEvent, timestamp: float) -> None:
        job.state = _STATES[event.event_type]
        if job.started is None:
            job.started = timestamp
        if job.state in _ENDED:
            job.ended = timestamp
            job.line = ""
        if job.state == "failed":
            data = event.step_failure_data
            told = data.user_failure_data and data.user_failure_data.description
            job.failure = told or (data.error.message if data.error else "no reason given")
            job.line = job.failure

    def _materialized(self, event: dg.DagsterEvent) -> None:
        materialization = event.step_materialization_data.materialization
        facts: dict[str, Any] = {name: value.value for name, value in materialization.metadata.items()}
        state = self._outcome.dataset(materialization.asset_key)
        state.rows = facts.get("dagster/row_count")
        state.rejected = facts.get("rejected")
        state.version = facts.get("index") or facts.get("snapshot_id")
        state.seconds = facts.get("seconds")

    def _checked(self, event: dg.DagsterEvent) -> None:
        evaluation = event.asset_check_evaluation_data
        state = self._outcome.dataset(evaluation.asset_key)
        if evaluation.passed:
            state.passed += 1
            if "note" in evaluation.metadata:
                state.notes.append(f"{evaluation.check_name}: {evaluation.metadata['note'].value}")
        elif evaluation.severity is dg.AssetCheckSeverity.WARN:
            state.warnings.append(evaluation.check_name)
        else:
            state.failed.append(evaluation.check_name)
