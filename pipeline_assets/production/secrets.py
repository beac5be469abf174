"""Which secrets of Secrets Manager the settings name, and which job reads which of them. Pure.

A job reads those of the sections that say how its sources, and the index that it publishes, are reached. Does not own:
the statements that let a role read them (policies).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from emr_jobs.catalog import Job
from emr_jobs.contracts import Medium
from emr_jobs.domain import Domain, domain_of
from emr_jobs.errors import Misconfigured
from emr_jobs.settings import Settings

SECTIONS = {"s3": "sources.orders", "snowflake": "sources.snowflake", "web_api": "sources.shipments"}  # by layer
SEARCH = "search"
_KIND = "aws:"


def secrets(settings: Settings) -> dict[str, str]:
    """`aws:NAME` by its place in the settings, `sources.snowflake.private_key`."""
    return dict(_named(settings.model_dump(mode="json", exclude_none=True), ""))


def secrets_of(job: Job, settings: Settings) -> list[str]:
    """`aws:NAME`, sorted. Raises Misconfigured for a source of which nobody has said where its settings are."""
    sections = {section for output in job.outputs for section in _sections(domain_of(settings), output)}
    found = secrets(settings).items()
    return sorted({name for place, name in found if any(place.startswith(f"{each}.") for each in sections)})


def require_a_reader(settings: Settings, jobs: tuple[Job, ...]) -> None:
    """Raises Misconfigured naming every secret that no role would get: the first day would fail on it."""
    read = {name for job in jobs for name in secrets_of(job, settings)}
    if unread := [f"{place} = {name}" for place, name in secrets(settings).items() if name not in read]:
        raise Misconfigured(
            f"settings: no job reads what {', '.join(unread)} is for, so no role may read it. Take it out, or name the "
            "section of its source in pipeline_assets/production/secrets.py"
        )


def _sections(found: Domain, dataset: str) -> Iterator[str]:
    contract = found.contracts[dataset]
    if contract.medium is Medium.INDEX:
        yield SEARCH
    for upstream in map(found.contracts.__getitem__, contract.upstream):
        if upstream.medium is Medium.SOURCE:
            if upstream.layer not in SECTIONS:
                raise Misconfigured(
                    f"{upstream.id}: which section of the settings is its connection? Name it for {upstream.layer} in "
                    "pipeline_assets/production/secrets.py, so that the role of its job may read its secret"
                )
            yield SECTIONS[upstream.layer]


def _named(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _named(each, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _named(each, f"{place}[{number}]")
    elif isinstance(value, str) and value.startswith(_KIND):
        yield place, value
