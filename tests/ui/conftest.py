"""The UI over the published day of the library, and over a day of it that failed."""

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.domains import LIBRARY
from tests.library import sample
from tests.running import Day, pipeline
from tests.ui.browser import browser, chromium, page, picture, serving

__all__ = ["browser", "chromium", "page", "picture"]  # fixtures

FAILED_DAY = "2026-11-17"
LOANS = 100  # of it


@pytest.fixture(scope="package")
def ui(published_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the UI over the published day, without the runs of other tests."""
    assert published_day.history is not None
    with serving(published_day.home, published_day.history, log=tmp_path_factory.mktemp("ui") / "log") as url:
        yield url


@dataclass(frozen=True)
class FailedDay:
    """LOANS loans, of which `rejected` were lent at no time; run by `pipeline run`, in a history of its own."""

    partition: str
    ui: str
    rejected: int


@pytest.fixture(scope="package")
def failed_day(published_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FailedDay]:
    folder = tmp_path_factory.mktemp("failed")
    sample.generate(folder, partition=LIBRARY.calendar.partition(FAILED_DAY), rows=LOANS)
    rejected = spoil(next((folder / "loans" / "2026").iterdir()))
    settings = published_day.settings_with(folder, connections_desk={"uri": str(folder)})
    ended = pipeline(
        *("run", "--partition", FAILED_DAY, "--select", "extract_loans", "--settings", settings),
        home=published_day.home,
        env={"DAGSTER_HOME": str(folder / "dagster")},
    )
    assert "rejected_share: at most 0.01" in ended.output, ended.output
    with serving(published_day.home, folder / "dagster", log=folder / "log") as url:
        yield FailedDay(FAILED_DAY, url, rejected)


def spoil(file: Path) -> int:
    """How many loans of this file have no instant now."""
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode("latin-1")), delimiter=";"))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=";")
    writer.writeheader()
    writer.writerows({**row, "LENT": "once"} for row in rows)
    file.write_bytes(gzip.compress(text.getvalue().encode("latin-1")))
    return len(rows)
