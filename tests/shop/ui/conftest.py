"""The UI over the published day of the shop, and over a day of it whose orders were cut off."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from shop import sample
from tests.running import Day, pipeline
from tests.shop import SHOP
from tests.ui.browser import browser, chromium, page, picture, serving

__all__ = ["browser", "chromium", "page", "picture"]  # fixtures

FAILED_DAY = "2026-11-17"


@pytest.fixture(scope="package")
def ui(shop_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the UI over the published day, without the runs of other tests."""
    assert shop_day.history is not None
    with serving(shop_day.home, shop_day.history, log=tmp_path_factory.mktemp("ui") / "log") as url:
        yield url


@pytest.fixture(scope="package")
def failed_ui(shop_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the UI over FAILED_DAY, run by `pipeline run`, in a history of its own."""
    folder = tmp_path_factory.mktemp("failed")
    sample.generate(folder, partition=SHOP.calendar.partition(FAILED_DAY), rows=100)
    cut_off(min((folder / "orders" / f"dt={FAILED_DAY}").iterdir()))
    settings = shop_day.settings_with(folder, connections_export={"uri": str(folder)})
    ended = pipeline(
        *("run", "--partition", FAILED_DAY, "--select", "extract_orders", "--settings", settings),
        home=shop_day.home,
        env={"DAGSTER_HOME": str(folder / "dagster")},
    )
    assert "rejected_share: at most 0.01" in ended.output, ended.output
    with serving(shop_day.home, folder / "dagster", log=folder / "log") as url:
        yield url


def cut_off(file: Path) -> None:
    """The last letter of each line."""
    lines = gzip.decompress(file.read_bytes()).splitlines()
    file.write_bytes(gzip.compress(b"\n".join(line[:-1] for line in lines)))
