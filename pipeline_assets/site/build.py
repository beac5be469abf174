"""Writes the pages into a folder and has mkdocs make a site of them. Replaces a site, and nothing that is none."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from emr_jobs.contracts import Contract, Medium
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain, domain_of
from emr_jobs.publish import preview

from pipeline_assets import lake
from pipeline_assets.home import ROOT
from pipeline_assets.published import latest_day
from pipeline_assets.site import lineage, pages
from pipeline_assets.site.pages import DATASETS, Sample

DOCS, TEMPLATE, WORKER = ROOT / "docs", "dataset.md.j2", "iframe-worker.js"


def build(settings: Settings, out: Path, *, sample: bool = False) -> int:
    """Replace the site at `out`; returns how many pages it has. Raises Misconfigured without mkdocs."""
    if find_spec("material") is None or find_spec("mkdocs") is None:
        raise Misconfigured("docs build: mkdocs-material is not installed. In the checkout: pip install --group docs")
    if out.exists() and any(out.iterdir()) and not (out / DATASETS / "index.html").exists():
        raise Misconfigured(f"{out}: expected a site or an empty folder, found other files")
    with TemporaryDirectory() as folder:
        made, site = Path(folder), Path(folder) / "site"
        number = write(settings, made / "docs", made / "mkdocs.yml", sample=sample)
        _mkdocs(made / "mkdocs.yml", site)
        shutil.rmtree(out, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(site, out)
    return number


def write(settings: Settings, folder: Path, configuration: Path, *, sample: bool = False) -> int:
    """Pages and mkdocs.yml; returns how many pages."""
    domain = domain_of(settings)
    documents = sorted(each.name for each in DOCS.glob("*.md"))
    known = {"README.md": pages.INDEX, **{f"docs/{each.name}": each.name for each in DOCS.iterdir()}}
    picture = lineage.whole(domain, lambda name: f"{DATASETS}/{name}.html")
    texts = {
        known[file]: pages.as_page((ROOT / file).read_text(), file=file, pages=known, picture=picture)
        for file in ["README.md", *(f"docs/{name}" for name in documents)]
    }
    template = (DOCS / TEMPLATE).read_text()
    for name, contract in domain.contracts.items():
        rows = sample_of(settings, domain, contract) if sample else None
        texts[f"{DATASETS}/{name}.md"] = pages.dataset_page(domain, contract, template, sample=rows)
    texts[f"{DATASETS}/index.md"] = pages.catalogue_page(domain)
    (folder / DATASETS).mkdir(parents=True)
    for path, text in texts.items():
        (folder / path).write_text(text)
    for picture_file in (*DOCS.glob("*.png"), DOCS / WORKER):
        shutil.copy(picture_file, folder)
    title = f"{domain.package.rpartition('.')[2].capitalize()}: the daily pipeline"
    configuration.write_text(yaml.safe_dump(pages.configuration(title, documents, sorted(domain.contracts), WORKER)))
    return len(texts)


def sample_of(settings: Settings, domain: Domain, contract: Contract) -> Sample | None:
    """Of a table's latest day; None where there is none. Raises what the lake raises."""
    if contract.medium is not Medium.TABLE:
        return None
    table = lake.opened(lake.catalog(settings), contract)
    day, rows, *_ = latest_day(table)
    columns = tuple(column.name for column in contract.columns if preview.is_shown(column))
    if not (day and rows and columns):
        return None
    found = table.scan(f"partition_date = '{day}'", selected_fields=columns, limit=preview.ROWS).to_arrow().to_pylist()
    return Sample(day, columns, tuple(tuple(preview.cell(row[name]) for name in columns) for row in found))


def _mkdocs(configuration: Path, site: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file", str(configuration)]
    ended = subprocess.run([*command, "--site-dir", str(site)], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Misconfigured(f"mkdocs ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")
