"""Of two runs of one day one publishes all of it; the other one says so and stops.

The first output of a job is its lead: whose version the lead shows, whose the day is. A run takes the lead only in
the version that it had when the run began, and while the inputs have the versions that were read. It publishes every
other output only while the lead is its own: the output's present state is read first, then the lead, and the commit
holds on that state only. So a run that has lost the lead either sees it or commits before the new owner does.
Does not own: the commits (lake, search).
"""

from collections.abc import Callable, Iterable

from emr_jobs.core.errors import BadInput, Conflict, Outdated, Remedy
from emr_jobs.frame.job_run import JobRun
from emr_jobs.publish import lake
from emr_jobs.publish.lake import Published
from emr_jobs.publish.versions import Inputs


def read(run: JobRun, datasets: Iterable[str]) -> dict[str, Published]:
    """Each input's day as it is now. Raises BadInput for one that was never published, or not as a whole."""
    days = {
        dataset: lake.published(run.spark, run.contract(dataset), partition=run.partition, allow_empty=run.allow_empty)
        for dataset in datasets
    }
    found = {dataset: day for dataset, day in days.items() if day is not None}
    if lacking := [dataset for dataset in days if dataset not in found]:
        raise _unpublished(run, lacking)
    for dataset, day in found.items():
        job = run.domain.job_of(dataset)
        for other in job.outputs:
            if other in found and found[other].version != day.version:
                raise BadInput(
                    dataset=dataset,
                    partition=run.partition,
                    expected=f"one run's day in all datasets of {job.name}",
                    found=f"version {day.version}, of {other} {found[other].version}",
                    fix=f"Wait for a run of {job.name} that is publishing now; if there is none, one was stopped "
                    f"halfway: run {job.name} again.",
                    remedy=Remedy.RERUN,
                )
        run.report.log("input", dataset=dataset, snapshot_id=day.snapshot_id, version=day.version)
    return found


def _unpublished(run: JobRun, datasets: list[str]) -> BadInput:
    jobs = list(dict.fromkeys(run.domain.job_of(dataset).name for dataset in datasets))
    first, *others = datasets
    return BadInput(
        dataset=first,
        partition=run.partition,
        expected="a published day",
        found=f"none, nor one of {' and '.join(others)}" if others else "none",
        fix=f"To be published first: {' and '.join(jobs)}.",
        remedy=Remedy.UPSTREAM,
    )


def permitted(run: JobRun, dataset: str, inputs: Inputs) -> Callable[[str | None], None]:
    """Raises Conflict when the output's day must not be replaced by this run's: `lake.publish` asks."""

    def lead(replaced: str | None) -> None:
        if replaced != run.replaced:
            raise _lost(run, replaced)
        if moved := _moved(run, inputs):
            raise Outdated(
                dataset=dataset,
                partition=run.partition,
                expected="inputs as this run has read them",
                found="; ".join(moved),
                fix="Nothing of this run was published.",
                remedy=Remedy.RERUN,
            )

    return lead if dataset == run.job.lead else lambda _: require_ours(run)


def require_ours(run: JobRun) -> None:
    """Raises Conflict when another run has the day."""
    shown = lake.version(run.spark, run.contract(run.job.lead), run.partition)
    if shown != run.wap_id:
        raise _lost(run, shown)


def warn_of_moved(run: JobRun, inputs: Inputs) -> None:
    """Inputs that were published again after the commit: what stands is whole, and no longer the newest."""
    for moved in _moved(run, inputs):
        run.report.log("warning", dataset=run.job.lead, partition_date=run.partition, found=f"after the commit {moved}")


def _moved(run: JobRun, inputs: Inputs) -> list[str]:
    now = {dataset: lake.version(run.spark, run.contract(dataset), run.partition) for dataset in inputs}
    return [
        f"{dataset} published again as {now[dataset]}, read as {read}"
        for dataset, read in inputs.items()
        if now[dataset] != read
    ]


def _lost(run: JobRun, shown: str | None) -> Conflict:
    return Conflict(
        dataset=run.job.lead,
        partition=run.partition,
        expected="to be the only run of this partition",
        found=f"another run that published it after this one had begun, {shown}; that one stands",
        fix="Nothing is lost. Run the day again if this run's input was the newer.",
        remedy=Remedy.RERUN,
    )
