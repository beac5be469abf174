"""The Dagster UI as `pipeline dev` serves it, seen in headless Chromium: fixtures, and what is done on every page.

PIPELINE_SCREENSHOTS names the folder that pictures go to; by default it is the test's own. Does not own: whose day is
looked at.
"""

import os
import re
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from emr_jobs.domain import Domain
from local_stack import system_packages
from pipeline_assets.assets.specs import group
from pipeline_assets.home import ROOT
from pipeline_assets.process import TiedProcess
from pipeline_assets.workspace import WORKSPACE, location
from tests.running import wait_for

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
LOCATION = location().location_name
FACETS_LEFT_OUT = ("Sync status tags", "Latest event", "Status", "Automation", "Partitions")

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


@contextmanager
def serving(home: Path, history: Path, *, log: Path, settings: str | None = None) -> Iterator[str]:
    """A webserver over this checkout's code location; yields its address. Settings: by default the running stack's."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    webserver = Path(sys.executable).with_name("dagster-webserver")
    with log.open("wb") as output:
        process = TiedProcess(
            [str(webserver), "-w", str(WORKSPACE), "-h", "127.0.0.1", "-p", str(port)],
            env={
                **os.environ,
                **({"PIPELINE_SETTINGS": settings} if settings else {}),
                "PIPELINE_HOME": str(home),
                "DAGSTER_HOME": str(history),
            },
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


def hide_navigation(page: Page) -> None:
    page.get_by_text("Hide navigation").click()


def open_lineage(page: Page, url: str, domain: Domain, *, settled: str) -> Locator:
    """Every group open, fitted into the window; `settled` is the name of one node. Returns the nodes."""
    page.set_viewport_size({"width": 1400, "height": 1180})  # in a smaller window the nodes show their names only
    groups = ",".join(f"global@global:{each}" for each in sorted({group(each) for each in domain.contracts.values()}))
    page.goto(f"{url}/asset-groups?expanded={groups}")
    hide_navigation(page)
    page.get_by_label("panel_show_right").click()
    _choose_facets(page)
    _fit_into_window(page, settled)
    return page.locator("foreignObject > div").filter(has_text="Asset checks")


def _choose_facets(page: Page) -> None:
    page.get_by_label("config").click()
    dialog = page.get_by_role("dialog")
    for facet in FACETS_LEFT_OUT:
        dialog.get_by_text(facet, exact=True).first.click()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)


def _fit_into_window(page: Page, settled: str) -> None:
    """Dagster fits the width by a double click on the background, and leaves the uppermost line outside."""
    page.mouse.dblclick(760, 1150)
    page.get_by_text(settled, exact=True).click(trial=True)  # waits until it stands still
    page.mouse.move(760, 900)
    page.mouse.down()
    page.mouse.move(760, 980)
    page.mouse.up()
    page.get_by_text(settled, exact=True).click(trial=True)
    page.mouse.move(0, 0)  # off the node, whose edges are drawn twice


def open_partition(page: Page, url: str, dataset: str, partition: str) -> None:
    page.set_viewport_size({"width": 1400, "height": 1400})  # all of its metadata
    page.goto(f"{url}/assets/{dataset.replace('.', '/')}?view=partitions&partition={partition}")
    hide_navigation(page)
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()


def open_columns(page: Page, url: str, dataset: str) -> None:
    """On the dataset's overview, below what it is."""
    page.set_viewport_size({"width": 1400, "height": 1100})
    page.goto(f"{url}/assets/{dataset.replace('.', '/')}?view=overview")
    hide_navigation(page)
    expect(page.get_by_text("Columns", exact=True).first).to_be_visible()
    expect(page.get_by_text("Latest check results", exact=True)).to_be_visible()  # comes last


def open_check(page: Page, url: str, dataset: str, check: str) -> None:
    page.goto(f"{url}/assets/{dataset.replace('.', '/')}?view=checks")
    hide_navigation(page)
    page.get_by_text(check, exact=True).first.click()


def show_plots(page: Page, number: str) -> None:
    """Of the numbers of the check that is shown. Dagster opens them by itself where it had its history first."""
    expect(metadata(page, number)).to_be_visible()
    plots = page.locator("canvas")
    if not plots.count():
        page.get_by_text("Plots", exact=True).click()
    expect(plots.first).to_be_visible()


def open_run(page: Page, url: str, run_id: str, jobs: Sequence[str]) -> None:
    """Its chart, with all of these jobs succeeded."""
    page.goto(f"{url}/runs/{run_id}")
    hide_navigation(page)
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    for job in jobs:  # the chart shortens the name of a short step in its middle
        expect(page.get_by_text(re.compile(rf"^({job}|{job[:3]}\w*…\w*{job[-6:]})$")).first).to_be_visible()
    expect(page.get_by_text(f"Succeeded ({len(jobs)})")).to_be_attached()
    page.get_by_text(jobs[-1], exact=True).first.click(trial=True)  # waits until the chart stands still


def reexecute(page: Page, url: str, run_id: str) -> str:
    """By the button of the run's page, which warns of nothing; the id of the new run, whose page is open."""
    page.goto(f"{url}/runs/{run_id}")
    button = page.get_by_role("button", name=re.compile("^Re-execute"))
    expect(button).to_be_enabled()
    expect(button.get_by_label("warning")).to_have_count(0)
    button.click()
    page.wait_for_url(lambda now: "/runs/" in now and run_id not in now)
    return page.url.partition("/runs/")[2].partition("?")[0]


def open_timeline(page: Page, url: str) -> Locator:
    """The runs of the last hour; returns the code location's line with how many went well and how many failed."""
    page.set_viewport_size({"width": 1400, "height": 300})
    page.goto(f"{url}/overview/activity/timeline")
    page.get_by_text("1hr", exact=True).click()
    return page.get_by_role("button").filter(has_text=LOCATION)


def metadata(page: Page, name: str) -> Locator:
    """The row of a table of metadata."""
    return page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True)).last
