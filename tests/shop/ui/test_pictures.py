"""The pictures of the README, of a day of the shop: `make screenshots` takes them anew.

Each waits for what its caption says. Does not own: what else these pages show (tests/ui, on the library).
"""

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest import mock

import dagster as dg
import pyarrow as pa
import pytest
from playwright.sync_api import Page, expect

from emr_jobs.contracts import PARTITION_COLUMN
from emr_jobs.core.settings import load
from local_stack.simulation.follower import start_daemon
from local_stack.simulation.scenarios import SCENARIOS
from local_stack.simulation.world import World, world
from pipeline_assets import lake
from pipeline_assets.definitions import definitions
from pipeline_assets.tags import LAUNCHER_TAG, ORIGIN_TAG, PARTITION_TAG
from tests.running import Day, wait_for
from tests.shop import SHOP
from tests.shop.ui.conftest import FAILED_DAY, FailedDay
from tests.ui.browser import (
    LOCATION,
    Picture,
    metadata,
    open_check,
    open_columns,
    open_lineage,
    open_partition,
    open_run,
    open_timeline,
    reexecute,
    serving,
    show_plots,
)

PUBLISHED_FACTS = dg.AssetCheckKey(dg.AssetKey(["final", "order_facts"]), "published")


def test_graph(page: Page, ui: str, picture: Picture) -> None:
    nodes = open_lineage(page, ui, SHOP, settled="order_facts")
    expect(nodes.filter(has_text="Passed")).to_have_count(len(SHOP.published))
    picture("graph")


def test_materialization(page: Page, ui: str, shop_day: Day, picture: Picture) -> None:
    open_partition(page, ui, "final.order_facts", shop_day.partition)
    expect(metadata(page, "dagster/row_count")).to_contain_text(str(shop_day.truth["orders"]))
    expect(metadata(page, "preview").get_by_text("O-", exact=False).first).to_be_visible()
    picture("materialization")


def test_columns(page: Page, ui: str, picture: Picture) -> None:
    open_columns(page, ui, "final.order_facts")
    for column in SHOP.contracts["final.order_facts"].columns:
        expect(page.get_by_text(column.name, exact=True).first).to_be_attached()
        expect(page.get_by_text(column.description.split(".")[0], exact=False).first).to_be_attached()
    picture("columns")


def test_failed_check(page: Page, failed_day: FailedDay, picture: Picture) -> None:
    open_check(page, failed_day.ui, "intermediate.orders", "rejected_share")
    expect(page.get_by_text(FAILED_DAY, exact=True)).to_be_visible()
    expect(metadata(page, "expected")).to_contain_text("at most 0.01")
    show_plots(page, "rejected_share")
    picture("failed-check")


def test_check_over_ten_days(
    page: Page, failed_day: FailedDay, shop_day: Day, tmp_path: Path, picture: Picture
) -> None:
    """Of days that lie in a copy of the lake's catalogue: what is committed through it, nobody else sees."""
    shutil.copy(str(shop_day.settings.lake.uri), tmp_path / "catalog.db")
    uri = shop_day.settings_with(tmp_path, lake={"uri": str(tmp_path / "catalog.db")})
    rows = write_days(uri, shop_day.partition)
    with ThreadPoolExecutor(1) as elsewhere:  # this thread has Playwright's event loop
        assert elsewhere.submit(evaluate, uri, failed_day.history, list(rows)).result() == rows
    page.set_viewport_size({"width": 1400, "height": 1180})  # with the plot of the rows
    open_check(page, failed_day.ui, "final.order_facts", "published")
    expect(page.get_by_text(max(rows), exact=True).first).to_be_visible()
    show_plots(page, "rows")
    picture("check-plot")


