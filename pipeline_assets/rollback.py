"""What taking a day back changes, said before it is done: each dataset's rows and run, now and then.

Metadata of the lake and of the search index only. Does not own: doing it (emr_jobs.rollback), which versions there are
to go back to (emr_jobs.publish.earlier).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emr_jobs.catalog import Job
from emr_jobs.contracts import PARTITION_COLUMN, Contract, Medium
from emr_jobs.core.errors import BadInput, Conflict
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain, domain_of
from emr_jobs.publish import earlier, versions
from emr_jobs.publish.earlier import Indexed

from pipeline_assets import lake

if TYPE_CHECKING:
    from pyiceberg.table import Table


@dataclass(frozen=True)
class Side:
    version: str | None
    rows: int  # or documents


@dataclass(frozen=True)
class Change:
    dataset: str
    now: Side
    then: Side


@dataclass(frozen=True)
class Plan:
    job: Job
    partition: Partition
    version: str
    changes: tuple[Change, ...]
    outdated: dict[str, list[str]]  # job: its inputs that it has read in other versions than they will have
    newer: list[str]  # inputs that were published again since this version was computed from them

    @property
    def is_done(self) -> bool:
        return all(each.now.version == self.version for each in self.changes)

    @property
    def is_empty(self) -> bool:
        return all(each.then.rows == 0 for each in self.changes)


@dataclass(frozen=True)
class _Day:
    """Of one job's outputs."""

    settings: Settings
    job: Job
    partition: Partition
    tables: "Mapping[str, Table]"
    metadata: earlier.Tables
    indexed: Mapping[str, Indexed]  # by dataset: of one, or none

    @classmethod
    def of(cls, settings: Settings, job: Job, partition: Partition) -> "_Day":
        from emr_jobs.publish.search import SearchIndex, errors_named

        outputs = [domain_of(settings).contracts[dataset] for dataset in job.outputs]
        catalog = lake.catalog(settings)
        tables = {each.id: lake.opened(catalog, each) for each in outputs if each.medium is Medium.TABLE}
        indexed = {}
        for each in outputs:
            if each.medium is Medium.INDEX:
                with errors_named(settings.search, dataset=each.id, partition=partition):
                    indexed[each.id] = SearchIndex(settings.search, each).indexed(partition)
        metadata = {dataset: lake.as_json(table.metadata) for dataset, table in tables.items()}
        return cls(settings, job, partition, tables, metadata, indexed)

    @property
    def domain(self) -> Domain:
        return domain_of(self.settings)

    def plan(self, version: str) -> Plan:
        """Raises BadInput when something of it is not kept any more."""
        kept = earlier.snapshots(
            self.metadata, self.partition, version, contracts=self.domain.contracts, lake=self.settings.lake
        )
        changes = [self._of_table(dataset, version, snapshot_id) for dataset, snapshot_id in kept.items()]
        changes += [self._of_index(dataset, indexed, version) for dataset, indexed in self.indexed.items()]
        return Plan(self.job, self.partition, version, tuple(changes), self._outdated(version), self._newer(version))

    def _of_table(self, dataset: str, version: str, snapshot_id: int) -> Change:
        now = earlier.shown(self.metadata[dataset], self.partition)
        return Change(dataset, Side(now, self._rows(dataset, None)), Side(version, self._rows(dataset, snapshot_id)))

    def _rows(self, dataset: str, snapshot_id: int | None) -> int:
        """From the manifests, as nobody writes delete files."""
        day = f"{PARTITION_COLUMN} == '{self.partition}'"
        return self.tables[dataset].scan(row_filter=day, snapshot_id=snapshot_id).count()

    def _of_index(self, dataset: str, indexed: Indexed, version: str) -> Change:
        from emr_jobs.publish.search import SearchIndex, errors_named

        keep = self.settings.search.keep_previous
        earlier.index_of(indexed, version, dataset=dataset, partition=self.partition, keep_previous=keep)
        with errors_named(self.settings.search, dataset=dataset, partition=self.partition):
            client = SearchIndex(self.settings.search, self.domain.contracts[dataset]).client

            def documents(of: str | None) -> int:
                name = indexed.names.get(of or "")
                return int(client.count(index=name)["count"]) if name else 0

            return Change(dataset, Side(indexed.shown, documents(indexed.shown)), Side(version, documents(version)))

    def _outdated(self, version: str) -> dict[str, list[str]]:
        """Jobs that were computed of another version of these datasets than they will have."""
        found: dict[str, list[str]] = {}
        for job in self.domain.jobs:
            table = lake.table(lake.catalog(self.settings), self.domain.contracts[job.lead])
            shown = None if table is None else lake.version(table, self.partition)
            if job is not self.job and shown is not None:
                read = {name: each for name, each in (shown.inputs or {}).items() if name in self.job.outputs}
                if moved := [name for name, each in read.items() if each != version]:
                    found[job.name] = moved
        return found

    def _newer(self, version: str) -> list[str]:
        catalog = lake.catalog(self.settings)
        read = {name: each for indexed in self.indexed.values() for name, each in indexed.inputs[version].items()}
        now = {name: lake.version(lake.opened(catalog, self.domain.contracts[name]), self.partition) for name in read}
        return sorted(name for name, each in now.items() if (each and each.wap_id) != read[name])


def to_previous(settings: Settings, job: Job, partition: Partition) -> Plan:
    """To the run before. Raises BadInput when there is none that is kept."""
    day = _Day.of(settings, job, partition)
    (indexed,) = day.indexed.values()
    version = earlier.previous(day.metadata, indexed, job.lead, partition)
    if version is None:
        raise BadInput(
            dataset=job.lead,
            partition=partition,
            expected="an earlier run's day that is kept in every table and in the index",
            found="none",
            fix=f"Snapshots are kept for {settings.lake.snapshot_keep_days} days (lake.snapshot_keep_days), replaced "
            f"indices {settings.search.keep_previous} a day (search.keep_previous). Mend the source or the code, and "
            "run the day again",
        )
    return day.plan(version)


def to_snapshot(settings: Settings, contract: Contract, partition: Partition, snapshot_id: int) -> Plan:
    """To the version that the day had in a snapshot of one dataset, with all datasets of its job.

    Raises BadInput for a snapshot that is not kept or does not say whose the day was, Conflict where the search index
    would then be of another run than the tables.
    """
    day = _Day.of(settings, domain_of(settings).job_of(contract.id), partition)
    states = {each.snapshot_id: each.version for each in versions.states(day.metadata[contract.id], partition)}
    if snapshot_id not in states:
        raise earlier.expired(contract, partition, f"snapshot {snapshot_id}", lake=settings.lake)
    version = states[snapshot_id]
    if version is None:
        raise BadInput(
            dataset=contract.id,
            partition=partition,
            expected="a snapshot in which the day was published",
            found=f"that nothing was published of it by snapshot {snapshot_id}",
            fix=f"Which have it: pipeline lake history {contract.id} --partition {partition}",
        )
    for dataset, indexed in day.indexed.items():
        if indexed.shown != version.wap_id:
            raise Conflict(
                dataset=contract.id,
                partition=partition,
                expected=f"{dataset} to be of the run that the tables will be of, {version.publisher}",
                found=f"an index of {versions.publisher(indexed.shown) if indexed.shown else 'no known run'}",
                fix=f"Tables and index go back together: pipeline rollback --partition {partition}",
            )
    return day.plan(version.wap_id)
