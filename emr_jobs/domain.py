"""The domain: the package that says which datasets there are and which jobs make them. The settings name it.

    <package>/jobs.py       JOBS: what each job publishes, what makes it, how it is run
    <package>/contracts/    a file a dataset and a file a source
    <package>/domain.toml   time zone, hour and first day; layers; what people see

Does not own: what stands in them (catalog, contracts).
"""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, ValidationError

from emr_jobs import derived
from emr_jobs.catalog import BY_CONTRACT, Job
from emr_jobs.contracts import Check, Contract, InvalidContracts, Medium, load
from emr_jobs.contracts.load import SUFFIX, Layers
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Calendar
from emr_jobs.core.settings import Section, Settings, faults_of

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
    folder: Path  # of the package
    jobs: tuple[Job, ...]  # those that contracts are enough for first
    contracts: Mapping[str, Contract]  # by dataset; those of rejects are derived
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
        return sorted(name for name in job.inputs if not self.is_source(name))

    def sources_of(self, job: Job) -> list[Contract]:
        """The sources that it reads."""
        return [self.contracts[name] for name in job.inputs if self.is_source(name)]

    def upstream_of(self, contract: Contract) -> tuple[str, ...]:
        """What it is made of: where its columns come from, and inputs of its job of which no column is made."""
        if contract.medium is Medium.SOURCE:
            return contract.upstream
        job = self.job_of(contract.id)
        in_columns = {name for output in job.outputs for name in self.contracts[output].upstream}
        return (*contract.upstream, *(name for name in job.inputs if name not in in_columns))

    def is_source(self, dataset: str) -> bool:
        return self.contracts[dataset].medium is Medium.SOURCE

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
        """The path in the repository of what declares it; of rejects, the dataset that they are rejects of."""
        declared = contract.id
        if contract.medium is not Medium.SOURCE and (job := self.job_of(contract.id)).body == BY_CONTRACT:
            declared = job.outputs[-1]
        return f"{self.package.replace('.', '/')}/{CONTRACTS}/{declared}{SUFFIX}"


@cache
def domain(package: str) -> Domain:
    """Raises Misconfigured without such a package and for what is wrong in its domain.toml, InvalidContracts."""
    declared_in = f"{package.replace('.', '/')}/jobs.py"
    listed, folder = _jobs(package)
    declared_jobs = tuple(replace(job, declared_in=declared_in) for job in listed)
    declared = _declared(folder / FILE)
    written = load(folder / CONTRACTS, declared.layers)
    if faults := list(derived.job_faults(declared_jobs, written)):
        raise Misconfigured(f"{declared_in}: {'; '.join(faults)}")
    extractions = derived.extractions(declared_jobs, written)
    if unreadable := list(derived.faults_of(extractions, written)):
        raise InvalidContracts(unreadable)
    contracts = {**written, **{each.id: each for each in derived.datasets(extractions)}}
    jobs = (*derived.following(extractions, declared_jobs), *declared_jobs)
    if faults := list(_of_jobs(jobs, contracts)):
        raise Misconfigured(f"{declared_in}: {'; '.join(faults)}")
    return Domain(
        package,
        folder,
        jobs,
        contracts,
        Calendar(declared.timezone, declared.run_at, declared.start),
        declared.layers,
        declared.search.shows,
        declared.demo,
    )


def _of_jobs(jobs: Sequence[Job], contracts: Mapping[str, Contract]) -> Iterator[str]:
    """What they name that is not there, twice or nobody's, and what lineage says that no job declares."""
    published = [output for job in jobs for output in job.outputs]
    for job in jobs:
        unknown = [name for name in (*job.inputs, *job.outputs) if name not in contracts]
        yield from (f"{job.name}: no contract {name}" for name in unknown)
        if unknown:
            continue
        upstream = {name for output in job.outputs for name in contracts[output].upstream}
        for name in sorted(upstream - {*job.inputs, *job.outputs}):
            yield f"{job.name}: its columns come from {name}, which is none of its inputs"
    yield from (f"{name}: published by {times} jobs" for name, times in Counter(published).items() if times > 1)
    for contract in contracts.values():
        if contract.medium is not Medium.SOURCE and contract.id not in published:
            yield f"{contract.id}: no job publishes it"


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
    return tuple(jobs.JOBS), Path(jobs.__file__).parent


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
