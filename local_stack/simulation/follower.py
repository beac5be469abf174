"""A Dagster instance and its daemon beside the simulated production, as a team would run them: they only follow.

Settings are those that `pipeline deploy` kept, at their address. `agrees` compares the run of an execution with the
execution. Does not own: how an execution becomes a run (pipeline_assets.sensors).
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from local_stack.simulation.unmet import expect
from pipeline_assets.home import ROOT, dagster_home
from pipeline_assets.process import TiedProcess
from pipeline_assets.production.running.executions import Execution, JobProgress
from pipeline_assets.tags import EXECUTION_TAG, PARTITION_TAG

MOST_AFTER_S = 30
_Type = dg.DagsterEventType


@dataclass(frozen=True)
class Follower:
    instance: dg.DagsterInstance
    folder: Path
    daemon: TiedProcess

    def run_of(self, execution: Execution) -> dg.RunRecord | None:
        """The run that follows it, once that has ended."""
        found = self.instance.get_run_records(dg.RunsFilter(tags={EXECUTION_TAG: execution.name}))
        expect(len(found) <= 1, f"execution {execution.name}: one run, not {len(found)}")
        return found[0] if found and found[0].dagster_run.is_finished else None

    def agrees(self, execution: Execution, jobs: list[JobProgress], record: dg.RunRecord) -> str:
        """Raises Unmet; says when the run began and ended, by the execution's end."""
        run = record.dagster_run
        name = f"run of {execution.name}"
        expect(run.tags[PARTITION_TAG] == str(execution.partition), f"{name}: partition {execution.partition}")
        expect(run.is_success == (execution.status == "SUCCEEDED"), f"{name}: as the execution, not {run.status}")
        seen = self.seen(run.run_id)
        failed = {each.job.name for each in jobs if each.status == "failed"}
        expect(seen["failed"] == failed, f"{name}: failed jobs {failed}, not {seen['failed']}")
        done = [each.job for each in jobs if each.status == "succeeded"]
        datasets = {output for job in done for output in job.outputs}
        expect(seen["materialized"] == datasets, f"{name}: materialized {datasets}, not {seen['materialized']}")
        checks = {(dataset, check.name) for job in done for dataset, check in execution.domain.checks_of(job)}
        expect(checks <= seen["checked"], f"{name}: lacks {checks - seen['checked']}")
        assert execution.ended_at is not None
        began, ended = (datetime.fromtimestamp(at or 0, UTC) for at in (record.start_time, record.end_time))
        expect(began < execution.ended_at, f"{name}: began before the execution ended, not at {began}")
        before, after = (execution.ended_at - began).total_seconds(), (ended - execution.ended_at).total_seconds()
        expect(after <= MOST_AFTER_S, f"{name}: ended within {MOST_AFTER_S} s after the execution, not {after:.0f} s")
        ended_when = f"{after:.0f} s after" if after > 0 else f"{-after:.0f} s before"
        return f"its Dagster run began {before:.0f} s before its end and ended {ended_when} it"

    def seen(self, run_id: str) -> dict[str, set[Any]]:
        """Datasets that were materialized, checks that were evaluated, jobs that failed."""
        kinds = {_Type.ASSET_MATERIALIZATION, _Type.ASSET_CHECK_EVALUATION, _Type.STEP_FAILURE}
        events = [entry.get_dagster_event() for entry in self.instance.all_logs(run_id, of_type=kinds)]
        return {
            "materialized": {
                ".".join(event.step_materialization_data.materialization.asset_key.path)
                for event in events
                if event.event_type is _Type.ASSET_MATERIALIZATION
            },
            "checked": {
                (
                    ".".join(event.asset_check_evaluation_data.asset_key.path),
                    event.asset_check_evaluation_data.check_name,
                )
                for event in events
                if event.event_type is _Type.ASSET_CHECK_EVALUATION
            },
            "failed": {str(event.step_key) for event in events if event.event_type is _Type.STEP_FAILURE},
        }


@contextmanager
def follower(home: Path, settings_uri: str, *, progress: Callable[[str], None]) -> Iterator[Follower]:
    """Its daemon runs until the end of the block, and so do the runs that it has launched."""
    progress("Dagster")
    folder = dagster_home(home / "dagster")
    # First, by itself: of two processes that make its databases at once one fails.
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        daemon = start_daemon(home, settings_uri)
        try:
            yield Follower(instance, folder, daemon)
        finally:
            daemon.kill()


def start_daemon(home: Path, settings_uri: str, *, workspace: Path = ROOT / "workspace.yaml") -> TiedProcess:
    """Dagster's, over the history in this home."""
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", str(workspace)]
    changed = {"DAGSTER_HOME": str(home / "dagster"), "PIPELINE_HOME": str(home), "PIPELINE_SETTINGS": settings_uri}
    with (home / "dagster.log").open("a") as output:
        return TiedProcess(command, env={**os.environ, **changed}, cwd=ROOT, output=output)
