"""Production as Dagster shows it: a day that Step Functions published, while and after it did.

The simulated production, its Dagster with a daemon, and the same day once more by launcher emr and by launcher local.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import pytest
import tomlkit
from playwright.sync_api import Page, expect

from emr_jobs.core import settings as settings_module
from emr_jobs.core.partition import Partition
from local_stack.simulation.follower import Follower, start_daemon
from local_stack.simulation.scenarios import SCENARIOS, no_delivery
from local_stack.simulation.world import ROWS, World, world
from pipeline_assets.home import ROOT
from pipeline_assets.launchers.follow import ORIGIN
from pipeline_assets.production.running.executions import Execution
from pipeline_assets.tags import EXECUTION_TAG, LAUNCHER_TAG, ORIGIN_TAG, PARTITION_TAG
from tests.domains import LIBRARY
from tests.running import Ended, documents, pipeline, table_rows, wait_for
from tests.ui.browser import Picture, metadata, open_run, serving

_Type = dg.DagsterEventType


@dataclass(frozen=True)
class Produced:
    world: World
    home: Path
    day: Partition
    execution: Execution
    others: dict[str, Ended] = field(default_factory=dict)  # by launcher
    read: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # rows by dataset, by origin

    @property
    def follower(self) -> Follower:
        assert self.world.follower is not None
        return self.world.follower

    def run(self, day: Partition, launcher: str) -> Ended:
        uri = self.world.settings_uri if launcher == "emr" else with_spark(self.world, self.home)
        return pipeline(
            *("run", "--partition", str(day), "--launcher", launcher, "--settings", uri),
            home=self.home,
            env={"DAGSTER_HOME": str(self.home / "dagster")},
        )

    def runs(self, origin: str, day: Partition | None = None) -> list[dg.DagsterRun]:
        name = ORIGIN_TAG if origin == ORIGIN else LAUNCHER_TAG
        tags = {name: origin, PARTITION_TAG: str(day or self.day)}
        return list(self.follower.instance.get_runs(dg.RunsFilter(tags=tags, job_name="daily")))

    def looked(self) -> list[dg.DagsterRun]:
        """The runs of the stand-alone checks that have ended."""
        finished = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
        return list(self.follower.instance.get_runs(dg.RunsFilter(job_name="checks", statuses=finished)))

    def materialized_at(self, run: dg.DagsterRun) -> float:
        """When it published marts.lending, ms."""
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(["marts", "lending"]))
        found = self.follower.instance.fetch_materializations(wanted, limit=10).records
        (at,) = [record.timestamp for record in found if record.run_id == run.run_id]
        return at * 1000

    def seen(self, origin: str, day: Partition | None = None) -> tuple[dict[str, Any], dict[str, Any], set[str]]:
        """Rows by dataset, verdict by check and jobs that failed, of the run of this origin."""
        (run,) = self.runs(origin, day)
        kinds = {_Type.ASSET_MATERIALIZATION, _Type.ASSET_CHECK_EVALUATION, _Type.STEP_FAILURE}
        rows: dict[str, Any] = {}
        verdicts: dict[str, Any] = {}
        failed: set[str] = set()
        for entry in self.follower.instance.all_logs(run.run_id, of_type=kinds):
            event = entry.get_dagster_event()
            if event.event_type is _Type.ASSET_MATERIALIZATION:
                made = event.step_materialization_data.materialization
                rows[".".join(made.asset_key.path)] = (made.partition, made.metadata["dagster/row_count"].value)
            elif event.event_type is _Type.STEP_FAILURE:
                failed.add(entry.step_key)
            else:
                check = event.asset_check_evaluation_data
                name = f"{'.'.join(check.asset_key.path)} {check.check_name}"
                verdicts[name] = (check.partition, check.passed, check.severity, check.metadata["found"].value)
        return rows, verdicts, failed


@pytest.fixture(scope="module")
def produced(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Produced]:
    home = tmp_path_factory.mktemp("production")
    day = LIBRARY.calendar.latest_complete(datetime.now(UTC))
    before = LIBRARY.calendar.of(day.date - timedelta(days=1))
    with (
        mock.patch.dict(os.environ),  # this process's AWS clients go to it
        world(home, days=[day, before], follow=True) as made,
    ):
        since = datetime.now(UTC)
        SCENARIOS["happy"].run(made)
        (execution,) = [made.executions.find(each.name) for each in made.executions.since(since)]
        assert made.followed(since)
        produced = Produced(made, home, day, execution)
        produced.read["production"] = rows_read(made, day)
        wait_for(produced.looked)  # at this run's day, before other runs change it
        for launcher in ("emr", "local"):
            produced.others[launcher] = produced.run(day, launcher)
            produced.read[launcher] = rows_read(made, day)
        yield produced


def rows_read(made: World, day: Partition) -> dict[str, list[str]]:
    """By readers of the lake and of the index."""
    tables = table_rows(made.settings, str(day))
    return {
        **{name: sorted(map(repr, rows)) for name, rows in tables.items()},
        "find.lending": sorted(map(repr, documents(made.settings, str(day)))),
    }


def with_spark(made: World, folder: Path) -> str:
    """The deployment's settings with this machine's Spark, for launcher local."""
    values = made.settings.model_dump(mode="json", exclude_none=True)
    values["spark"] = made.running.settings.spark.model_dump(mode="json", exclude_none=True)
    file = folder / "local-spark.toml"
    file.write_text(tomlkit.dumps(values))
    assert settings_module.load(str(file))
    return str(file)


def test_followed_run_has_what_the_other_launchers_give(produced: Produced) -> None:
    for ended in produced.others.values():
        assert ended.code == 0, ended.output
    rows, verdicts, failed = produced.seen("production")
    assert not failed
    assert {partition for partition, _ in rows.values()} == {str(produced.day)}
    assert rows
    assert verdicts
    for launcher in produced.others:
        assert produced.seen(launcher) == (rows, verdicts, failed), launcher


def test_readers_find_the_same_rows_whoever_ran_the_day(produced: Produced) -> None:
    assert len(produced.read["production"]["find.lending"]) == ROWS
    for launcher in produced.others:
        assert produced.read[launcher] == produced.read["production"], launcher


def test_published_day_is_looked_at_after_production(produced: Produced) -> None:
    """By the stand-alone checks, all but those in Spark, for which the deployment's settings have no jars."""
    (run,) = produced.looked()
    logs = produced.follower.instance.all_logs(run.run_id, of_type=_Type.ASSET_CHECK_EVALUATION)
    checks = [entry.get_dagster_event().asset_check_evaluation_data for entry in logs]
    assert {check.check_name for check in checks} == {"published", "of_one_run"}
    assert {(check.partition, check.passed) for check in checks} == {(str(produced.day), True)}, checks


