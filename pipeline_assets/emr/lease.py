"""One transient EMR cluster that several processes share: elected, made once, found by all, ended once.

Steps of a run are processes of their own, so the election is on S3: `leases/<key>/<n>` is a claim, written only
if absent; whoever wrote it makes the cluster and writes its id to `leases/<key>/<n>.cluster`. A claim without an id
for two minutes, or with a cluster that ended, is passed over: n + 1. `leases/<key>/seen` is touched while somebody
waits for a step. Key: the backfill, else the root run, so that a retried run finds its cluster.

A cluster ends by whoever ran the run (`pipeline run`), by the sensors, or by EMR itself when idle.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import dagster as dg
from emr_jobs.catalog import MAINTAIN
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of

from pipeline_assets.emr import clusters
from pipeline_assets.emr.clusters import INSTANCE_TAG, LEASE_TAG
from pipeline_assets.emr.drivers import Drivers, at_once
from pipeline_assets.s3 import Folder
from pipeline_assets.tags import BACKFILL_TAG, CLUSTER_TAG, LAUNCHER_TAG, ROOT_RUN_TAG

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

logger = logging.getLogger(__name__)

ID_TIMEOUT = timedelta(seconds=120)  # from the claim to the cluster's id
SEEN_EVERY_S = 60.0
_INSTANCE_KEY = "pipeline:instance"


class SharedCluster(Protocol):
    """What a step needs of its cluster."""

    def acquire(self) -> str:
        """The id of a cluster that takes steps."""

    def seen(self) -> None:
        """Somebody still waits for a step of it."""


@dataclass(frozen=True)
class Attached:
    """A cluster that somebody else made and ends."""

    cluster_id: str

    def acquire(self) -> str:
        return self.cluster_id

    def seen(self) -> None:
        """Nothing of ours ends it."""


@dataclass
class ClusterLease:
    settings: Settings
    instance_id: str
    key: str
    id_timeout: timedelta = ID_TIMEOUT
    log: Callable[[str], None] = logger.info
    _seen_at: float = field(default=0.0, init=False)

    def acquire(self) -> str:
        """The cluster of this key, made when there is none. Several processes get the same one."""
        while True:
            newest = max(self._claims(), default=0)
            if newest and (cluster_id := self._wait_for_id(newest)) is not None:
                if clusters.describe(self._emr, cluster_id).state.takes_steps:
                    return cluster_id
                self.log(f"cluster {cluster_id} has ended; the next one is elected")
            if not self._objects.write_if_absent(str(newest + 1), self.instance_id.encode()):
                continue  # another process claimed it: see what it makes
            if (cluster_id := self._create(newest + 1)) is not None:
                return cluster_id

    def seen(self) -> None:
        """Touches the lease, at most once a minute."""
        if time.monotonic() - self._seen_at > SEEN_EVERY_S:
            self._objects.write("seen", b"")
            self._seen_at = time.monotonic()

    def last_seen(self) -> datetime | None:
        return self._objects.written_at("seen")

    def terminate(self) -> list[str]:
        """End every cluster of this key; returns their ids. Does nothing when none is left."""
        found = clusters.alive(self._emr, instance_id=self.instance_id)
        ids = [cluster.id for cluster in found if cluster.tags.get(LEASE_TAG) == self.key]
        if ids:
            self._emr.terminate_job_flows(JobFlowIds=ids)
        return ids

    def _create(self, number: int) -> str | None:
        """Our cluster's id, or None when we were so slow that another was elected."""
        tags = {INSTANCE_TAG: self.instance_id, LEASE_TAG: self.key}
        try:
            # Days of a backfill share it: whatever steps run at once.
            emr = clusters.emr_settings(self.settings)
            domain = domain_of(self.settings)
            drivers = Drivers.of((*domain.jobs, MAINTAIN), at_once=emr.step_concurrency or at_once(domain))
            wanted = clusters.request(emr, name=f"{self.key} {number}", tags=tags, drivers=drivers)
            cluster_id = self._emr.run_job_flow(**wanted)["JobFlowId"]
        except BaseException:
            self._objects.delete(str(number))  # nobody waits for its id
            raise
        self._objects.write(f"{number}.cluster", cluster_id.encode())
        if max(self._claims()) > number:
            self._emr.terminate_job_flows(JobFlowIds=[cluster_id])
            return None
        self.log(f"made cluster {cluster_id} for {self.key}")
        return cluster_id

    def _wait_for_id(self, number: int) -> str | None:
        while True:
            if (cluster_id := self._objects.read(f"{number}.cluster")) is not None:
                return cluster_id.decode()
            claimed_at = self._objects.written_at(str(number))
            if claimed_at is None:
                return None  # withdrawn: its cluster could not be made
            if datetime.now(UTC) - claimed_at > self.id_timeout:
                self.log(f"no cluster within {self.id_timeout.seconds} s of claim {number}; the next one is elected")
                return None
            time.sleep(clusters.emr_settings(self.settings).poll_interval_s / 2)

    def _claims(self) -> list[int]:
        return [int(name) for name in self._objects.names() if name.isdecimal()]

    @cached_property
    def _objects(self) -> Folder:
        return Folder(f"{self.settings.runs.uri}/leases/{self.key}")

    @cached_property
    def _emr(self) -> "EMRClient":
        return clusters.client()


def lease_key(run_id: str, tags: Mapping[str, str]) -> str:
    """Pure: what shares a cluster."""
    return tags.get(BACKFILL_TAG) or tags.get(ROOT_RUN_TAG) or run_id


def has_cluster_of_its_own(run: dg.DagsterRun) -> bool:
    """Rather than none, or somebody else's."""
    return run.tags.get(LAUNCHER_TAG) == "emr" and CLUSTER_TAG not in run.tags


def cluster_of_run(
    settings: Settings, instance: dg.DagsterInstance, run: dg.DagsterRun, *, log: Callable[[str], None] = logger.info
) -> SharedCluster:
    if attached := run.tags.get(CLUSTER_TAG):
        return Attached(attached)
    return lease(settings, instance, lease_key(run.run_id, run.tags), log=log)


def lease(
    settings: Settings, instance: dg.DagsterInstance, key: str, *, log: Callable[[str], None] = logger.info
) -> ClusterLease:
    return ClusterLease(settings, instance_id(instance), key, log=log)


@contextmanager
def ending_clusters(settings: Settings, instance: dg.DagsterInstance, runs: dg.RunsFilter) -> Iterator[None]:
    """Whatever happens inside, clusters made for these runs are told to end."""
    try:
        yield
    finally:
        for run in instance.get_runs(runs):
            if has_cluster_of_its_own(run):
                lease(settings, instance, lease_key(run.run_id, run.tags)).terminate()


def instance_id(instance: dg.DagsterInstance) -> str:
    """Made once per Dagster instance and kept in its storage."""
    storage = instance.daemon_cursor_storage
    if _INSTANCE_KEY not in storage.get_cursor_values({_INSTANCE_KEY}):
        storage.set_cursor_values({_INSTANCE_KEY: uuid4().hex[:12]})
    return storage.get_cursor_values({_INSTANCE_KEY})[_INSTANCE_KEY]
