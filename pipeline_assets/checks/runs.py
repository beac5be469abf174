"""Whose day readers see: one run's in all outputs of a job, computed of the inputs as they are now.

From versions alone (emr_jobs/publish/versions.py), without a look at rows. Only jobs that read other jobs' datasets.
"""

from collections.abc import Mapping, Sequence

import dagster as dg
from emr_jobs.catalog import Job
from emr_jobs.contracts import Contract, Medium
from emr_jobs.core.errors import Remedy
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of
from emr_jobs.publish.versions import Inputs, Version

from pipeline_assets import lake
from pipeline_assets.checks.verdict import Results, Verdict, check_spec, result, selected
from pipeline_assets.remedies import place_of

OF_ONE_RUN = "of_one_run"
_PROVES = (
    "The day is of the run that {} shows, and the inputs are in the versions from which that run computed it. "
    "When it fails: `{}`."
)


def run_checks(settings: Settings, partitions: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    found, place = domain_of(settings), place_of(settings)
    outputs = [found.contracts[dataset] for job in found.jobs if found.inputs_of(job) for dataset in job.outputs]

    @dg.multi_asset_check(
        name="published_runs",
        specs=[
            check_spec(
                each,
                OF_ONE_RUN,
                _PROVES.format(found.job_of(each.id).lead, place.command("<day>", each.id)),
                partitions,
            )
            for each in outputs
        ],
        can_subset=True,
    )
    def published_runs(context: dg.AssetCheckExecutionContext) -> Results:
        partition = found.calendar.partition(context.partition_key)
        for contract in selected(context, outputs):
            job = found.job_of(contract.id)
            verdict = judge_run(
                job,
                shown=_versions(settings, contract, partition),
                lead=_versions(settings, found.contracts[job.lead], partition),
                now={
                    name: _one(_versions(settings, found.contracts[name], partition)) for name in found.inputs_of(job)
                },
            )
            yield result(contract, OF_ONE_RUN, verdict, partition=str(partition), place=place)

    return published_runs


def _versions(settings: Settings, contract: Contract, partition: Partition) -> list[Version | None]:
    """One of a table, one of every index of the day; None: published before versions were written."""
    if contract.medium is Medium.TABLE:
        table = lake.table(lake.catalog(settings), contract)
        return [] if table is None else [lake.version(table, partition)]
    from emr_jobs.publish.search import SearchIndex, errors_named

    with errors_named(settings.search, dataset=contract.id, partition=partition):
        target = SearchIndex(settings.search, contract)
        return [target.version(index.name) for index in target.published(partition)]


def _one(versions: Sequence[Version | None]) -> str | None:
    return next((version.wap_id for version in versions if version), None)


def judge_run(
    job: Job,
    *,
    shown: Sequence[Version | None],
    lead: Sequence[Version | None],
    now: Mapping[str, str | None],
) -> Verdict:
    """`shown`: of one of its outputs; `lead`: of its first; `now`: of the inputs."""
    wrong = []
    if [_one([version]) for version in shown] != [_one(lead)]:
        wrong.append(f"of {job.lead} {_one(lead)}")
    wrong += [moved for version in shown if version for moved in _moved(version.inputs or {}, now)]
    versions = ", ".join(str(_one([version])) for version in shown) or "nothing"
    return Verdict(
        passed=not wrong,
        expected=f"the version of {job.lead}, computed of the inputs as they are now",
        found="; ".join([versions, *wrong]),
        fix="A run was stopped between its commits, an input was published again, or one of them was rolled back.",
        remedy=Remedy.RERUN,
        numbers={"versions_that_differ": len(wrong)},
    )


def _moved(read: Inputs, now: Mapping[str, str | None]) -> list[str]:
    return [f"{name} {now.get(name)}, read as {then}" for name, then in read.items() if now.get(name) != then]
