"""What follows from contracts alone: jobs that extract one source into one dataset, and the datasets of their rejects.

A table that no job of the domain publishes, and whose columns come from one source, is read by its contract
(by_contract); so is that of a declared job with this body, which has limits of its own or picks values. Pure.
Does not own: how (contracts.reading), the contract of the rejects (contracts.rejects).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from emr_jobs.catalog import BY_CONTRACT, Job
from emr_jobs.contracts import Contract, Medium
from emr_jobs.contracts.read import Snowflake
from emr_jobs.contracts.reading import faults, picked_by
from emr_jobs.contracts.rejects import checks_of_extraction, rejects_id, rejects_of

TIMEOUT_S = 1800


@dataclass(frozen=True)
class Extraction:
    """A dataset that is read by its contract."""

    dataset: Contract
    source: Contract
    job: Job  # declared, or that which follows


def extractions(declared: Collection[Job], contracts: Mapping[str, Contract]) -> list[Extraction]:
    """Of the declared jobs that have no `job_faults`, and of the contracts that no job publishes, in their orders."""
    published = {output for job in declared for output in job.outputs}
    return [
        *(
            Extraction(contracts[job.outputs[-1]], contracts[job.inputs[0]], job)
            for job in declared
            if job.body == BY_CONTRACT
        ),
        *(
            Extraction(contract, source, _job(contract, source))
            for contract in contracts.values()
            if contract.id not in published and (source := _only_source(contract, contracts)) is not None
        ),
    ]


def _only_source(dataset: Contract, contracts: Mapping[str, Contract]) -> Contract | None:
    """Of a table's columns."""
    if dataset.medium is not Medium.TABLE or len(dataset.upstream) != 1:
        return None
    upstream = contracts[dataset.upstream[0]]
    return upstream if upstream.medium is Medium.SOURCE else None


def _job(dataset: Contract, source: Contract) -> Job:
    return Job(
        f"extract_{dataset.name}",
        body=BY_CONTRACT,
        inputs=(source.id,),
        outputs=(rejects_id(dataset, source), dataset.id),
        declared_in="emr_jobs/derived.py",
        timeout_s=TIMEOUT_S,
        max_retries=1,
    )


def job_faults(declared: Iterable[Job], contracts: Mapping[str, Contract]) -> Iterator[str]:
    """What a declared job says wrongly of what it reads by contract."""
    for job in declared:
        if job.body == BY_CONTRACT:
            yield from (f"{job.name}: {fault}" for fault in _faults(job, contracts))
        elif job.picks:
            yield f"{job.name}: picks, but its body is not {BY_CONTRACT}"


def _faults(job: Job, contracts: Mapping[str, Contract]) -> Iterator[str]:
    dataset = contracts.get(job.outputs[-1]) if job.outputs else None
    source = _only_source(dataset, contracts) if dataset else None
    if dataset is None or source is None:
        yield "read by contract, so its last output is a table of one source"
        return
    expected = (source.id,), (rejects_id(dataset, source), dataset.id)
    for name, named, right in zip(("inputs", "outputs"), (job.inputs, job.outputs), expected, strict=True):
        if named != right:
            yield f"{name} {', '.join(named) or 'none'}, but read by contract they are {', '.join(right)}"
    picked = picked_by(job.picks)
    for column in dict.fromkeys(picked):
        if column not in {each.name for each in dataset.columns}:
            yield f"picks {column}, which is no column of {dataset.id}"
        if picked.count(column) > 1:
            yield f"picks {column} {picked.count(column)} times"
    if picked and isinstance(source.read, Snowflake):
        yield f"picks, but {source.id} has no records: its statement makes the columns"


def following(found: Iterable[Extraction], declared: Collection[Job]) -> Iterator[Job]:
    """The jobs that nobody declares."""
    return (each.job for each in found if each.job not in declared)


def datasets(found: Iterable[Extraction]) -> Iterator[Contract]:
    """The datasets themselves, with the checks that their extraction brings, and those of their rejects."""
    for each in found:
        yield replace(each.dataset, checks=(*each.dataset.checks, *checks_of_extraction(each.dataset, each.source)))
        yield rejects_of(each.dataset, each.source, each.job.picks)


def faults_of(found: Iterable[Extraction], contracts: Mapping[str, Contract]) -> Iterator[str]:
    """What stands against reading them so, and names that would be there twice."""
    sources: dict[str, str] = {}
    for each in found:
        source = each.source
        yield from faults(each.dataset, source, each.job.picks)
        rejects = rejects_id(each.dataset, source)
        if rejects in contracts or rejects in sources:
            other = sources.get(rejects, "a contract")
            yield f"{source.id}: its rejects are {rejects}, and so are those of {other}; name one of the sources anew"
        sources[rejects] = source.id
