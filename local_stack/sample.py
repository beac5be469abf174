"""Sample data of the local domain: its own generator, `<package>.sample`, and rows derived from contracts beside it.

A source that the generator writes nothing for, and every source of a domain without one, has rows that follow from its
contract (derived_sample). Does not own: what a generator makes.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from emr_jobs.catalog import BY_CONTRACT
from emr_jobs.contracts import Contract
from emr_jobs.contracts.load import measures_of
from emr_jobs.contracts.read import Rest
from emr_jobs.contracts.rejects import MISSING_ROWS
from emr_jobs.core import settings
from emr_jobs.core.partition import Partition
from emr_jobs.domain import Domain, domain_of
from local_stack import derived_sample, sample_files
from pipeline_assets.home import profile

ROWS, SEED = 20_000, 7  # good records of a day, when nobody says how many


class Generator(Protocol):
    def generate(self, folder: Path, *, partition: Partition, rows: int, seed: int) -> dict[str, Any]:
        """Write the inputs of one partition, other partitions in the folder stay; returns what truth.json says."""


def local_domain() -> Domain:
    """That the settings of a laptop name."""
    return _domain_at(str(profile("local")))


@cache
def _domain_at(uri: str) -> Domain:
    return domain_of(settings.load(uri))


def generate(folder: Path, *, partition: Partition, rows: int = ROWS, seed: int = SEED) -> dict[str, Any]:
    """A day of every source; how many of each defect it has, by `planted`."""
    domain = local_domain()
    own = _generator(domain)
    truth = own.generate(folder, partition=partition, rows=rows, seed=seed) if own else {"planted": {}}
    for source in lacking(folder, partition):
        derived = derived_sample.write(
            source,
            folder,
            partition=partition,
            count=rows,
            seed=seed,
            unique=set(_keys_from(domain, source)),
            duplicates=_bears_duplicates(domain, source),
        )
        truth["planted"] |= {f"{source.id} {name}": count for name, count in derived.items() if name != "rows"}
        truth[source.id] = derived["rows"]
    return truth


def lacking(folder: Path, partition: Partition) -> list[Contract]:
    """Sources of which the folder has nothing for this day."""
    return [source for source in local_domain().sources if not sample_files.are_there(source, folder, partition)]


def _generator(domain: Domain) -> Generator | None:
    module = f"{domain.package}.sample"
    return cast("Generator", import_module(module)) if find_spec(module) else None


def _keys_from(domain: Domain, source: Contract) -> Iterator[str]:
    """Its fields that a key is read from: no two records share them."""
    for contract in _read_of(domain, source):
        for column in contract.columns:
            if column.key_position is not None and (field := column.lineage[0][1]):
                yield field.partition(".")[0]


def _bears_duplicates(domain: Domain, source: Contract) -> bool:
    """Whether a record that comes twice blocks nothing that is read by contract. Of an API's equal ones one stays,
    unless the dataset wants all."""
    by_contract = [each for each in _read_of(domain, source) if domain.job_of(each.id).body == BY_CONTRACT]
    if any(MISSING_ROWS in measures_of(each.checks) for each in by_contract):
        return False
    return isinstance(source.read, Rest) or all(not each.key or each.taken.keep_greatest for each in by_contract)


def _read_of(domain: Domain, source: Contract) -> list[Contract]:
    """The datasets that are read of it alone."""
    return [contract for contract in domain.tables if contract.upstream == (source.id,)]
