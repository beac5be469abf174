"""What readers find of a dataset: its latest day, how many rows, in which snapshot or index. Metadata, no rows.

Does not own: what a dataset is (description), what readers had before (history).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emr_jobs.contracts import PARTITION_COLUMN, Contract, Medium
from emr_jobs.core.errors import Damaged, PipelineError
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of
from emr_jobs.publish import versions

from pipeline_assets import lake
from pipeline_assets.description import place_of

if TYPE_CHECKING:
    from pyiceberg.table import Table


@dataclass(frozen=True)
class Published:
    dataset: str
    kind: str
    latest: str | None  # day; None where nothing was published
    rows: int | None  # of that day: of an index, documents
    total: int | None  # of all days
    snapshot: str | None  # that readers of a table see now; of an index, the latest day's
    where: str
    trouble: str | None = None  # why nobody knows

    @property
    def in_words(self) -> str:
        if self.trouble:
            return f"unknown: {self.trouble}"
        if self.latest is None:
            return "nothing is published"
        holder = "index" if self.kind == Medium.INDEX else "snapshot"
        return f"{self.latest}, {self.rows} rows of {self.total}, {holder} {self.snapshot}"


def everything(settings: Settings) -> list[Published]:
    """Of each table and index, in the order in which they are made."""
    found = domain_of(settings)
    return [published(settings, found.contracts[dataset]) for dataset in found.published]


def published(settings: Settings, contract: Contract) -> Published:
    """With `trouble` where a table is damaged, or search or catalog do not answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = _of_index(settings, contract) if contract.medium is Medium.INDEX else _of_table(settings, contract)
        latest, rows, total, snapshot, trouble = *found, None
    except Damaged as error:
        latest, rows, total, snapshot, trouble = *_NOTHING, str(error)
    except (PipelineError, BotoCoreError, ClientError) as error:
        latest, rows, total, snapshot, trouble = *_NOTHING, str(error).partition("\n")[0]
    place = place_of(settings, contract)
    return Published(contract.id, str(contract.medium), latest, rows, total, snapshot, place, trouble)


_Found = tuple[str | None, int | None, int | None, str | None]
_NOTHING: _Found = (None, None, None, None)


def is_there(settings: Settings) -> bool:
    """Whether a catalog in a file was ever made; looking into one makes it."""
    return settings.lake.uri is None or Path(settings.lake.uri).exists()


def _of_table(settings: Settings, contract: Contract) -> _Found:
    if not is_there(settings):
        return _NOTHING
    table = lake.table(lake.catalog(settings), contract)
    return _NOTHING if table is None else latest_day(table)


def latest_day(table: "Table") -> _Found:
    snapshot = table.current_snapshot()
    if snapshot is None:
        return _NOTHING
    rows = rows_by_day(table)
    days = rows.keys() | versions.days(lake.as_json(table.metadata))
    if not days:
        return _NOTHING
    return max(days), rows.get(max(days), 0), sum(rows.values()), str(snapshot.snapshot_id)


def rows_by_day(table: "Table") -> dict[str, int]:
    """From the manifests of what readers see; days without a row are not in it."""
    found = table.inspect.partitions().to_pylist()  # without rows it has no column `partition`
    return {str(each["partition"][PARTITION_COLUMN]): each["record_count"] for each in found if each.get("partition")}


def _of_index(settings: Settings, contract: Contract) -> _Found:
    from emr_jobs.publish.search import SearchIndex, errors_named

    with errors_named(settings.search, dataset=contract.id, partition=None):
        target = SearchIndex(settings.search, contract)
        behind = [index for index in target.indices() if target.alias in index.aliases]
        if not behind:
            return _NOTHING
        latest = max(behind, key=lambda index: index.day)
        rows, total = (target.client.count(index=name)["count"] for name in (latest.name, target.alias))
        return str(latest.day), rows, total, latest.name
