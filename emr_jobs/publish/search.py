"""One partition of a search index: loaded where nobody looks, swapped behind the alias, kept for rollback.

Names: alias `orders`; a hidden index per load, `orders-<P>-<run>-<attempt>`, with a number when that name is taken;
what a newer one replaced stands behind the alias `orders-replaced`. Invariants: the alias has at most one index a
day, and it changes in one request; what was loaded takes no more writes; only retention deletes. Does not own:
sending documents (bulk).
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from emr_jobs.contracts import Contract
from emr_jobs.contracts.mapping import Drift, drift, index_body
from emr_jobs.core.errors import (
    AccessDenied,
    BadInput,
    Conflict,
    PipelineError,
    Remedy,
    SchemaDrift,
    Unavailable,
    samples,
)
from emr_jobs.core.partition import Partition
from emr_jobs.core.secret_ref import resolve
from emr_jobs.core.settings import Search
from emr_jobs.publish.earlier import Indexed
from emr_jobs.publish.versions import Version

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

NAMES_BYTES = 3000  # of indices in one URL: OpenSearch takes HTTP lines of 4,096 bytes

_RUN = "[0-9a-f]{12}"  # in a name: a hash, for run ids may have capitals

FIXED = "What an index has cannot be changed: change the contract back, or reindex these days by hand."


class AliasMoved(Conflict):
    """The alias is no longer as it was read."""


@dataclass(frozen=True)
class Index:
    name: str
    day: date  # partition
    created_at_ms: int
    aliases: frozenset[str]

    @property
    def run(self) -> str:
        """Which run loaded it, as the name has it."""
        return re.findall(rf"-({_RUN})-\d+(?:-\d+)?$", self.name)[0]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Finished:
    """A loaded index that takes no more writes."""

    documents: int
    replicas: int  # that are there; the others are still copied, or have no node


@dataclass(frozen=True)
class Retained:
    deleted: Sequence[str]
    trouble: Sequence[str]  # why others that nobody needs are still there


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


@dataclass(frozen=True)
class Action:
    """One of those that a request changes aliases by; what is to be removed must be there."""

    verb: str
    index: str
    alias: str
    hidden: bool = False

    @property
    def body(self) -> dict[str, Any]:
        special = {"must_exist": True} if self.verb == "remove" else {"is_hidden": True} if self.hidden else {}
        return {"index": self.index, "alias": self.alias, **special}


class SearchIndex:
    """The indices of one contract on one cluster."""

    def __init__(self, settings: Search, contract: Contract) -> None:
        self.settings = settings
        self.contract = contract
        self.alias = contract.physical_name
        self.replaced_alias = f"{contract.physical_name}-replaced"
        self.client = connect(settings)

    def name(self, partition: Partition, *, run_id: str, attempt: int) -> str:
        """Lower case, as index names must be."""
        return f"{self.alias}-{partition}-{hashlib.sha256(run_id.encode()).hexdigest()[:12]}-{attempt}"

    def indices(self, partition: Partition | None = None) -> list[Index]:
        """Newest first, hidden ones too."""
        found = self.client.indices.get(
            index=f"{self.alias}-{partition or '*'}*", params={"expand_wildcards": "all", "ignore_unavailable": "true"}
        )
        named = re.compile(rf"{re.escape(self.alias)}-(\d{{4}}-\d{{2}}-\d{{2}})-{_RUN}-\d+(-\d+)?")
        indices = [
            Index(
                name=name,
                day=date.fromisoformat(match.group(1)),
                created_at_ms=int(facts["settings"]["index"]["creation_date"]),
                aliases=frozenset(facts["aliases"]),
            )
            for name, facts in found.items()
            if (match := named.fullmatch(name))
        ]
        return sorted(indices, key=lambda index: (index.created_at_ms, index.name), reverse=True)

    def published(self, partition: Partition) -> list[Index]:
        return [index for index in self.indices(partition) if self.alias in index.aliases]

    def version(self, name: str) -> Version | None:
        """Of the day in the lake that the index was loaded from; None from before versions were written."""
        meta = self.client.indices.get_mapping(index=name)[name]["mappings"].get("_meta", {})
        return Version(meta["version"], meta["inputs"]) if "version" in meta else None

    def indexed(self, partition: Partition) -> Indexed:
        """By version. Of two behind the alias neither is what readers see."""
        kept = [each for each in self.indices(partition) if each.aliases & {self.alias, self.replaced_alias}]
        found = [(each, version) for each in kept if (version := self.version(each.name)) is not None]
        behind = [version.wap_id for each, version in found if self.alias in each.aliases]
        names = {version.wap_id: each.name for each, version in reversed(found)}
        inputs = {version.wap_id: version.inputs or {} for _, version in found}
        return Indexed(behind[0] if len(behind) == 1 else None, names, inputs)

    def drifts(self, alias: str) -> dict[str, Drift]:
        """Of the indices behind it, those that lack something of the contract."""
        indices = self.client.indices.get_mapping(index=alias, params={"ignore_unavailable": "true"})
        drifts = {name: drift(self.contract, indices[name]["mappings"]) for name in sorted(indices)}
        return {name: each for name, each in drifts.items() if each != Drift()}

    def require_mappings(self, partition: Partition) -> None:
        """Raises SchemaDrift where searches by the contract's fields would lose other days.

        OpenSearch answers them with 200 and leaves out the indices that do not know a field.
        """
        of_the_day = {index.name for index in self.published(partition)}
        lacking = {name: each for name, each in self.drifts(self.alias).items() if name not in of_the_day}
        if not lacking:
            return
        fixed = {name: each.fixed for name, each in lacking.items() if each.fixed}
        absent = {name: each.addable for name, each in lacking.items()}
        raise SchemaDrift(
            dataset=self.contract.id,
            partition=partition,
            expected=f"the indices of other days behind {self.alias} to have the contract's fields",
            found=in_words(fixed) if fixed else f"{in_words(absent)} absent",
            fix=FIXED if fixed else "",
            remedy=Remedy.NONE if fixed else Remedy.WIDEN,
        )

    def add_fields(self) -> dict[str, tuple[str, ...]]:
        """Give published and replaced indices what they lack of the contract, and close them to writers.

        Returns what was added, by index. Leaves those alone that differ in what cannot be added.
        """
        drifts = {**self.drifts(self.replaced_alias), **self.drifts(self.alias)}
        added = {name: each.addable for name, each in drifts.items() if not each.fixed}
        mappings = index_body(self.contract, meta={})["mappings"]
        wanted = {name: mappings[name] for name in ("dynamic", "properties")}  # each keeps its own _meta
        for some in in_urls(added):
            self.client.indices.put_mapping(index=",".join(some), body=wanted)
        for alias in (self.alias, self.replaced_alias):
            self.client.indices.add_block(index=alias, block="write", params={"ignore_unavailable": "true"})
        return added

    def create(self, name: str, *, meta: Mapping[str, Any]) -> str:
        """An empty hidden index under that name, or under that name and a number; returns which.

        Deletes nothing: what has the name may stand behind the alias, or be loaded by another process right now.
        """
        body = index_body(self.contract, meta=dict(meta))
        names = chain([name], (f"{name}-{number}" for number in count(2)))
        return next(free for free in names if self._created(free, body))

    def _created(self, name: str, body: Mapping[str, Any]) -> bool:
        """False when the name is taken."""
        from opensearchpy.exceptions import RequestError

        try:
            self.client.indices.create(index=name, body=body)
        except RequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
            return False
        return True

    def finish(self, name: str) -> Finished:
        """Close the loaded index to writers and make it searchable; what is counted is what stays.

        Its primary is what readers need and is awaited; replicas a short while only.
        """
        self.client.indices.add_block(index=name, block="write")
        settings = {"index": {"number_of_replicas": self.settings.replicas, "refresh_interval": None}}
        self.client.indices.put_settings(index=name, body=settings)
        self.client.indices.refresh(index=name)
        self._health(name, "yellow", wait_s=self.settings.timeout_s)
        replicas = self._replicas(name) if self.settings.replicas else 0
        return Finished(self.client.count(index=name)["count"], replicas)

    def _replicas(self, name: str) -> int:
        from opensearchpy.exceptions import TransportError

        try:
            health = self._health(name, "green", wait_s=self.settings.replica_wait_s)
        except TransportError as error:
            if error.status_code != 408:  # its answer to a wait that was in vain
                raise
            health = error.info
        return int(health["active_shards"]) - int(health["active_primary_shards"])

    def _health(self, name: str, status: str, *, wait_s: float) -> Any:
        return self.client.cluster.health(
            index=name,
            params={"wait_for_status": status, "timeout": f"{wait_s * 1000:.0f}ms"},
            request_timeout=wait_s + self.settings.timeout_s,
        )

    def swap(self, name: str, partition: Partition, *, permitted: Callable[[], None] = lambda: None) -> None:
        """Put the index behind the alias in place of the day's present one. Doing it twice is doing it once.

        `permitted` is asked after the present one was read, and raises when it must not be replaced. Raises AliasMoved
        when another run swapped in between.
        """
        from opensearchpy.exceptions import NotFoundError

        actions = self._swap(name, partition)
        permitted()
        if not actions:
            return
        try:
            self.change_alias(actions)
        except NotFoundError as error:
            raise AliasMoved(
                dataset=self.contract.id,
                partition=partition,
                expected=f"alias {self.alias} to stay as it was read",
                found=f"another run that swapped the day at the same moment ({error.error})",
                fix="That run's documents stand. Run the day again if this run's input was the newer.",
                remedy=Remedy.RERUN,
            ) from None

    def try_swap(self, name: str, partition: Partition) -> None:
        """Ask for the swap and, in the same request, for something impossible: blocks and rights are looked at first.

        Changes nothing. Raises what would refuse the swap.
        """
        if self.alias in self.client.indices.get_alias(index=self.alias, params={"ignore_unavailable": "true"}):
            raise SchemaDrift(
                dataset=self.contract.id,
                partition=partition,
                expected=f"an alias {self.alias}, or none yet",
                found="an index of that name",
                fix="Something was written to the name before the alias was there. Reindex what it holds if it is "
                f"needed, then: curl -X DELETE {self.settings.url}/{self.alias}",
            )
        impossible = Action("remove", name, f"{self.alias}-impossible")
        # Not found is that alias, or what another run has swapped since the alias was read.
        self.change_alias([*self._swap(name, partition), impossible], ignore=404)

    def _swap(self, name: str, partition: Partition) -> list[Action]:
        """What of the swap is not done yet."""
        indices = self.indices(partition)
        aliases = next((index.aliases for index in indices if index.name == name), frozenset())
        actions = [] if self.alias in aliases else [Action("add", name, self.alias)]
        for other in indices:
            if other.name != name and self.alias in other.aliases:
                actions.append(Action("remove", other.name, self.alias))
                if self.replaced_alias not in other.aliases:
                    actions.append(Action("add", other.name, self.replaced_alias, hidden=True))
        if self.replaced_alias in aliases:
            actions.append(Action("remove", name, self.replaced_alias, hidden=True))
        return actions

    def step_back(self, name: str, partition: Partition) -> None:
        """Leave the alias to another index of the day, if one is there and stays there."""
        from opensearchpy.exceptions import NotFoundError

        shown = [index.name for index in self.published(partition)]
        others = [index for index in shown if index != name]
        if name not in shown or not others:
            return
        actions = [
            Action("remove", name, self.alias),
            Action("remove", others[0], self.alias),  # fails where it has gone
            Action("add", others[0], self.alias),
        ]
        with suppress(NotFoundError):
            self.change_alias(actions)

    def change_alias(self, actions: list[Action], **params: int) -> None:
        """All of it or nothing, in one request."""
        body = {"actions": [{each.verb: each.body} for each in actions]}
        self.client.indices.update_aliases(body=body, params=params)

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
                fix="Publish the day anew.",
                remedy=Remedy.RERUN,
            )
        self.swap(candidates[0].name, partition)
        return candidates[0].name, current[0].name

    def retain(self, *, now: datetime) -> Retained:
        """Delete what nobody needs. Does not raise: the day is published, and the next one tries again."""
        from opensearchpy.exceptions import OpenSearchException

        deleted: list[str] = []
        trouble: list[str] = []
        try:
            names = expired(
                self.indices(), alias=self.alias, replaced_alias=self.replaced_alias, settings=self.settings, now=now
            )
        except OpenSearchException as error:
            return Retained([], [answer_of(error)])
        for some in in_urls(names):
            try:
                self.client.indices.delete(index=",".join(some), params={"ignore_unavailable": "true"})
                deleted += some
            except OpenSearchException as error:
                trouble.append(f"not deleted: {len(some)}{samples(some)}: {answer_of(error)}")
        return Retained(deleted, trouble)


def expired(indices: Sequence[Index], *, alias: str, replaced_alias: str, settings: Search, now: datetime) -> list[str]:
    """Of one contract's indices, newest first, the names of those that nobody needs.

    Days older than keep_days before the newest published one, published or replaced; replaced indices beyond
    keep_previous a day; indices that no run published within staged_keep_hours.
    """
    newest = max((index.day for index in indices if alias in index.aliases), default=date.min)
    limit_ms = (now - timedelta(hours=settings.staged_keep_hours)).timestamp() * 1000
    replaced: dict[date, list[Index]] = {}
    for index in indices:
        if replaced_alias in index.aliases and alias not in index.aliases:
            replaced.setdefault(index.day, []).append(index)
    gone = {index.name for of_day in replaced.values() for index in of_day[settings.keep_previous :]}
    for index in indices:
        is_old = (newest - index.day).days >= settings.keep_days
        if is_old if index.aliases else index.created_at_ms < limit_ms:
            gone.add(index.name)
    return [index.name for index in indices if index.name in gone]


def in_words(differences: Mapping[str, Iterable[str]]) -> str:
    """Of indices: each difference with where it is."""
    where: dict[str, list[str]] = {}
    for name, whats in differences.items():
        for what in whats:
            where.setdefault(what, []).append(name)
    return "; ".join(f"{what} in {len(names)}{samples(names)}" for what, names in where.items())


def in_urls(names: Iterable[str]) -> Iterator[list[str]]:
    """As many at a time as an HTTP line takes, with a comma between them."""
    some: list[str] = []
    for name in names:
        if some and len(",".join([*some, name])) > NAMES_BYTES:
            yield some
            some = []
        some.append(name)
    if some:
        yield some


def answer_of(error: Any) -> str:
    """Status and kind: an error's own text holds the whole answer."""
    from opensearchpy.exceptions import ConnectionError as NotConnected

    if isinstance(error, NotConnected):
        return f"no connection ({type(error).__name__})"
    return f"{getattr(error, 'status_code', type(error).__name__)} {getattr(error, 'error', error)}"


