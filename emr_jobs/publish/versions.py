"""Which version of a day a table shows: the WAP id of its publication, and the versions it was computed from.

Both stand in the summary of the publishing snapshot, and so does when readers had the day and by which runs. Before
snapshots expire, `to_keep` gives what of this has to go into the table's properties. A day's version is that of its
newest publication among the ancestors of the current snapshot, else the kept one: expiry and compaction leave it as it
is, and a rollback takes it back with the rows.
Pure: a table's metadata as the JSON of Iceberg's specification, whichever library has read it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from emr_jobs.core.partition import Partition

PUBLISHED = "published-wap-id"  # as Iceberg itself writes it when it publishes a staged snapshot
COMPUTED_FROM = "computed-from"
RESTORED_BY = "restored-by"  # the WAP id under which an earlier version's rows were staged once more

Metadata = Mapping[str, Any]
Inputs = Mapping[str, str | None]  # by dataset; None: published before versions were written, or known to be empty


@dataclass(frozen=True)
class Version:
    wap_id: str
    inputs: Inputs | None  # None: not on record, as of a snapshot that has expired

    @property
    def publisher(self) -> str:
        return publisher(self.wap_id)


@dataclass(frozen=True)
class Publication:
    """By whom readers had a day from then on: the run that did it, also where it put an earlier version back."""

    at: datetime
    by: str  # its WAP id

    @property
    def run(self) -> str:
        return self.by.split(".")[1] if "." in self.by else self.by


@dataclass(frozen=True)
class Publications:
    """Of a day, oldest first. What happened between the first and the newest may have expired."""

    known: tuple[Publication, ...]
    from_the_first: bool  # False: there may have been earlier ones, which nothing says any more


@dataclass(frozen=True)
class State:
    """A day as readers had it in a snapshot; `version` is None when nothing says so."""

    snapshot_id: int
    version: Version | None


def publisher(wap_id: str) -> str:
    """Run and attempt, for people."""
    _, run_id, attempt, *_ = (*wap_id.split("."), "?", "?")
    return f"{run_id} attempt {attempt}"


def of_day(metadata: Metadata, partition: Partition) -> Version | None:
    """None when the day was never published, or before versions were written."""
    for day, version, _ in _publications(metadata):
        if day == str(partition):
            return version
    kept = metadata.get("properties", {}).get(property_of(partition))
    return Version(kept, None) if kept else None


def days(metadata: Metadata) -> set[str]:
    """Every day that has a version, empty ones too."""
    kept = metadata.get("properties", {})
    return {day for day, _, _ in _publications(metadata)} | {
        name.removeprefix(property_of("")) for name in kept if name.startswith(property_of(""))
    }


def first_published(metadata: Metadata, partition: Partition) -> datetime | None:
    """When readers had the day for the first time, as far back as snapshots are kept."""
    known = publications(metadata, partition).known
    return known[0].at if known else None


def publications(metadata: Metadata, partition: Partition) -> Publications:
    """Nothing known and from the first: it was never published."""
    properties = metadata.get("properties", {})
    kept = _kept_publications(properties, str(partition))
    acts = [act for day, act, _ in _acts(metadata) if day == str(partition)][::-1]
    known = {act.by: act for act in (*acts, *kept)}  # what is kept may be a snapshot's still, of which the log is gone
    forgotten = not kept and (property_of(partition) in properties or _expired_unkept(metadata, partition))
    in_order = sorted(known.values(), key=lambda act: act.at)
    return Publications(tuple(in_order), from_the_first=not forgotten)


def states(metadata: Metadata, partition: Partition) -> list[State]:
    """Of every kept snapshot that the table's state has come through, newest first."""
    kept = metadata.get("properties", {}).get(property_of(partition))
    version = Version(kept, None) if kept else None
    found = []
    for snapshot in reversed(list(_lineage(metadata))):
        published = publication(snapshot)
        if published and published.wap_id.partition(".")[0] == str(partition):
            version = published
        found.append(State(snapshot["snapshot-id"], version))
    return found[::-1]


def to_keep(metadata: Metadata, *, before_ms: int) -> dict[str, str]:
    """Properties that say what the snapshots of before that time will no longer say. Only of those: what is said by a
    younger one can still be rolled back.
    """
    kept: dict[str, str] = {}
    for day, version, at_ms in _publications(metadata):
        if at_ms < before_ms:
            kept.setdefault(property_of(day), version.wap_id)
    return kept | _publications_to_keep(metadata, before_ms=before_ms)