def test_asset_page_shows_all_three_with_their_origin(page: Page, produced: Produced, tmp_path: Path) -> None:
    with serving(produced.home, produced.follower.folder, log=tmp_path / "log") as url:
        for origin in ("production", "emr", "local"):
            (run,) = produced.runs(origin)
            page.goto(f"{url}/assets/marts/lending?view=events&time={produced.materialized_at(run):.0f}")
            expect(page.get_by_text(f"materialized in run {run.run_id[:8]}")).to_be_visible()
            expect(metadata(page, "origin")).to_contain_text(origin)
            expect(page.get_by_text(str(produced.day), exact=True)).to_have_count(3 + 1)  # listed, and shown


def test_followed_run_shows_its_execution_and_its_steps(
    page: Page, produced: Produced, picture: Picture, tmp_path: Path
) -> None:
    (run,) = produced.runs("production")
    with serving(produced.home, produced.follower.folder, log=tmp_path / "log") as url:
        open_run(page, url, run.run_id, [job.name for job in LIBRARY.jobs])
        picture("followed-run")
        page.get_by_role("button", name="View tags and config").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"{EXECUTION_TAG}: {produced.execution.name}")
        expect(dialog).to_contain_text(produced.world.executions.console(produced.execution.arn))


def test_failed_execution_is_a_run_with_the_same_failed_job_and_what_the_local_launcher_gives(
    produced: Produced,
) -> None:
    since, (day,) = datetime.now(UTC), produced.world.days
    SCENARIOS["extraction-fails"].run(produced.world)
    produced.world.settle()
    assert produced.world.followed(since)
    with no_delivery(produced.world, day):
        assert produced.run(day, "local").code == 1
    rows, verdicts, failed = produced.seen("production", day)
    assert failed == {"extract_loans"}
    assert rows
    assert produced.seen("local", day) == (rows, verdicts, failed)


def test_killed_daemon_lost_cursor_and_new_deployment_make_no_second_run(produced: Produced) -> None:
    """A code location of another name has a sensor without a cursor, and none of the runs is its own."""
    instance = produced.follower.instance
    produced.follower.daemon.kill()
    workspace = produced.home / "workspace.yaml"
    workspace.write_text((ROOT / "workspace.yaml").read_text().replace("location_name: ", "location_name: new_"))

    def looked_twice() -> bool:
        """Both sensors: the one that was, and the one of the new code location."""
        found = [each for each in instance.all_instigator_state() if each.instigator_name == "production_executions"]
        ticks = [instance.get_ticks(each.instigator_origin_id, each.selector_id) for each in found]
        return len(found) == 2 and all(len(each) > 1 for each in ticks)

    daemon = start_daemon(produced.home, produced.world.settings_uri, workspace=workspace)
    try:
        wait_for(looked_twice)
    finally:
        daemon.kill()
    assert len(produced.runs("production")) == 1
