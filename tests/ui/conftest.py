"""The Dagster UI as `pipeline dev` serves it, seen in headless Chromium.

PIPELINE_SCREENSHOTS names the folder that the tests' pictures go to; by default it is the test's own.
"""

import gzip
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from local_stack import system_packages
from pipeline_assets.home import ROOT
from pipeline_assets.process import TiedProcess
from shop import sample
from tests.running import Day, pipeline, wait_for
from tests.shop import SHOP

# What Chromium asks of the network by itself is refused by a machine without one, at every start.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 60_000  # of each thing that is waited for, on a machine that does much else
FAILED_DAY = "2026-11-17"

Picture = Callable[[str], None]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Looked for before a day is published."""
    found = system_packages.chromium()
    if found is None:
        pytest.fail("these tests drive the system's Chromium, and there is none on PATH. Install it: make browser")
    return found


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """Ends with this package: while it lives, nothing else in this thread can have an event loop."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Of a user in New York who has never been here."""
    with browser.new_context(viewport={"width": 1400, "height": 900}, timezone_id="America/New_York") as context:
        context.set_default_timeout(TIMEOUT_MS)
        yield context.new_page()


@pytest.fixture
def picture(page: Page, tmp_path: Path) -> Picture:
    """Keeps what the page shows, under a name."""
    folder = Path(os.environ.get("PIPELINE_SCREENSHOTS", tmp_path))

    def save(name: str) -> None:
        page.mouse.move(0, 0)  # no tooltips
        page.screenshot(path=folder / f"{name}.png", animations="disabled")

    return save


@pytest.fixture(scope="package")
def ui(published_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the UI over the published day, without the runs of other tests."""
    assert published_day.history is not None
    with serving(published_day.home, published_day.history, log=tmp_path_factory.mktemp("ui") / "log") as url:
        yield url


@dataclass(frozen=True)
class FailedDay:
    """A day whose orders were cut off, run by `pipeline run`, in a history of its own."""

    partition: str
    ui: str
    lines: int
    rejected: int


@pytest.fixture(scope="package")
def failed_day(published_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FailedDay]:
    folder = tmp_path_factory.mktemp("failed")
    sample.generate(folder, partition=SHOP.calendar.partition(FAILED_DAY), rows=100)
    files = sorted((folder / "orders" / f"dt={FAILED_DAY}").iterdir())
    delivered = [gzip.decompress(file.read_bytes()).splitlines() for file in files]
    cut_off = [line[:-1] for line in delivered[0]]
    files[0].write_bytes(gzip.compress(b"\n".join(cut_off)))
    settings = published_day.settings_with(folder, connections_export={"uri": str(folder)})
    ended = pipeline(
        *("run", "--partition", FAILED_DAY, "--select", "extract_orders", "--settings", settings),
        home=published_day.home,
        env={"DAGSTER_HOME": str(folder / "dagster")},
    )
    assert "rejected_share: at most 0.01" in ended.output, ended.output
    with serving(published_day.home, folder / "dagster", log=folder / "log") as url:
        yield FailedDay(FAILED_DAY, url, lines=sum(map(len, delivered)), rejected=len(cut_off))


@contextmanager
def serving(home: Path, history: Path, *, log: Path) -> Iterator[str]:
    """A webserver over this checkout's code location; yields its address."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    webserver = Path(sys.executable).with_name("dagster-webserver")
    with log.open("wb") as output:
        process = TiedProcess(
            [str(webserver), "-w", str(ROOT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)],
            env={**os.environ, "PIPELINE_HOME": str(home), "DAGSTER_HOME": str(history)},
            cwd=ROOT,
            output=output,
        )
    try:
        wait_for(lambda: process.poll() is not None or _answers(url))
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        process.kill()


def _free_port() -> int:
    """dagster-webserver takes no port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/server_info", timeout=5).ok
    except requests.RequestException:
        return False
