"""What becomes of a step: on the emulated EMR, as a real process of a program without Spark."""

import io
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from emr_jobs.catalog import Job
from emr_jobs.core.errors import Misconfigured
from local_stack.aws.account import client
from local_stack.simulation import stubs
from pipeline_assets.assets import jobs
from pipeline_assets.assets.jobs import job_assets
from pipeline_assets.emr import clusters
from pipeline_assets.emr.drivers import Drivers
from pipeline_assets.home import deployment_settings
from pipeline_assets.launchers.emr import EmrStepLauncher
from pipeline_assets.sensors.clusters import end_when_last
from pipeline_assets.shipping import package
from pipeline_assets.shipping.package import Package
from pipeline_assets.tags import BACKFILL_TAG, CLUSTER_TAG, LAUNCHER_TAG
from tests.aws import Cloud
from tests.domains import LIBRARY
from tests.lineage_events import assert_valid, published, read_from_s3
from tests.running import wait_for

PARTITION = "2026-11-20"
JOB = replace(LIBRARY.job("catalogue"), max_retries=0)


@pytest.fixture(autouse=True)
def _no_long_wait_for_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster waits a minute for messages after the step has ended."""
    monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 1)


@pytest.fixture
def instance() -> Any:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def run_step(cloud: Cloud, instance: dg.DagsterInstance, tmp_path: Path) -> Callable[..., dg.ExecuteInProcessResult]:
    """Runs a job, behaving like that, as a step."""

    def run(
        behaviour: str, *, job: Job = JOB, partition: str = PARTITION, tags: dict[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        launcher = EmrStepLauncher(cloud.settings, cloud.settings_uri, build=packing(behaviour, tmp_path))
        partitions = dg.DailyPartitionsDefinition(start_date=date(2026, 1, 1).isoformat(), timezone="Europe/Berlin")
        return dg.materialize(
            [job_assets(job, {"emr": launcher}, cloud.settings, partitions)],
            partition_key=partition,
            instance=instance,
            tags={LAUNCHER_TAG: "emr", **(tags or {})},
            raise_on_error=False,
        )

    return run


def test_with_runtime_roles_it_is_refused_before_a_cluster_is_made(tmp_path: Path) -> None:
    settings = deployment_settings()
    assert settings.production is not None
    roles = settings.production.model_copy(update={"runtime_roles": True})
    launcher = EmrStepLauncher(settings.model_copy(update={"production": roles}), "")
    with pytest.raises(Misconfigured, match=r"the instances may read no secret: .* pipeline trigger"):
        next(launcher.run(context=None, job=JOB, allow_empty=False))  # type: ignore[arg-type]


def packing(behaviour: str, folder: Path) -> Callable[..., Package]:
    """The real package with another program in the place of the job's."""

    def build(arch: package.Arch, domain: str, **_: Any) -> Package:
        real = package.build(arch, domain)
        code = folder / f"code-{behaviour.replace(' ', '-')}.zip"
        with zipfile.ZipFile(io.BytesIO(real.code.read_bytes())) as old, zipfile.ZipFile(code, "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == JOB.script:
                    content = stubs.program(behaviour)
                new.writestr(name, content)
        return Package(code, real.dependencies)

    return build


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    said = event.step_failure_data.user_failure_data
    assert said is not None
    return str(said.description)


def test_a_step_reports_live_with_where_it_ran(cloud: Cloud, run_step: Any) -> None:
    result = run_step("good")
    assert result.success
    materialized = {".".join(each.asset_key.path): each for each in result.asset_materializations_for_node(JOB.name)}
    assert set(materialized) == set(JOB.outputs)
    metadata = {name: value.value for name, value in materialized["marts.lending"].metadata.items()}
    (cluster_id,) = [id for id, state in cloud.clusters().items() if not state.startswith("TERMINAT")]
    (step,) = cloud.steps(cluster_id)
    assert (metadata["origin"], metadata["cluster"], metadata["step"]) == ("emr", cluster_id, step["Id"])
    assert metadata["dagster/row_count"] == 7
    assert metadata["console"].endswith(cluster_id)
    assert metadata["queue_s"] > 0
    assert metadata["run_s"] > 0
    assert metadata["instance_hours"] == 0
    assert cloud.settings.lineage is not None
    events = [
        each
        for each in read_from_s3(f"{cloud.settings.lineage.url}/{PARTITION}")
        if each["run"]["facets"]["parent"]["run"]["runId"] == result.run_id
    ]
    assert_valid(events)
    outputs = published(events)
    assert set(outputs) == {"lending", "branch_days", "index/lendings"}
    assert set(outputs["branch_days"]["facets"]["columnLineage"]["fields"]) == {
        column.name for column in LIBRARY.contracts["marts.branch_days"].columns
    }


def test_a_step_reaches_its_secret_in_a_container_that_knows_no_region(cloud: Cloud, run_step: Any) -> None:
    client("secretsmanager", str(cloud.settings.aws.endpoint)).create_secret(Name="library/club-key", SecretString="it")
    result = run_step("needs a secret", job=replace(LIBRARY.job("extract_reviews"), max_retries=0))
    assert result.success, failure_of(result)


def test_the_reason_of_a_job_is_the_reason_of_its_failure(run_step: Any) -> None:
    assert failure_of(run_step("fails")) == "ValueError: no rows today"


def test_a_step_that_is_killed_fails_with_its_log(cloud: Cloud, run_step: Any) -> None:
    said = failure_of(run_step("is killed"))
    assert f"catalogue: step {last_step(cloud)['Id']}" in said
    assert "is FAILED: Unknown Error." in said
    assert f"#/clusterDetails/{last_cluster(cloud)}\ns3://library-logs/emr/{last_cluster(cloud)}/steps/" in said
    assert "about to die" in said


@pytest.mark.parametrize(
    ("behaviour", "lacking"),
    [
        ("two of three", "find.lending"),
        ("publishes nothing", "marts.lending, marts.branch_days, find.lending"),
    ],
)
def test_success_without_every_output_is_a_failure(run_step: Any, behaviour: str, lacking: str) -> None:
    assert failure_of(run_step(behaviour)) == f"catalogue: reported success, but not {lacking}"


def test_success_whose_messages_are_lost_is_a_failure(run_step: Any) -> None:
    assert failure_of(run_step("says nothing")) == "catalogue: the job ended without its closing message"


def test_a_step_past_its_deadline_is_cancelled(cloud: Cloud, run_step: Any) -> None:
    said = failure_of(run_step("hangs", job=replace(JOB, timeout_s=4)))
    assert said.startswith("catalogue: not done after 4 s, the limit in tests/library/jobs.py")
    wait_for(lambda: last_step(cloud)["Status"]["State"] == "CANCELLED")


def test_a_cluster_that_dies_under_a_pending_step_fails_it(cloud: Cloud, run_step: Any) -> None:
    killer = threading.Thread(target=kill_the_cluster_with_a_pending_step, args=(cloud, set(cloud.clusters())))
    killer.start()
    said = failure_of(run_step("good"))
    killer.join()
    assert "before the step began" in said or "is CANCELLED" in said


def test_a_cluster_that_does_not_come_up_is_made_once_more(
    cloud: Cloud, run_step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "RETRY_DELAY_S", 0)
    before = cloud.clusters()
    cloud.switch(fail_boot=1)
    assert run_step("good", job=replace(JOB, max_retries=1)).success
    made = {id: state for id, state in cloud.clusters().items() if id not in before}
    assert sorted(state for state in made.values() if state.startswith("TERMINATED")) == ["TERMINATED_WITH_ERRORS"]
    assert len(made) == 2


def test_a_cluster_that_emr_refuses_is_not_made_again(
    cloud: Cloud, run_step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "RETRY_DELAY_S", 0)
    before = set(cloud.clusters())
    cloud.switch(refuse_boot=1)
    said = failure_of(run_step("good", job=replace(JOB, max_retries=1)))
    assert said.endswith("(VALIDATION_ERROR: The subnet has not enough free addresses)")
    assert len(cloud.clusters().keys() - before) == 1


def test_throttling_is_no_failure(cloud: Cloud, run_step: Any) -> None:
    cloud.throttle("describe_step", 3)
    cloud.throttle("add_job_flow_steps", 2)
    assert run_step("good").success


def test_a_given_cluster_is_used_and_stays(cloud: Cloud, run_step: Any) -> None:
    drivers = Drivers.of(LIBRARY.jobs, at_once=1)
    request = clusters.request(cloud.settings.emr, name="somebody's", tags={}, drivers=drivers)
    given = cloud.emr.run_job_flow(**request)["JobFlowId"]
    before = set(cloud.clusters())
    assert run_step("good", tags={CLUSTER_TAG: given}).success
    assert set(cloud.clusters()) == before
    assert cloud.clusters()[given] in ("RUNNING", "WAITING")


def test_a_backfill_of_four_days_runs_on_one_cluster(cloud: Cloud, instance: dg.DagsterInstance, run_step: Any) -> None:
    before = set(cloud.clusters())
    days = [f"2026-11-1{day}" for day in range(4)]
    tags = {BACKFILL_TAG: "fill"}
    assert all(run_step("good", partition=day, tags=tags).success for day in days)
    (cluster_id,) = set(cloud.clusters()) - before
    assert sorted(step["Name"] for step in cloud.steps(cluster_id)) == [f"catalogue {day}" for day in days]
    assert end_when_last(cloud.settings, instance, "fill") == f"ended {cluster_id}"


def last_step(cloud: Cloud) -> dict[str, Any]:
    steps = [step for id in cloud.clusters() for step in cloud.steps(id)]
    return max(steps, key=lambda step: step["Status"]["Timeline"]["CreationDateTime"])


def last_cluster(cloud: Cloud) -> str:
    (cluster_id,) = [id for id in cloud.clusters() if last_step(cloud) in cloud.steps(id)]
    return cluster_id


def kill_the_cluster_with_a_pending_step(cloud: Cloud, before: set[str]) -> None:
    wait_for(lambda: any(cloud.steps(id) for id in set(cloud.clusters()) - before))
    cloud.emr.terminate_job_flows(JobFlowIds=list(set(cloud.clusters()) - before))
