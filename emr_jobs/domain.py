"""The domain: the package that says which datasets there are and which jobs make them. Nothing here knows its names.

<package>/jobs.py       JOBS: what each job publishes, what makes it, how it is run
<package>/contracts/    a file a dataset and a file a source
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from emr_jobs.catalog import Job
from emr_jobs.contracts import Contract, load


@dataclass(frozen=True, eq=False)  # one a package and process
class Domain:
    package: str
    jobs: tuple[Job, ...]
    contracts: Mapping[str, Contract]  # by dataset

    def job(self, name: str) -> Job:
        return {job.name: job for job in self.jobs}[name]

    def job_of(self, dataset: str) -> Job:
        """The job that publishes this dataset."""
        return {output: job for job in self.jobs for output in job.outputs}[dataset]


@cache
def domain(package: str) -> Domain:
    """Raises InvalidContracts."""
    jobs = import_module(f"{package}.jobs")
    assert jobs.__file__ is not None, "a module of a package in files"
    return Domain(package, jobs.JOBS, load(Path(jobs.__file__).with_name("contracts")))


# Until every caller is given its domain by the settings: the one that there is.
SHOP = "shop"
JOBS: tuple[Job, ...] = import_module(f"{SHOP}.jobs").JOBS


def job_named(name: str) -> Job:
    return {job.name: job for job in JOBS}[name]


def job_of(dataset: str) -> Job:
    """The job that publishes this dataset."""
    return {output: job for job in JOBS for output in job.outputs}[dataset]
