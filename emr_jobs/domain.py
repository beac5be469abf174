"""The domain: the package that says which datasets there are and which jobs make them. The settings name it.

    <package>/jobs.py       JOBS: what each job publishes, what makes it, how it is run
    <package>/contracts/    a file a dataset and a file a source
    <package>/domain.toml   time zone, hour and first day; layers; what people see

Does not own: what stands in them (catalog, contracts).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, ValidationError

from emr_jobs.catalog import Job
from emr_jobs.contracts import Check, Contract, Medium, load
from emr_jobs.contracts.load import SUFFIX, Layers
from emr_jobs.errors import Misconfigured
from emr_jobs.partition import Calendar
from emr_jobs.settings import Section, Settings, faults_of

CONTRACTS, FILE = "contracts", "domain.toml"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name}: no time zone of the IANA database") from error
    return name


class Shown(Section):
    """What `pipeline search find` shows of a document: heading -> field, with dots into lists."""

    shows: dict[str, str]


class Demo(Section):
    """What `pipeline demo` shows of the sample day."""

    dataset: str
    sql: str  # {partition} stands for the day
    words: str  # that are searched for


class _File(Section):
    timezone: Annotated[str, AfterValidator(_known_zone)]
    run_at: time
    start: date
    layers: Layers
    search: Shown
    demo: Demo


@dataclass(frozen=True, eq=False)  # one a package and process
class Domain:
    package: str
    jobs: tuple[Job, ...]
    contracts: Mapping[str, Contract]  # by dataset
    calendar: Calendar
    layers: Layers
    shows: Mapping[str, str]
    demo: Demo

    def job(self, name: str) -> Job:
        """Raises Misconfigured naming those that there are."""
        for job in self.jobs:
            if job.name == name:
                return job
        raise Misconfigured(f"job {name}: {self.package} has {', '.join(job.name for job in self.jobs)}")

    def job_of(self, dataset: str) -> Job:
        """The job that publishes this dataset."""
        return {output: job for job in self.jobs for output in job.outputs}[dataset]

    def checks_of(self, job: Job) -> list[tuple[str, Check]]:
        """Every check that the job must report, with its dataset."""
        return [(dataset, check) for dataset in job.outputs for check in self.contracts[dataset].checks]

    def inputs_of(self, job: Job) -> list[str]:
        """The datasets of other jobs that it reads."""
        published = {output for each in self.jobs if each != job for output in each.outputs}
        return sorted({name for output in job.outputs for name in self.contracts[output].upstream if name in published})

    @property
    def published(self) -> list[str]:
        """Every dataset that a job publishes."""
        return [output for job in self.jobs for output in job.outputs]

    @property
    def tables(self) -> list[Contract]:
        return self._of(Medium.TABLE)

    @property
    def indices(self) -> list[Contract]:
        return self._of(Medium.INDEX)

    @property
    def sources(self) -> list[Contract]:
        return self._of(Medium.SOURCE)

    def _of(self, medium: Medium) -> list[Contract]:
        return [contract for contract in self.contracts.values() if contract.medium is medium]

    def file_of(self, contract: Contract) -> str:
        """Its path in the repository."""
        return f"{self.package.replace('.', '/')}/{CONTRACTS}/{contract.id}{SUFFIX}"


@cache
def domain(package: str) -> Domain:
    """Raises Misconfigured without such a package and for what is wrong in its domain.toml, InvalidContracts."""
    jobs, folder = _jobs(package)
    declared = _declared(folder / FILE)
    return Domain(
        package,
        jobs,
        load(folder / CONTRACTS, declared.layers),
        Calendar(declared.timezone, declared.run_at, declared.start),
        declared.layers,
        declared.search.shows,
        declared.demo,
    )


def load_as_of(settings: Settings, folder: Path) -> Mapping[str, Contract]:
    """Another folder's contracts, in the domain's layers; the domain's own may be invalid. Raises InvalidContracts."""
    _, own = _jobs(settings.domain)
    return load(folder, _declared(own / FILE).layers)


def _jobs(package: str) -> tuple[tuple[Job, ...], Path]:
    """And the package's folder."""
    try:
        jobs = import_module(f"{package}.jobs")
    except ModuleNotFoundError as error:
        if error.name not in (package, f"{package}.jobs"):
            raise
        raise Misconfigured(f"settings: domain {package}: there is no module {error.name}") from error
    assert jobs.__file__ is not None, "a module of a package in files"
    return jobs.JOBS, Path(jobs.__file__).parent


def _declared(file: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(file.read_text()))
    except OSError as error:
        raise Misconfigured(f"{file}: not readable ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{file}: not TOML ({error})") from error
    except ValidationError as error:
        raise Misconfigured(f"{file}: {faults_of(error)}") from error


def domain_of(settings: Settings) -> Domain:
    return domain(settings.domain)
