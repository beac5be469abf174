"""The site that `pipeline docs build` makes, opened from its files: it asks nobody for anything and is searched."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.domains import LIBRARY
from tests.running import Day, table_rows, typed


@pytest.fixture(scope="module")
def site(published_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a site") / "site"
    for _ in range(2):  # a site that is there is replaced
        ended = typed("docs", "build", "--sample", "--out", str(folder), home=published_day.home)
        assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith(f"pages. Open {folder / 'index.html'}\n")
    return folder


class Addresses(HTMLParser):
    def __init__(self, page: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []  # by the page itself
        self.followed: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "link") and (found.get("rel") or "") != "canonical":
            self.fetched += [address for name in ("src", "href") if (address := found.get(name))]
        if tag == "a" and (address := found.get("href")):
            self.followed.append(address)


def test_no_page_fetches_from_elsewhere_and_every_link_leads_somewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert {f"{name}.html" for name in LIBRARY.contracts} <= {page.name for page in pages}
    for page in pages:
        if page.name == "404.html":  # for a server
            continue
        found = Addresses(page)
        assert [address for address in found.fetched if urlsplit(address).scheme or address.startswith("//")] == []
        paths = {urlsplit(each).path for each in (*found.fetched, *found.followed) if not urlsplit(each).scheme}
        assert [path for path in sorted(paths) if path and not (page.parent / unquote(path)).exists()] == [], page


def test_a_sample_has_rows_of_the_day_and_nothing_that_is_classified(site: Path, published_day: Day) -> None:
    rows = table_rows(published_day.settings, published_day.partition)["marts.lending"]
    text = (site / "datasets" / "marts.lending.html").read_text()
    sample = text.partition('id="sample"')[2]
    loans, members = ({str(row[name]) for row in rows if row[name]} for name in ("loan_id", "member_name"))
    assert len([loan for loan in loans if f">{loan}<" in sample]) == 5
    assert [member for member in members if member in text] == []
    assert "member_name" not in sample


def test_it_is_searched_without_a_server(site: Path, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "datasets" / "marts.lending.html").as_uri())
    expect(page.locator(".lineage svg")).to_be_visible()
    page.get_by_placeholder("Search").click()
    expect(page.locator(".md-search-result__meta")).to_have_text("Type to start searching")  # its index is read
    page.keyboard.type("average_stars")  # it listens to keys
    hit = page.locator(".md-search-result__item a").filter(has_text="marts.lending").first
    expect(page.locator(".md-search-result__meta")).to_contain_text(re.compile(r"\d+ matching document"))
    expect(hit).to_have_attribute("href", re.compile(r"datasets/marts\.lending\.html"))
    page.keyboard.press("Escape")
    page.locator(".lineage a").filter(has_text="staged.loans").click()
    expect(page.get_by_role("heading", name="staged.loans")).to_be_visible()
    assert [url for url in asked if not url.startswith("file:")] == []
