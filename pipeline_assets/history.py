"""What readers of a table had when: its snapshots in the order in which they became readable. Metadata, no rows.

Does not own: which versions a day can go back to (emr_jobs.publish.earlier).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from emr_jobs.core.partition import Partition
from emr_jobs.publish import versions

from pipeline_assets import lake

if TYPE_CHECKING:
    from pyiceberg.table import Table


@dataclass(frozen=True)
class Readable:
    """A state of the table, from that instant until the next one."""

    at: datetime
    days: tuple[str, ...]  # that changed
    rows: int | None  # of the day; None where nothing was published
    version: str | None  # of the day
    operation: str
    snapshot_id: int


def history(table: "Table", partition: Partition | None = None) -> list[Readable]:
    """Of what is kept, oldest first; with a partition, what changed that day."""
    metadata = lake.as_json(table.metadata)
    snapshots = {each["snapshot-id"]: each for each in metadata.get("snapshots") or ()}
    states = [
        _readable(table, snapshots[each["snapshot-id"]], each["timestamp-ms"])
        for each in metadata.get("snapshot-log") or ()
        if each["snapshot-id"] in snapshots
    ]
    return [each for each in states if partition is None or str(partition) in each.days]


def _readable(table: "Table", snapshot: dict[str, Any], at_ms: int) -> Readable:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    summary, published = snapshot["summary"], versions.publication(snapshot)
    if published is None:
        days, rows, version = _changed_days(table, snapshot["snapshot-id"]), None, None
        operation = {"replace": "compacted", "delete": "deleted"}.get(summary["operation"], summary["operation"])
    else:
        version = published.wap_id
        days, rows = (version.partition(".")[0],), int(summary.get("added-records", 0))
        restored = summary.get(versions.RESTORED_BY)
        operation = f"taken back by {versions.publisher(restored)}" if restored else "published"
    return Readable(at, days, rows, version, operation, snapshot["snapshot-id"])


def _changed_days(table: "Table", snapshot_id: int) -> tuple[str, ...]:
    """From the manifests that the snapshot wrote."""
    snapshot = table.snapshot_by_id(snapshot_id)
    assert snapshot is not None, "it stands in the metadata"
    written = [each for each in snapshot.manifests(table.io) if each.added_snapshot_id == snapshot_id]
    entries = [entry for each in written for entry in each.fetch_manifest_entry(table.io, discard_deleted=False)]
    changed = [entry.data_file.partition[0] for entry in entries if entry.snapshot_id == snapshot_id]
    return tuple(sorted({_day(value) for value in changed}))


def _day(value: Any) -> str:
    """A date in a manifest is its number of days since 1970."""
    from pyiceberg.utils.datetime import days_to_date

    return str(days_to_date(value) if isinstance(value, int) else value)
