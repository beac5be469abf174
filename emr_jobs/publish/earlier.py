"""A day as an earlier run published it: which runs there are to go back to, and where their rows still are. Pure.

A job's tables go back together, to one version (versions.py): one of them alone would be a day of two runs. The rows
are kept as long as any snapshot in which the day had that version, which may be a younger one than that of its
publication. Does not own: the search index, staging and publishing what is found (rollback).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from emr_jobs.contracts import Contract
from emr_jobs.core.errors import BadInput
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Lake
from emr_jobs.publish.versions import Inputs, Metadata, states

# Snapshots of a table that its contract keeps for some days only. A publish needs that which its own was staged upon.
STAGED_MINIMUM = timedelta(days=1)

Tables = Mapping[str, Metadata]  # by dataset


def kept_for(contract: Contract, lake: Lake) -> timedelta:
    """How long upkeep leaves the snapshots of a table."""
    return timedelta(days=lake.snapshot_keep_days) if contract.keep_days is None else STAGED_MINIMUM


def shown(metadata: Metadata, partition: Partition) -> str | None:
    """The version that readers see."""
    newest = states(metadata, partition)[:1]
    return newest[0].version.wap_id if newest and newest[0].version else None


def snapshot_of(metadata: Metadata, partition: Partition, version: str | None) -> int | None:
    """The newest snapshot in which the day has the version; None when there is none any more."""
    found = (each for each in states(metadata, partition) if (each.version and each.version.wap_id) == version)
    return next((each.snapshot_id for each in found), None)


def snapshots(
    tables: Tables, partition: Partition, version: str, *, contracts: Mapping[str, Contract], lake: Lake
) -> dict[str, int]:
    """Of each table, one that has the day in that version. Raises BadInput naming the limit when one has expired."""
    found = {dataset: snapshot_of(metadata, partition, version) for dataset, metadata in tables.items()}
    for dataset, snapshot_id in found.items():
        if snapshot_id is None:
            raise expired(contracts[dataset], partition, f"a snapshot with version {version}", lake=lake)
    return {dataset: snapshot_id for dataset, snapshot_id in found.items() if snapshot_id is not None}


def expired(contract: Contract, partition: Partition, wanted: str, *, lake: Lake) -> BadInput:
    days = kept_for(contract, lake).days
    limit = "lake.snapshot_keep_days" if contract.keep_days is None else "its contract keeps days for a while only"
    return BadInput(
        dataset=contract.id,
        partition=partition,
        expected=wanted,
        found="none",
        fix=f"It has expired, or never was: snapshots are kept for {days} days ({limit}). Mend the source or the code, "
        "and run the day again",
    )


@dataclass(frozen=True)
class Indexed:
    """A day in the search index: by version, the index that holds it; only those that are or were behind the alias."""

    shown: str | None  # the version that readers see
    names: Mapping[str, str]
    inputs: Mapping[str, Inputs] = field(default_factory=dict)  # that each version was computed from


def index_of(indexed: Indexed, version: str, *, dataset: str, partition: Partition, keep_previous: int) -> str:
    """The index that holds the version. Raises BadInput naming the limit when there is none any more."""
    if version not in indexed.names:
        raise BadInput(
            dataset=dataset,
            partition=partition,
            expected=f"an index of version {version}",
            found="none",
            fix=f"Replaced indices are kept as search.keep_previous says, {keep_previous} a day. "
            "Mend the source or the code, and run the day again",
        )
    return indexed.names[version]


def previous(tables: Tables, indexed: Indexed, lead: str, partition: Partition) -> str | None:
    """The version before that of the lead, in the order in which they were first published; the lead's own where the
    others do not show it, as after a run that was stopped halfway. Only one that is kept in every table and in the
    index. None when there is none.
    """
    known = [state.version.wap_id for state in reversed(states(tables[lead], partition)) if state.version]
    if not known:
        return None
    order, now = list(dict.fromkeys(known)), known[-1]
    is_whole = {now} == {indexed.shown, *(shown(metadata, partition) for metadata in tables.values())}
    earlier = order[: order.index(now) + (0 if is_whole else 1)]

    def is_kept(version: str) -> bool:
        in_tables = (snapshot_of(metadata, partition, version) for metadata in tables.values())
        return version in indexed.names and all(snapshot_id is not None for snapshot_id in in_tables)

    return next((version for version in reversed(earlier) if is_kept(version)), None)
