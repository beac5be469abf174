"""Pages of the site from contracts and documents, pictures from lineage."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import load
from emr_jobs.domain import Domain
from pipeline_assets.site import build, lineage, pages
from pipeline_assets.site.pages import Sample
from tests.domains import LIBRARY, LOCAL, settings_domain

TEMPLATE = (build.DOCS / build.TEMPLATE).read_text()
SVG = "{http://www.w3.org/2000/svg}"


def rows_of(page: str, heading: str) -> list[list[str]]:
    """Cells of a section's table, without its head."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("domain", [LIBRARY, settings_domain()], ids=lambda domain: domain.package)
def test_every_dataset_has_a_row_for_each_column_and_check(domain: Domain) -> None:
    for contract in domain.contracts.values():
        page = pages.dataset_page(domain, contract, TEMPLATE)
        assert page.startswith(f"# {contract.id}\n")
        names = [row[0].strip("`") for row in rows_of(page, "Columns")]
        assert [name for name in names if "." not in name] == [column.name for column in contract.columns]
        assert [row[0].strip("`") for row in rows_of(page, "Checks")] == [check.name for check in contract.checks]


def test_a_page_says_meaning_origin_owner_and_when_it_is_due() -> None:
    page = pages.dataset_page(LIBRARY, LIBRARY.contracts["marts.lending"], TEMPLATE)
    assert "| owner | librarians |" in page
    assert "| due | by 08:15 Berlin on the day after |" in page
    columns = {row[0]: row[1:] for row in rows_of(page, "Columns")}
    assert columns["`is_overdue`"] == ["`boolean`", "Due before the partition's day", "`staged.loans.due_on`"]
    assert columns["`review_count`"][0] == "`bigint` not null"
    assert columns["`member_name`"][1].endswith("Classified as confidential")
    (known,) = [row for row in rows_of(page, "Checks") if row[0] == "`member_known`"]
    assert known == [
        "`member_known`",
        "warning",
        r"Share of loans whose member is not in staged.members",
        "at most 0.05",
    ]
    assert "## Sample" not in page


def test_a_sample_stands_below_with_its_day() -> None:
    sample = Sample("2026-11-20", ("loan_id", "fee"), (("L|1", "1.50"), ("<b>", None)))
    page = pages.dataset_page(LIBRARY, LIBRARY.contracts["marts.lending"], TEMPLATE, sample=sample)
    assert "Of 2026-11-20; classified columns are left out." in page
    assert rows_of(page, "Sample") == [["L&#124;1", "1.50"], ["&lt;b&gt;", ""]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a | b", "a &#124; b"),
        ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
        ("*a* _b_ `c` [d](e)", r"\*a\* \_b\_ \`c\` \[d\](e)"),
        ("two\nlines", "two lines"),
    ],
)
def test_text_of_others_is_no_markup(text: str, shown: str) -> None:
    assert pages.cell(text) == shown
    contract = replace(LIBRARY.contracts["marts.lending"], description=text)
    domain = replace(LIBRARY, contracts={**LIBRARY.contracts, contract.id: contract})
    assert f"\n{shown}\n" in pages.dataset_page(domain, contract, TEMPLATE)


def test_links_of_a_document_lead_to_pages_and_those_to_code_are_words() -> None:
    known = {"README.md": "index.md", "docs/a.md": "a.md", "docs/p.png": "p.png"}
    text = "[a](docs/a.md#x) ![p](docs/p.png) [code](emr_jobs/job.py) [out](https://x.example/y) [here](#z)\n"
    made = pages.as_page(text, file="README.md", pages=known, picture="")
    assert made == "[a](a.md#x) ![p](p.png) code [out](https://x.example/y) [here](#z)\n"
    back = pages.as_page("[top](../README.md) [b](a.md)", file="docs/a.md", pages=known, picture="")
    assert back == "[top](index.md) [b](a.md)"


def test_a_drawing_that_needs_a_fetched_script_gives_way_to_the_picture_on_the_first_page_only() -> None:
    text = "before\n\n```mermaid\nflowchart LR\n    a --> b\n```\n\nafter\n"
    made = pages.as_page(text, file="README.md", pages={"README.md": "index.md"}, picture="<svg/>")
    assert made == 'before\n\n<div class="lineage"><svg/></div>\n\nafter\n'
    assert pages.as_page(text, file="docs/a.md", pages={"docs/a.md": "a.md"}, picture="<svg/>") == text


def test_the_picture_of_a_dataset_has_its_neighbours_each_with_a_link() -> None:
    picture = ElementTree.fromstring(lineage.around(LIBRARY, LIBRARY.contracts["marts.lending"], "{}.html".format))
    links = {link.get("href"): link.findtext(f"{SVG}text") for link in picture.iter(f"{SVG}a")}
    above = ["staged.loans", "staged.members", "staged.reviews"]
    names = [*above, "marts.lending", "marts.branch_days", "find.lending"]
    assert links == {f"{name}.html": name for name in names}
    assert len(list(picture.iter(f"{SVG}path"))) == len(above) + 2


@pytest.mark.parametrize("domain", [LIBRARY, settings_domain()], ids=lambda domain: domain.package)
def test_the_picture_of_all_has_every_dataset_right_of_what_it_is_made_of(domain: Domain) -> None:
    picture = ElementTree.fromstring(lineage.whole(domain, str))
    left = {
        link.get("href"): float(link.find(f"{SVG}rect").get("x"))  # type: ignore[union-attr, arg-type]
        for link in picture.iter(f"{SVG}a")
    }
    assert left.keys() == domain.contracts.keys()
    for name, contract in domain.contracts.items():
        assert all(left[above] < left[name] for above in domain.upstream_of(contract) if above != name)  # type: ignore[index]
    assert re.search(r'viewBox="0 0 \d+ \d+"', lineage.whole(domain, str))


def test_what_is_written_has_a_page_for_each_document_and_dataset(tmp_path: Path) -> None:
    number = build.write(load(str(LOCAL)), tmp_path / "docs", tmp_path / "mkdocs.yml")
    written = {path.relative_to(tmp_path / "docs").as_posix() for path in (tmp_path / "docs").rglob("*.md")}
    documents = {path.name for path in build.DOCS.glob("*.md")}
    assert written == {
        "index.md",
        *documents,
        "datasets/index.md",
        *(f"datasets/{name}.md" for name in LIBRARY.contracts),
    }
    assert number == len(written)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(Misconfigured) as refused:
        build.build(load(str(LOCAL)), tmp_path)
    assert str(refused.value) == f"{tmp_path}: expected a site or an empty folder, found other files"
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_without_mkdocs_it_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the production image."""
    monkeypatch.setattr(build, "find_spec", lambda name: None if name == "material" else sys)
    with pytest.raises(Misconfigured) as refused:
        build.build(load(str(LOCAL)), tmp_path / "site")
    said = "docs build: mkdocs-material is not installed. In the checkout: pip install --group docs"
    assert (str(refused.value), list(tmp_path.iterdir())) == (said, [])