@contextmanager
def errors_named(settings: Search, *, dataset: str, partition: Partition | None) -> Iterator[None]:
    """The client's exceptions as errors that say where, what and what to do. `partition`: None where it is no day's."""
    from opensearchpy.exceptions import OpenSearchException

    try:
        yield
    except OpenSearchException as error:
        raise named_error(error, settings, dataset=dataset, partition=partition) from None


def named_error(error: Any, settings: Search, *, dataset: str, partition: Partition | None) -> PipelineError:
    status, info = getattr(error, "status_code", None), getattr(error, "info", None)
    reason = info["error"].get("reason") if isinstance(info, dict) and isinstance(info.get("error"), dict) else None
    return answered(status, answer_of(error), settings, reason=reason, dataset=dataset, partition=partition)


def answered(
    status: object,
    found: str,
    settings: Search,
    *,
    reason: str | None = None,
    dataset: str,
    partition: Partition | None,
) -> PipelineError:
    """What an answer with this status is to whoever asked."""
    if "cluster_block_exception" in found:  # 403 or 429, and neither about rights nor about load
        return Unavailable(
            dataset=dataset,
            partition=partition,
            expected="an index that is not blocked",
            found=f"{status} {reason or found}",
            fix="Is a disk full, make room; then: curl -X PUT -H 'content-type: application/json' "
            f"{settings.url}/_all/_settings -d '{{\"index.blocks.read_only_allow_delete\": null}}'",
        )
    if status in (401, 403):
        return AccessDenied(
            dataset=dataset,
            partition=partition,
            expected=f"{settings.url} to let us in ({settings.auth})",
            found=f"{found} {reason or ''}".rstrip(),
            fix=f"Check the user's rights and the secret {settings.password or 'of the role'}.",
        )
    return unavailable(found, settings, dataset=dataset, partition=partition)


def unavailable(found: str, settings: Search, *, dataset: str, partition: Partition | None) -> Unavailable:
    return Unavailable(
        dataset=dataset,
        partition=partition,
        expected=f"OpenSearch at {settings.url} to answer",
        found=found,
        fix=f"Look at {settings.url}/_cluster/health first.",
        remedy=Remedy.NONE if partition is None else Remedy.RERUN,
    )
