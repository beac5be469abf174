"""Takes a day back: a job's datasets of one day as an earlier run of that job published them. A step, no asset.

    spark-submit emr_jobs/rollback.py JOB --to VERSION <the arguments of every job>

The rows of that version are staged anew, audited against the inputs that they were computed from, and published with
the job's fences; the index that was loaded from them goes back behind the alias. The day then has that version again,
so what was computed of it before fits it again, and a run that is publishing meanwhile loses. Invariant: readers see
the day as it was before or as it is after; no other day changes; done twice it is done once.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from emr_jobs.contracts import Contract, Medium
from emr_jobs.contracts.model import Measure
from emr_jobs.contracts.table import spark_type
from emr_jobs.core.errors import Remedy, SchemaDrift
from emr_jobs.frame.job_run import JobRun
from emr_jobs.job import main, parser
from emr_jobs.publish import audit, earlier, lake, search
from emr_jobs.publish.bulk import Outcome
from emr_jobs.publish.day import Loaded, audit_then_commit, publish_loaded, stage, view
from emr_jobs.publish.lake import Staged
from emr_jobs.publish.versions import Inputs

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def rollback(run: JobRun, *, version: str) -> None:
    """Raises BadInput when something of that version is not kept any more; nothing is changed then."""
    contracts = [run.contract(dataset) for dataset in run.job.outputs]
    tables = [contract for contract in contracts if contract.medium is Medium.TABLE]
    (index, *_) = (*(contract for contract in contracts if contract.medium is Medium.INDEX), None)
    with run.report.phase("look"):
        metadata = {contract.id: lake.metadata(run.spark, contract) for contract in tables}
        kept = earlier.snapshots(
            metadata, run.partition, version, contracts=run.domain.contracts, lake=run.settings.lake
        )
    if index is None:
        days = _staged(run, tables, kept, version)
        audit_then_commit(replace(run, wap_id=version), days, measures=_measures(days))
        return
    with search.errors_named(run.settings.search, dataset=index.id, partition=run.partition):
        target = search.SearchIndex(run.settings.search, index)
        name, read = _index(run, target, version)
        _see_inputs(run, read)
        days = _staged(run, tables, kept, version)
        publish_loaded(
            replace(run, wap_id=version),
            days,
            _loaded(target, name, rows=days[0].rows),
            expected=days[0].rows,
            inputs=read,
            measures=_measures(days),
            compared=False,
        )


def _staged(run: JobRun, tables: list[Contract], kept: Mapping[str, int], version: str) -> list[Staged]:
    rows = {contract.id: _rows(run, contract, kept[contract.id]) for contract in tables}
    return [replace(day, restores=version) for day in stage(run, rows)]


def _rows(run: JobRun, contract: Contract, snapshot_id: int) -> "DataFrame":
    """In the contract's columns: the snapshot has those of its time."""
    from pyspark.sql import functions as F

    found = lake.at_snapshot(run.spark, contract, partition=run.partition, snapshot_id=snapshot_id)
    absent = [column for column in contract.columns if column.name not in found.columns]
    columns = {column.name: F.lit(None).cast(spark_type(column)) for column in absent}
    return found.withColumns(columns).select([column.name for column in contract.columns])


def _see_inputs(run: JobRun, read: Inputs) -> None:
    """What the checks' SQL names: the inputs in the versions of that time, however often they were published since."""
    for dataset, version in read.items():
        contract = run.contract(dataset)
        snapshot_id = earlier.snapshot_of(lake.metadata(run.spark, contract), run.partition, version)
        if snapshot_id is None:
            wanted = f"a snapshot with version {version}, from which the day was computed"
            raise earlier.expired(contract, run.partition, wanted, lake=run.settings.lake)
        view(run, dataset, snapshot_id)


def _measures(days: list[Staged]) -> dict[str, audit.Measures]:
    """What that run measured of its input cannot be taken again."""
    return {
        day.contract.id: {check.rule.measure: None for check in day.contract.checks if isinstance(check.rule, Measure)}
        for day in days
    }


def _index(run: JobRun, target: search.SearchIndex, version: str) -> tuple[str, Inputs]:
    """The index that was loaded from that version, with the versions of what it was computed from."""
    indexed = target.indexed(run.partition)
    name = earlier.index_of(
        indexed,
        version,
        dataset=target.contract.id,
        partition=run.partition,
        keep_previous=target.settings.keep_previous,
    )
    if drift := target.drifts(name):
        raise SchemaDrift(
            dataset=target.contract.id,
            partition=run.partition,
            expected=f"{name} to have the contract's fields",
            found="; ".join([*drift[name].fixed, *(f"{each} absent" for each in drift[name].addable)]),
            fix="",
            remedy=Remedy.WIDEN,
        )
    return name, indexed.inputs[version]


def _loaded(target: search.SearchIndex, name: str, *, rows: int) -> Loaded:
    """As if it had been loaded just now. What has no document was refused then; the audit knows how many may be."""
    documents = int(target.client.count(index=name)["count"])
    return Loaded(target, name, documents, Outcome(sent=rows, refused=max(rows - documents, 0)), None)


if __name__ == "__main__":
    arguments = parser("emr_jobs/rollback.py")
    arguments.add_argument("--to", required=True, help="the version: pipeline lake history has them")
    given = arguments.parse_args()
    main(given, partial(rollback, version=given.to))
