"""What follows from contracts alone: jobs that extract one source into one dataset, and the datasets of their rejects.

A table that no job of the domain publishes, and whose columns come from one source, is read by its contract
(by_contract). Pure. Does not own: how (contracts.reading), the contract of the rejects (contracts.rejects).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from emr_jobs.catalog import Job
from emr_jobs.contracts import Contract, Medium
from emr_jobs.contracts.reading import faults
from emr_jobs.contracts.rejects import checks_of_extraction, rejects_id, rejects_of

EXTRACT = "emr_jobs.by_contract:extract"
TIMEOUT_S = 1800


def extractions(declared: Iterable[Job], contracts: Mapping[str, Contract]) -> list[tuple[Contract, Contract]]:
    """Each dataset that is read by its contract, with its source, in the order of the contracts."""
    published = {output for job in declared for output in job.outputs}
    return [
        (contract, contracts[contract.upstream[0]])
        for contract in contracts.values()
        if contract.medium is Medium.TABLE
        and contract.id not in published
        and len(contract.upstream) == 1
        and contracts[contract.upstream[0]].medium is Medium.SOURCE
    ]


def jobs(found: Iterable[tuple[Contract, Contract]]) -> Iterator[Job]:
    for dataset, source in found:
        yield Job(
            f"extract_{dataset.name}",
            body=EXTRACT,
            inputs=(source.id,),
            outputs=(rejects_id(dataset, source), dataset.id),
            timeout_s=TIMEOUT_S,
            max_retries=1,
            declared_in="emr_jobs/derived.py",
        )


def datasets(found: Iterable[tuple[Contract, Contract]]) -> Iterator[Contract]:
    """The datasets themselves, with the checks that their extraction brings, and those of their rejects."""
    for dataset, source in found:
        yield replace(dataset, checks=(*dataset.checks, *checks_of_extraction(dataset, source)))
        yield rejects_of(dataset, source)


def faults_of(found: Iterable[tuple[Contract, Contract]], contracts: Mapping[str, Contract]) -> Iterator[str]:
    """What stands against reading them so, and names that would be there twice."""
    sources: dict[str, str] = {}
    for dataset, source in found:
        yield from faults(dataset, source)
        rejects = rejects_id(dataset, source)
        if rejects in contracts or rejects in sources:
            other = sources.get(rejects, "a contract")
            yield f"{source.id}: its rejects are {rejects}, and so are those of {other}; name one of the sources anew"
        sources[rejects] = source.id
