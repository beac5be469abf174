"""The pages of the site as Markdown: each dataset's from its contract, and what README and docs/ say. Pure.

Does not own: reading files and lake (build), the pictures (lineage).
"""

import html
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emr_jobs.contracts import Contract
from emr_jobs.domain import Domain
from jinja2 import Environment, StrictUndefined

from pipeline_assets.description import description_of, meaning
from pipeline_assets.site import lineage

DATASETS = "datasets"  # folder of their pages
INDEX = "index.md"
_LINK = re.compile(r"(?P<image>!?)\[(?P<label>[^\]]*)\]\((?P<target>[^)#\s]*)(?P<anchor>#[^)]*)?\)")
_MERMAID = re.compile(r"^```mermaid\n.*?^```\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Sample:
    """A few rows of a day, of columns that nobody has classified."""

    day: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


def dataset_page(domain: Domain, contract: Contract, template: str, *, sample: Sample | None = None) -> str:
    page = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701  # Markdown
    return page.from_string(template).render(
        found=description_of(domain, contract.id),
        picture=lineage.around(domain, contract, lambda name: f"{name}.html"),
        sample=sample,
        meaning=meaning,
        text=cell,
    )


def catalogue_page(domain: Domain) -> str:
    """Every dataset with a line, below the picture of all."""
    rows = [
        f"| [{each.id}]({each.id}.md) | {each.medium} | {cell(each.owner)} | {cell(each.description)} |"
        for each in (domain.contracts[name] for name in sorted(domain.contracts))
    ]
    picture = lineage.whole(domain, lambda name: f"{name}.html")
    head = ["# Datasets", "", f'<div class="lineage">{picture}</div>', "", "| dataset | is | owner | what |"]
    return "\n".join([*head, "|---|---|---|---|", *rows, ""])


def cell(text: str) -> str:
    """Text of a contract or of the lake within a table: nothing of it is markup."""
    escaped = re.sub(r"([\\`*_\[\]#~])", r"\\\1", " ".join(text.split()))
    return html.escape(escaped, quote=False).replace("|", "&#124;")


def as_page(text: str, *, file: str, pages: Mapping[str, str], picture: str) -> str:
    """A Markdown file of the repository as a page: links lead to pages, what is none is named without a link.

    `pages`: repository path -> path in the site. A mermaid drawing, for which a script would have to be fetched, gives
    way to the picture on the first page; further ones, and those of other pages, stay as they are written.
    """
    here = posixpath.dirname(pages[file])

    def link(match: re.Match[str]) -> str:
        target, anchor = match["target"], match["anchor"] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
        if path not in pages:
            return match["label"]
        return f"{match['image']}[{match['label']}]({posixpath.relpath(pages[path], here or '.')}{anchor})"

    if pages[file] == INDEX:
        text = _MERMAID.sub(lambda _: f'<div class="lineage">{picture}</div>\n', text, count=1)
    return _LINK.sub(link, text)


def configuration(title: str, files: Sequence[str], datasets: Sequence[str], worker: str) -> dict[str, object]:
    """Of mkdocs: nothing is fetched, by the build or by a page; search works without a server."""
    nav: list[dict[str, object]] = [{"Overview": "index.md"}]
    nav.append({"Datasets": [f"{DATASETS}/index.md", *({each: f"{DATASETS}/{each}.md"} for each in datasets)]})
    nav.extend({name.removesuffix(".md").capitalize(): name} for name in files)
    return {
        "site_name": title,
        "docs_dir": "docs",
        "use_directory_urls": False,
        "theme": {
            "name": "material",
            "font": False,
            "features": ["navigation.tabs", "content.code.copy", "toc.follow"],
        },
        "plugins": ["search", "offline"],
        "extra": {"polyfills": [worker], "generator": False},
        "markdown_extensions": ["tables", "attr_list", "pymdownx.highlight", "pymdownx.superfences"],
        "validation": {"links": {"anchors": "warn"}},
        "nav": nav,
    }
