"""Which secrets of Secrets Manager the settings name, and which job reads which of them. Pure.

A job reads those of its sources' connections, and of the index that it publishes. Does not own:
the statements that let a role read them (policies).
"""

from collections.abc import Iterator

from emr_jobs.catalog import Job
from emr_jobs.contracts import Medium
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain, domain_of

SEARCH = "search"
_KIND = "aws:"


def secrets(settings: Settings) -> dict[str, str]:
    """`aws:NAME` by its place in the settings, `connections.warehouse.private_key`."""
    return {place: reference for place, reference in settings.secrets.items() if reference.startswith(_KIND)}


def secrets_of(job: Job, settings: Settings) -> list[str]:
    """`aws:NAME`, sorted."""
    references = settings.secrets_of(*_sections(job, domain_of(settings))).values()
    return sorted({reference for reference in references if reference.startswith(_KIND)})


def require_a_reader(settings: Settings, jobs: tuple[Job, ...]) -> None:
    """Raises Misconfigured naming every secret that no role would get: the first day would fail on it."""
    read = {name for job in jobs for name in secrets_of(job, settings)}
    read |= set(settings.secrets_of("lineage").values())  # by the code location, which may read them all
    if unread := [f"{place} = {name}" for place, name in secrets(settings).items() if name not in read]:
        raise Misconfigured(
            f"settings: no job reads what {', '.join(unread)} is for, so no role may read it. Take it out, or name its "
            "connection in the contract of the source that is read through it"
        )


def _sections(job: Job, found: Domain) -> Iterator[str]:
    """Of the settings, that say how its sources, and the indices that it publishes, are reached."""
    if any(found.contracts[dataset].medium is Medium.INDEX for dataset in job.outputs):
        yield SEARCH
    for source in found.sources_of(job):
        yield f"connections.{source.connection}"
