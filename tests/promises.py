"""What every domain's contracts promise of what its jobs publish."""

from datetime import time

from emr_jobs.contracts import PARTITION_COLUMN, Contract, Medium
from emr_jobs.domain import Domain


def outputs(domain: Domain) -> list[Contract]:
    return [domain.contracts[dataset] for job in domain.jobs for dataset in job.outputs]


def assert_described_whole(contract: Contract, *, owner: str, available_by: time, index: str) -> None:
    """Rejects, too, which no file declares. `index`: the layer of indices."""
    assert contract.owner == owner
    assert contract.description
    assert contract.granularity
    assert contract.version
    assert contract.available_by == available_by
    assert contract.checks
    assert contract.medium is (Medium.INDEX if contract.layer == index else Medium.TABLE)
    assert contract.columns[0].name == PARTITION_COLUMN
    assert bool(contract.key) != contract.name.startswith("rejected_")


def assert_sources_are_published_before(domain: Domain) -> None:
    published = [contract.id for contract in domain.contracts.values() if contract.medium is Medium.SOURCE]
    for job in domain.jobs:
        for dataset in job.outputs:
            assert set(domain.contracts[dataset].upstream) <= set(published), dataset
            published.append(dataset)