def _publications_to_keep(metadata: Metadata, *, before_ms: int) -> dict[str, str]:
    """Of each day the first and the newest. Nothing of a day whose first has expired before this was kept."""
    properties = metadata.get("properties", {})
    expiring: dict[str, list[Publication]] = {}
    for day, act, at_ms in _acts(metadata):
        if at_ms < before_ms:
            expiring.setdefault(day, []).insert(0, act)
    kept = {}
    for day, acts in expiring.items():
        earlier = _kept_publications(properties, day)
        if earlier or property_of(day) not in properties:
            all_known = [*earlier, *acts]
            ends = dict.fromkeys((all_known[0], all_known[-1]))
            kept[_property_of_publications(day)] = json.dumps([[_ms(each.at), each.by] for each in ends])
    return kept


def _kept_publications(properties: Mapping[str, str], day: str) -> list[Publication]:
    kept = json.loads(properties.get(_property_of_publications(day), "[]"))
    return [Publication(_instant(at_ms), by) for at_ms, by in kept]


def _expired_unkept(metadata: Metadata, partition: Partition) -> bool:
    """Snapshots have expired by another hand than upkeep's, and the day had ended before the oldest that is there."""
    lineage = list(_lineage(metadata))
    if not lineage or lineage[-1].get("parent-snapshot-id") in (None, -1):
        return False
    kept_by_upkeep = any(name.startswith(property_of("")) for name in metadata.get("properties", {}))
    return not kept_by_upkeep and partition.end < _instant(lineage[-1]["timestamp-ms"])


def staged_days(metadata: Metadata) -> list[str]:
    """Days whose newest staged snapshot was not published, in the order of the calendar."""
    published = {version.wap_id for _, version, _ in _publications(metadata)}
    published |= {snapshot["summary"].get(RESTORED_BY) for snapshot in _lineage(metadata)}
    staged = [each["summary"]["wap.id"] for each in metadata.get("snapshots") or () if "wap.id" in each["summary"]]
    newest = {wap_id.partition(".")[0]: wap_id for wap_id in staged}
    return sorted(day for day, wap_id in newest.items() if wap_id not in published)


def property_of(day: object) -> str:
    """The name of the property that keeps its version. A day in ISO, however it is held."""
    return f"version-of.{day}"


def _property_of_publications(day: object) -> str:
    return f"published-of.{day}"


def properties_of(day: object) -> set[str]:
    """The names of all that is kept of it."""
    return {property_of(day), _property_of_publications(day)}


def written(inputs: Inputs) -> str:
    return json.dumps(inputs, sort_keys=True, separators=(",", ":"))


def _publications(metadata: Metadata) -> Iterator[tuple[str, Version, int]]:
    """Day, version and time of what the current snapshot and its ancestors published, newest first."""
    for snapshot in _lineage(metadata):
        if version := publication(snapshot):
            yield version.wap_id.partition(".")[0], version, snapshot["timestamp-ms"]


def _acts(metadata: Metadata) -> Iterator[tuple[str, Publication, int]]:
    """Day, publication and time of the snapshot, newest first. A snapshot is staged before it is readable: when it
    became so stands in the log, as far back as that is kept.
    """
    readable_ms: dict[int, int] = {}
    for entry in metadata.get("snapshot-log") or ():
        readable_ms.setdefault(entry["snapshot-id"], entry["timestamp-ms"])
    for snapshot in _lineage(metadata):
        if version := publication(snapshot):
            by = snapshot["summary"].get(RESTORED_BY) or version.wap_id
            at_ms = readable_ms.get(snapshot["snapshot-id"], snapshot["timestamp-ms"])
            yield version.wap_id.partition(".")[0], Publication(_instant(at_ms), by), snapshot["timestamp-ms"]


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def publication(snapshot: Mapping[str, Any]) -> Version | None:
    """What a snapshot published; None for one that published nothing, as a compaction's."""
    summary = snapshot["summary"]
    wap_id = summary.get(PUBLISHED) or summary.get("wap.id")  # a fast-forward keeps the staged snapshot's own
    inputs = summary.get(COMPUTED_FROM)
    return Version(wap_id, json.loads(inputs) if inputs else None) if wap_id else None


def _lineage(metadata: Metadata) -> Iterator[Mapping[str, Any]]:
    """The current snapshot and its kept ancestors, newest first."""
    snapshots = {snapshot["snapshot-id"]: snapshot for snapshot in metadata.get("snapshots") or ()}
    snapshot = snapshots.get(metadata.get("current-snapshot-id"))
    while snapshot:
        yield snapshot
        snapshot = snapshots.get(snapshot.get("parent-snapshot-id"))