def evaluate(uri: str, history: Path, days: list[str]) -> dict[str, int]:
    """The check `published` on each day; the rows that it found where it passed."""
    job = definitions(uri).resolve_implicit_global_asset_job_def()
    one = job.get_subset(asset_selection=set(), asset_check_selection={PUBLISHED_FACTS})
    with dg.DagsterInstance.from_config(str(history)) as instance:
        judged = [
            each
            for day in days
            for each in one.execute_in_process(instance=instance, partition_key=day).get_asset_check_evaluations()
        ]
    return {str(each.partition): int(str(each.metadata["rows"].value)) for each in judged if each.passed}


def write_days(uri: str, published: str) -> dict[str, int]:
    """Nine days before the published one, each with a part of its facts; returns the rows of all ten."""
    table = lake.catalog(load(uri)).load_table("final.order_facts")
    facts = table.scan().to_arrow()
    rows = {published: len(facts)}
    at = facts.schema.get_field_index(PARTITION_COLUMN)
    for before in range(1, 10):
        part = facts.slice(before * before * 13 % 400)
        day = date.fromisoformat(published) - timedelta(days=before)
        table.append(
            part.set_column(at, facts.schema.field(at), pa.array([day] * len(part), facts.schema.field(at).type))
        )
        rows[str(day)] = len(part)
    return dict(sorted(rows.items()))


def test_failed_run_of_the_command_line_is_executed_again_by_a_click(
    page: Page, failed_day: FailedDay, picture: Picture
) -> None:
    with dg.DagsterInstance.from_config(str(failed_day.history)) as instance:
        (failed,) = instance.get_runs(dg.RunsFilter(tags={LAUNCHER_TAG: "local"}, job_name="daily"))
        failed_day.deliver_again()
        page.set_viewport_size({"width": 1400, "height": 720})
        daemon = start_daemon(failed_day.folder, failed_day.settings)
        try:
            repeated = reexecute(page, failed_day.ui, failed.run_id)
            wait_for(lambda: ended(instance, repeated))
            expect(page.get_by_text("Succeeded (1)")).to_be_attached()
            expect(page.get_by_text("Success", exact=True).first).to_be_visible()
            expect(page.get_by_text("Re-executions (1)")).to_be_visible()
            parent = page.get_by_role("link", name=re.compile(f"^run_failed {failed.run_id[:8]}"))
            expect(parent).to_be_visible()
            picture("reexecuted-run")
        finally:
            daemon.kill()
        again = instance.get_run_by_id(repeated)
    assert again is not None
    assert (again.job_name, again.parent_run_id, again.root_run_id) == ("daily", failed.run_id, failed.run_id)
    assert again.asset_selection == failed.asset_selection
    assert again.remote_job_origin == failed.remote_job_origin
    assert again.tags[PARTITION_TAG] == FAILED_DAY

    location = open_timeline(page, failed_day.ui)
    expect(location).to_have_text(f"{LOCATION}11")  # one went well, one failed
    expect(page.locator(f'a[href$="/locations/{LOCATION}/jobs/daily"]')).to_have_count(1)
    picture("timeline")


def ended(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished


@pytest.fixture
def produced(chromium: str, tmp_path: Path) -> Iterator[World]:
    """The simulated production of a day, and Dagster following it."""
    day = SHOP.calendar.latest_complete(datetime.now(UTC))
    with (
        mock.patch.dict("os.environ"),  # this process's AWS clients go to it
        world(tmp_path, days=[day], follow=True) as made,
    ):
        since = datetime.now(UTC)
        SCENARIOS["happy"].run(made)
        assert made.followed(since)
        yield made


def test_followed_run(page: Page, produced: World, tmp_path: Path, picture: Picture) -> None:
    assert produced.follower is not None
    with serving(tmp_path, produced.follower.folder, log=tmp_path / "ui.log") as url:
        (run,) = produced.follower.instance.get_runs(dg.RunsFilter(job_name="daily"))
        assert run.tags[ORIGIN_TAG] == "production"
        open_run(page, url, run.run_id, [job.name for job in SHOP.jobs])
        picture("followed-run")
