"""One cluster for all who share a lease, whoever is killed, slow or refused on the way."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from pipeline_assets.emr import clusters
from pipeline_assets.emr.lease import ClusterLease, instance_id, lease_key
from pipeline_assets.sensors.clusters import cluster_sensors, end_forgotten, end_when_last
from pipeline_assets.tags import CLUSTER_TAG, LAUNCHER_TAG
from tests.aws import Cloud

ACQUIRE = """
import os, signal, sys
from emr_jobs.core import settings
from pipeline_assets.s3 import Folder
from pipeline_assets.emr.lease import ClusterLease
uri, key, dies = sys.argv[1:]
values = settings.load(uri)
lease = ClusterLease(values, "instance-a", key)
if dies == "dies":
    Folder.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # the first thing it writes is the id
print(lease.acquire())
"""


def make_lease(cloud: Cloud, key: str, **changes: Any) -> ClusterLease:
    lease = ClusterLease(cloud.settings, "instance-a", key)
    return replace(lease, **changes)


def acquiring(cloud: Cloud, key: str, *, dies: bool = False) -> "subprocess.Popen[str]":
    """Another process that takes the lease; `dies`: kill -9 after it made the cluster and before it wrote the id."""
    return subprocess.Popen(
        [sys.executable, "-c", ACQUIRE, cloud.settings_uri, key, "dies" if dies else "lives"],
        stdout=subprocess.PIPE,
        text=True,
        env=cloud.environment,
    )


def clusters_of(cloud: Cloud, key: str) -> dict[str, str]:
    found = {id: clusters.describe(cloud.emr, id) for id in cloud.clusters()}
    return {id: each.state.value for id, each in found.items() if each.tags.get("pipeline:lease") == key}


@pytest.fixture
def key() -> str:
    return uuid4().hex


def test_processes_that_race_get_one_cluster(cloud: Cloud, key: str) -> None:
    racing = [acquiring(cloud, key) for _ in range(4)]
    ids = {process.communicate()[0].strip() for process in racing}
    assert list(clusters_of(cloud, key)) == list(ids)


def test_when_the_winner_dies_before_it_wrote_the_id_the_next_one_is_elected(cloud: Cloud, key: str) -> None:
    assert acquiring(cloud, key, dies=True).wait() == -9
    (orphan,) = clusters_of(cloud, key)
    lease = make_lease(cloud, key, id_timeout=timedelta(seconds=1))
    cluster_id = lease.acquire()
    assert cluster_id != orphan
    assert set(lease.terminate()) == {orphan, cluster_id}  # the orphan too: it is found by its tags


def test_a_winner_that_is_too_slow_ends_its_own_cluster(
    cloud: Cloud, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faster = make_lease(cloud, key, id_timeout=timedelta(0))
    request, passed = clusters.request, []

    def slow(*args: Any, **kwargs: Any) -> dict[str, Any]:
        if not passed:
            passed.append(True)
            passed.append(faster.acquire())
        return request(*args, **kwargs)

    monkeypatch.setattr(clusters, "request", slow)
    assert make_lease(cloud, key).acquire() == passed[1]
    alive = [id for id, state in clusters_of(cloud, key).items() if not state.startswith("TERMINAT")]
    assert alive == [passed[1]]


def test_a_claim_is_withdrawn_when_its_cluster_could_not_be_made(
    cloud: Cloud, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(clusters, "request", lambda *_, **__: {"Name": "no such request", "Nonsense": 1})
        with pytest.raises(Exception, match="Nonsense"):
            make_lease(cloud, key).acquire()
    assert make_lease(cloud, key).acquire() in clusters_of(cloud, key)  # at once, not after two minutes


def test_a_cluster_that_ended_is_replaced(cloud: Cloud, key: str) -> None:
    first = make_lease(cloud, key).acquire()
    assert make_lease(cloud, key).acquire() == first
    cloud.emr.terminate_job_flows(JobFlowIds=[first])
    assert make_lease(cloud, key).acquire() != first


def test_a_refused_call_is_repeated(cloud: Cloud, key: str) -> None:
    cloud.throttle("run_job_flow", 3)
    cloud.throttle("describe_cluster", 2)
    assert make_lease(cloud, key).acquire() in clusters_of(cloud, key)


def test_nobody_ends_the_cluster_of_another_dagster_instance(cloud: Cloud, key: str) -> None:
    theirs = make_lease(cloud, key)
    cluster_id = theirs.acquire()
    assert make_lease(cloud, key, instance_id="instance-b").terminate() == []
    with dg.instance_for_test() as instance:
        later = datetime.now(UTC) + timedelta(hours=1)
        assert end_forgotten(cloud.settings, instance, now=later) == []
    assert theirs.terminate() == [cluster_id]


def test_an_instance_keeps_its_id_and_another_has_another(cloud: Cloud) -> None:
    with dg.instance_for_test() as one, dg.instance_for_test() as other:
        assert instance_id(one) == instance_id(one) != instance_id(other)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, "run"),
        ({"dagster/root_run_id": "root"}, "root"),
        ({"dagster/root_run_id": "root", "dagster/backfill": "fill"}, "fill"),
    ],
)
def test_a_backfill_shares_a_cluster_and_so_does_a_run_that_is_repeated(tags: dict[str, str], expected: str) -> None:
    assert lease_key("run", tags) == expected


class TestSensors:
    """A run that goes on keeps its cluster; a forgotten one goes after five minutes."""

    @pytest.fixture
    def instance(self) -> Any:
        with dg.instance_for_test() as instance:
            yield instance

    def test_the_last_run_of_a_lease_ends_the_cluster(self, cloud: Cloud, instance: dg.DagsterInstance) -> None:
        runs = [self.run(instance, dg.DagsterRunStatus.STARTED, backfill="fill-1") for _ in range(2)]
        lease = make_lease(cloud, "fill-1", instance_id=instance_id(instance))
        cluster_id = lease.acquire()
        instance.report_run_canceled(runs[0])
        assert end_when_last(cloud.settings, instance, "fill-1") == "1 runs of fill-1 go on"
        instance.report_run_canceled(runs[1])
        assert end_when_last(cloud.settings, instance, "fill-1") == f"ended {cluster_id}"
        assert end_when_last(cloud.settings, instance, "fill-1") == "fill-1 has no cluster left"

    def test_a_cluster_that_nobody_waits_for_goes_after_five_minutes(
        self, cloud: Cloud, instance: dg.DagsterInstance
    ) -> None:
        run = self.run(instance, dg.DagsterRunStatus.STARTED)  # for ever: its worker was killed
        lease = make_lease(cloud, run.run_id, instance_id=instance_id(instance))
        cluster_id = lease.acquire()
        lease.seen()
        now = datetime.now(UTC)
        assert end_forgotten(cloud.settings, instance, now=now + timedelta(minutes=4)) == []
        assert end_forgotten(cloud.settings, instance, now=now + timedelta(minutes=6)) == [cluster_id]

    def test_a_run_that_is_to_start_keeps_the_cluster_of_its_backfill(
        self, cloud: Cloud, instance: dg.DagsterInstance
    ) -> None:
        self.run(instance, dg.DagsterRunStatus.NOT_STARTED, backfill="fill-2")
        make_lease(cloud, "fill-2", instance_id=instance_id(instance)).acquire()
        assert end_forgotten(cloud.settings, instance, now=datetime.now(UTC) + timedelta(hours=1)) == []

    def test_sensors_look_only_at_runs_that_had_a_cluster_of_their_own(
        self, cloud: Cloud, instance: dg.DagsterInstance
    ) -> None:
        sensors = {sensor.name: sensor for sensor in cluster_sensors(cloud.settings)}
        said = []
        for tags in ({}, {LAUNCHER_TAG: "emr", CLUSTER_TAG: "j-1"}, {LAUNCHER_TAG: "emr"}):
            run = instance.add_run(
                dg.DagsterRun(job_name="daily", run_id=str(uuid4()), status=dg.DagsterRunStatus.SUCCESS, tags=tags)
            )
            context = dg.build_run_status_sensor_context(
                sensor_name="end_cluster_after_success",
                dagster_event=dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name="daily"),
                dagster_instance=instance,
                dagster_run=run,
            )
            said.append(sensors["end_cluster_after_success"](context).skip_message.replace(run.run_id, "RUN"))
        none = "the run had no cluster of its own"
        assert said == [none, none, "RUN has no cluster left"]

    @staticmethod
    def run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, *, backfill: str | None = None) -> dg.DagsterRun:
        tags = {"dagster/backfill": backfill} if backfill else {}
        run = dg.DagsterRun(job_name="daily", run_id=str(uuid4()), status=status, tags=tags)
        return instance.add_run(run)
