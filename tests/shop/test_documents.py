"""Links of README, of the pages in docs/ and of those for contributors lead to a file, and to a heading in it."""

import re
from pathlib import Path

import pytest

from pipeline_assets.home import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^()\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
ARCHITECTURE = ROOT / "docs" / "architecture.md"


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in LINK.findall(FENCED.sub("", page.read_text())):
        if re.match(r"https?:", link):
            continue
        file, _, anchor = link.partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            lost.append(link)
    assert lost == []


def test_files_that_architecture_names_are_there() -> None:
    named = re.findall(r"`([\w.-]+(?:/[\w.-]*)+|[\w-]+\.(?:toml|lock))`", ARCHITECTURE.read_text())
    below = (ROOT, ROOT / "pipeline_assets")
    assert len(named) > 20
    assert [each for each in named if not any((folder / each).exists() for folder in below)] == []


def test_every_package_is_a_room_of_architecture() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    rooms = re.findall(r"^\| (`.*?) \|", ARCHITECTURE.read_text().partition("## A day")[0], re.MULTILINE)
    assert {name for room in rooms for name in re.findall(r"`(\w+)/`", room)} == packages


def test_diagram_of_architecture_joins_what_it_has() -> None:
    (drawn,) = re.findall(r"^```mermaid\n(.*?)^```$", ARCHITECTURE.read_text(), re.MULTILINE | re.DOTALL)
    nodes = set(re.findall(r"^ +(\w+)\[", drawn, re.MULTILINE))
    edges = re.findall(r"^ +(\w+) (?:-->|-- .+? -->|-\. .+? \.->) (\w+)$", drawn, re.MULTILINE)
    assert len(drawn.splitlines()) == 1 + len(nodes) + len(edges)
    assert {end for edge in edges for end in edge} == nodes
