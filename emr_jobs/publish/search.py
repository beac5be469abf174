"""One partition of a search index: loaded where nobody looks, swapped behind the alias, kept for rollback.

Names: alias `orders`; one hidden index per partition, run and attempt, `orders-<P>-<run>-<attempt>`; what a
newer one replaced stands behind the alias `orders-replaced` until retention deletes it. Invariant: the alias
has at most one index a day, and it changes in one request. Does not own: sending documents (bulk).
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from emr_jobs.contracts import Contract
from emr_jobs.contracts.mapping import index_body
from emr_jobs.errors import AccessDenied, BadInput, Conflict, PipelineError, Unavailable
from emr_jobs.partition import Partition
from emr_jobs.secret_ref import resolve
from emr_jobs.settings import Search

if TYPE_CHECKING:
    from opensearchpy import OpenSearch


@dataclass(frozen=True)
class Index:
    name: str
    partition: Partition
    created_at_ms: int
    aliases: frozenset[str]


def connect(settings: Search) -> "OpenSearch":
    """A client that verifies certificates; secrets are resolved here and nowhere else."""
    from opensearchpy import OpenSearch, Urllib3AWSV4SignerAuth

    auth: Any = None
    if settings.auth == "basic":
        auth = (settings.username, resolve(settings.password or ""))
    elif settings.auth == "sigv4":
        import boto3

        auth = Urllib3AWSV4SignerAuth(boto3.Session().get_credentials(), settings.region, "es")
    return OpenSearch(
        hosts=[settings.url],
        http_auth=auth,
        verify_certs=True,
        ca_certs=settings.ca_file,
        timeout=settings.timeout_s,
        max_retries=settings.max_retries,
        retry_on_timeout=True,
    )


class SearchIndex:
    """The indices of one contract on one cluster."""

    def __init__(self, settings: Search, contract: Contract) -> None:
        self.settings = settings
        self.contract = contract
        self.alias = contract.name
        self.replaced_alias = f"{contract.name}-replaced"
        self.client = connect(settings)

    def name(self, partition: Partition, *, run_id: str, attempt: int) -> str:
        """Lower case, as index names must be."""
        return f"{self.alias}-{partition}-{hashlib.sha256(run_id.encode()).hexdigest()[:12]}-{attempt}"

    def indices(self, partition: Partition | None = None) -> list[Index]:
        """Newest first, hidden ones too."""
        found = self.client.indices.get(
            index=f"{self.alias}-{partition or '*'}*", params={"expand_wildcards": "all", "ignore_unavailable": "true"}
        )
        named = re.compile(rf"{re.escape(self.alias)}-(\d{{4}}-\d{{2}}-\d{{2}})-[0-9a-f]{{12}}-\d+")
        indices = [
            Index(
                name=name,
                partition=Partition(date.fromisoformat(match.group(1))),
                created_at_ms=int(facts["settings"]["index"]["creation_date"]),
                aliases=frozenset(facts["aliases"]),
            )
            for name, facts in found.items()
            if (match := named.fullmatch(name))
        ]
        return sorted(indices, key=lambda index: (index.created_at_ms, index.name), reverse=True)

    def published(self, partition: Partition) -> list[Index]:
        return [index for index in self.indices(partition) if self.alias in index.aliases]

    def create(self, name: str, *, meta: Mapping[str, Any]) -> None:
        """An empty hidden index under that name; one that an earlier try of the same attempt left is replaced."""
        self.client.indices.delete(index=name, params={"ignore_unavailable": "true"})
        self.client.indices.create(index=name, body=index_body(self.contract, meta=dict(meta)))

    def finish(self, name: str) -> int:
        """Make the loaded index searchable at full strength; returns its documents."""
        settings = {"index": {"number_of_replicas": self.settings.replicas, "refresh_interval": None}}
        self.client.indices.put_settings(index=name, body=settings)
        self.client.indices.refresh(index=name)
        if self.settings.replicas:
            self.client.cluster.health(
                index=name,
                params={"wait_for_status": "green", "timeout": f"{self.settings.timeout_s:.0f}s"},
                request_timeout=self.settings.timeout_s * 2,
            )
        return self.client.count(index=name)["count"]

    def swap(self, name: str, partition: Partition) -> None:
        """Put the index behind the alias in place of the day's present one. Doing it twice is doing it once.

        Raises Conflict when another run swapped in between.
        """
        from opensearchpy.exceptions import NotFoundError

        others = [index.name for index in self.published(partition) if index.name != name]
        actions: list[dict[str, dict[str, Any]]] = [{"add": {"index": name, "alias": self.alias}}]
        for other in others:
            actions.append({"remove": {"index": other, "alias": self.alias, "must_exist": True}})
            actions.append({"add": {"index": other, "alias": self.replaced_alias, "is_hidden": True}})
        if self.replaced_alias in self._aliases_of(name):
            actions.append({"remove": {"index": name, "alias": self.replaced_alias}})
        try:
            self.client.indices.update_aliases(body={"actions": actions})
        except NotFoundError as error:
            raise Conflict(
                dataset=self.contract.id,
                partition=partition,
                expected=f"alias {self.alias} to stay as it was read",
                found=f"another run that swapped the day at the same moment ({error.error})",
                fix=f"That run's documents stand. If this run's input was the newer: "
                f"pipeline run --partition {partition}",
            ) from None

    def _aliases_of(self, name: str) -> frozenset[str]:
        return next((index.aliases for index in self.indices() if index.name == name), frozenset())

    def rollback(self, partition: Partition) -> tuple[str, str]:
        """Put the newest replaced index of the day back; returns (now published, now replaced).

        Raises BadInput when there is none to go back to.
        """
        current = self.published(partition)
        candidates = [index for index in self.indices(partition) if self.replaced_alias in index.aliases]
        if not current or not candidates:
            raise BadInput(
                dataset=self.contract.id,
                partition=partition,
                expected="a published index and a replaced one to go back to",
                found=f"{len(current)} published, {len(candidates)} replaced",
                fix=f"Publish the day anew: pipeline run --partition {partition} --select {self.contract.id}",
            )
        self.swap(candidates[0].name, partition)
        return candidates[0].name, current[0].name

    def retain(self, *, now: datetime) -> list[str]:
        """Delete what nobody needs; returns the names. Never touches what stands behind the alias and is young enough.

        Replaced indices beyond keep_previous a day, days older than keep_days before the newest, and indices
        that no run published within staged_keep_hours.
        """
        indices = self.indices()
        in_alias = [index for index in indices if self.alias in index.aliases]
        newest = max((index.partition.date for index in in_alias), default=date.min)
        expired = [index for index in in_alias if (newest - index.partition.date).days >= self.settings.keep_days]
        by_day: dict[Partition, list[Index]] = {}
        for index in indices:
            if self.replaced_alias in index.aliases and self.alias not in index.aliases:
                by_day.setdefault(index.partition, []).append(index)
        replaced = [index for day in by_day.values() for index in day[self.settings.keep_previous :]]
        limit_ms = (now - timedelta(hours=self.settings.staged_keep_hours)).timestamp() * 1000
        leftovers = [index for index in indices if not index.aliases and index.created_at_ms < limit_ms]
        names = [index.name for index in (*expired, *replaced, *leftovers)]
        if names:
            self.client.indices.delete(index=",".join(names), params={"ignore_unavailable": "true"})
        return names


@contextmanager
def errors_named(settings: Search, *, dataset: str, partition: Partition) -> Iterator[None]:
    """The client's exceptions as errors that say where, what and what to do."""
    from opensearchpy.exceptions import OpenSearchException

    try:
        yield
    except OpenSearchException as error:
        raise named_error(error, settings, dataset=dataset, partition=partition) from None


def named_error(error: Any, settings: Search, *, dataset: str, partition: Partition) -> PipelineError:
    from opensearchpy.exceptions import ConnectionError as NotConnected

    if isinstance(error, NotConnected):
        return unavailable(f"no connection ({type(error).__name__})", settings, dataset=dataset, partition=partition)
    status = getattr(error, "status_code", "N/A")
    found = f"{status} {getattr(error, 'error', error)}"
    if status in (401, 403):
        return AccessDenied(
            dataset=dataset,
            partition=partition,
            expected=f"{settings.url} to let us in ({settings.auth})",
            found=found,
            fix=f"Check the user's rights and the secret {settings.password or 'of the role'}.",
        )
    return unavailable(found, settings, dataset=dataset, partition=partition)


def unavailable(found: str, settings: Search, *, dataset: str, partition: Partition) -> Unavailable:
    return Unavailable(
        dataset=dataset,
        partition=partition,
        expected=f"OpenSearch at {settings.url} to answer",
        found=found,
        fix=f"Look at its health: curl {settings.url}/_cluster/health, "
        f"then: pipeline run --partition {partition} --select {dataset}",
    )
