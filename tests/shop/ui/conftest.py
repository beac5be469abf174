"""The UI over the published day of the shop, and over a day of it whose orders were cut off."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shop import sample
from tests.running import Day, pipeline
from tests.shop import SHOP
from tests.ui.browser import browser, chromium, page, picture, serving

__all__ = ["browser", "chromium", "page", "picture"]  # fixtures

FAILED_DAY, ROWS_OF_IT = "2026-11-17", 100


@pytest.fixture(scope="package")
def ui(shop_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the UI over the published day, without the runs of other tests."""
    assert shop_day.history is not None
    with serving(shop_day.home, shop_day.history, log=tmp_path_factory.mktemp("ui") / "log") as url:
        yield url


@dataclass(frozen=True)
class FailedDay:
    """FAILED_DAY, whose orders were cut off, run by `pipeline run` in a history of its own."""

    ui: str
    folder: Path
    settings: str

    @property
    def history(self) -> Path:
        return self.folder / "dagster"

    def deliver_again(self) -> None:
        """As it should have been."""
        sample.generate(self.folder, partition=SHOP.calendar.partition(FAILED_DAY), rows=ROWS_OF_IT)


@pytest.fixture(scope="package")
def failed_day(shop_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FailedDay]:
    folder = tmp_path_factory.mktemp("failed")
    sample.generate(folder, partition=SHOP.calendar.partition(FAILED_DAY), rows=ROWS_OF_IT)
    cut_off(min((folder / "orders" / f"dt={FAILED_DAY}").iterdir()))
    settings = shop_day.settings_with(folder, connections_export={"uri": str(folder)})
    ended = pipeline(
        *("run", "--partition", FAILED_DAY, "--select", "extract_orders", "--settings", settings),
        home=shop_day.home,
        env={"DAGSTER_HOME": str(folder / "dagster")},
    )
    assert "rejected_share: at most 0.01" in ended.output, ended.output
    with serving(shop_day.home, folder / "dagster", log=folder / "log", settings=settings) as url:
        yield FailedDay(url, folder, settings)


def cut_off(file: Path) -> None:
    """The last letter of each line."""
    lines = gzip.decompress(file.read_bytes()).splitlines()
    file.write_bytes(gzip.compress(b"\n".join(line[:-1] for line in lines)))
