"""Which job of the domain plays which part in the scenarios, by what it reads and publishes. Pure."""

from dataclasses import dataclass
from functools import cached_property

from emr_jobs.catalog import Job
from emr_jobs.contracts import Contract
from emr_jobs.contracts.read import Files, Rest
from emr_jobs.domain import Domain
from local_stack.simulation.unmet import Unmet


@dataclass(frozen=True)
class Cast:
    domain: Domain

    @cached_property
    def delivered(self) -> Contract:
        """The source that others deliver as files; a day without them fails."""
        return self._source(Files)

    @property
    def files(self) -> Job:
        """The extraction of what is delivered."""
        return self._reader(self.delivered)

    @property
    def api(self) -> Job:
        """The extraction of an API."""
        return self._reader(self._source(Rest))

    @property
    def last(self) -> Job:
        """Publishes the index, and tables beside it, from what all others have extracted."""
        return self.domain.job_of(self.index.id)

    @property
    def index(self) -> Contract:
        for contract in self.domain.indices:
            return contract
        raise Unmet(f"{self.domain.package} publishes no index, and the scenarios look into one")

    def beside(self, job: Job) -> list[str]:
        """The other extractions."""
        return [each.name for each in self.domain.jobs if each not in (job, self.last)]

    def _source(self, kind: type[Files | Rest]) -> Contract:
        for contract in self.domain.sources:
            if isinstance(contract.read, kind):
                return contract
        raise Unmet(f"{self.domain.package} has no source of kind {kind.__name__}, of which this scenario is")

    def _reader(self, source: Contract) -> Job:
        return next(job for job in self.domain.jobs if source.id in job.inputs)
