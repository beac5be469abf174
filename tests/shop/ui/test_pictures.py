"""The pictures of the README, of a day of the shop: `make screenshots` takes them anew.

Each waits for what its caption says. Does not own: what else these pages show (tests/ui, on the library).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest
from playwright.sync_api import Page, expect

from local_stack.simulation.scenarios import SCENARIOS
from local_stack.simulation.world import World, world
from pipeline_assets.tags import ORIGIN_TAG
from tests.running import Day
from tests.shop import SHOP
from tests.shop.ui.conftest import FAILED_DAY
from tests.ui.browser import Picture, metadata, open_check, open_lineage, open_partition, open_run, serving


def test_graph(page: Page, ui: str, picture: Picture) -> None:
    layers = {contract.layer for contract in SHOP.contracts.values()}
    nodes = open_lineage(page, ui, layers=layers, settled="order_facts")
    expect(nodes.filter(has_text="Passed")).to_have_count(len(SHOP.published))
    picture("graph")


def test_materialization(page: Page, ui: str, shop_day: Day, picture: Picture) -> None:
    open_partition(page, ui, "final.order_facts", shop_day.partition)
    expect(metadata(page, "dagster/row_count")).to_contain_text(str(shop_day.truth["orders"]))
    expect(metadata(page, "preview").get_by_text("O-", exact=False).first).to_be_visible()
    picture("materialization")


def test_failed_check(page: Page, failed_ui: str, picture: Picture) -> None:
    open_check(page, failed_ui, "intermediate.orders", "rejected_share")
    expect(page.get_by_text(FAILED_DAY, exact=True)).to_be_visible()
    expect(metadata(page, "expected")).to_contain_text("at most 0.01")
    expect(metadata(page, "rejected_share")).to_be_visible()  # a number, so Dagster plots it
    picture("failed-check")


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
