"""How the code location is deployed: what Dagster+ and an own instance read, by their own schemas and daemons."""

import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._config import process_config
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.instance import InstanceRef
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test, instance_for_test
from dagster._core.workspace.config_schema import process_workspace_config
from dagster._daemon.monitoring import run_monitoring
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster_aws.ecs.container_context import ECS_CONTAINER_CONTEXT_SCHEMA
from dagster_cloud_cli.config.models import load_dagster_cloud_yaml
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy import create_engine

from emr_jobs.core.s3_uri import bucket_and_key
from pipeline_assets.home import ROOT, deployment_settings
from pipeline_assets.launchers.follow import ORIGIN
from pipeline_assets.production.apply.deploy import SETTINGS_NAME
from pipeline_assets.sensors.lost_runs import LOST_AFTER, end_lost
from pipeline_assets.sensors.production import REPLAY_S, supervision
from pipeline_assets.tags import BACKFILL_TAG, EXECUTION_TAG, MAX_RUNTIME_TAG, ORIGIN_TAG

INSTANCE = ROOT / "instance"
SETTINGS = str(ROOT / "settings" / "production.toml")  # these files and deployment/ are about


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def test_dagster_plus_takes_its_file() -> None:
    (location,) = load_dagster_cloud_yaml((ROOT / "dagster_cloud.yaml").read_text()).locations
    assert location.build is not None
    assert location.build.directory is not None
    assert (ROOT / location.build.directory / "Dockerfile").is_file()
    assert location.container_context is not None
    taken = process_config(ECS_CONTAINER_CONTEXT_SCHEMA, location.container_context["ecs"])
    assert taken.success, taken.errors


def test_dagster_plus_hands_over_the_settings_that_deploy_writes() -> None:
    (location,) = read(ROOT / "dagster_cloud.yaml")["locations"]
    (named,) = location["container_context"]["ecs"]["env_vars"]
    emr = deployment_settings(SETTINGS).emr
    assert emr is not None
    address = emr.artifacts_uri.replace("${ArtifactsBucket}", "ARTIFACTS-BUCKET")
    assert named == f"PIPELINE_SETTINGS={address}/{SETTINGS_NAME}"


def test_every_way_to_deploy_names_the_same_location(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_CODE_SERVER", "code")
    (plus,) = load_dagster_cloud_yaml((ROOT / "dagster_cloud.yaml").read_text()).locations
    targets = []
    for file in (ROOT / "workspace.yaml", INSTANCE / "workspace.yaml"):
        taken = process_workspace_config(read(file))
        assert taken.success, taken.errors
        (entry,) = read(file)["load_from"]
        targets += entry.values()
    module, server = targets
    assert [plus.location_name, server["location_name"]] == [module["location_name"]] * 2
    assert plus.code_source is not None
    assert plus.code_source.module_name == module["module_name"]
    assert f'"{module["module_name"]}"' in (ROOT / "Dockerfile").read_text().splitlines()[-1]


def test_instance_keeps_its_history_in_the_postgres_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = InstanceRef.from_dir(str(INSTANCE)).storage_data
    assert storage is not None
    config = yaml.safe_load(storage.config_yaml)
    for key, value in config["postgres_db"].items():
        if key != "scheme":
            monkeypatch.setenv(value["env"], "5433" if key == "port" else f"{key}-of-env")
    taken = process_config(DagsterPostgresStorage.config_type(), config)
    assert taken.success, taken.errors
    engine = create_engine(pg_url_from_config(taken.value))  # imports the driver, connects to nothing
    address = engine.url.render_as_string(hide_password=False).partition("://")[2]
    assert address == "username-of-env:password-of-env@hostname-of-env:5433/db_name-of-env"


def test_backfills_and_runs_that_follow_production_leave_each_other_a_place(tmp_path: Path) -> None:
    concurrency = read(INSTANCE / "dagster.yaml")["concurrency"]
    location = GrpcServerCodeLocationOrigin(host="code", port=4000, location_name="pipeline_assets")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "daily")
    with instance_for_test({"concurrency": concurrency}, temp_dir=str(tmp_path)) as instance:
        queued = [{BACKFILL_TAG: "b"}] * 20 + [{EXECUTION_TAG: f"e{number}"} for number in range(20)] + [{}]
        for tags in queued:
            create_run_for_test(instance, status=DagsterRunStatus.QUEUED, tags=tags, remote_job_origin=origin)
        daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
        begun = daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)
    kinds = [key for run in begun for key in (BACKFILL_TAG, EXECUTION_TAG) if key in run.tags]
    limits = {each["key"]: each["limit"] for each in concurrency["runs"]["tag_concurrency_limits"]}
    assert {key: kinds.count(key) for key in kinds} == limits
    assert len(begun) == len(kinds) + 1, "what was started by hand, and last, has a place as well"
    assert len(begun) <= concurrency["runs"]["max_concurrent_runs"]


def test_run_may_last_as_long_as_the_execution_that_it_follows() -> None:
    assert read(INSTANCE / "dagster.yaml")["run_monitoring"]["max_runtime_seconds"] > longest_execution_s()


def longest_execution_s() -> int:
    resources = json.loads((ROOT / "deployment/pipeline.template.json").read_text())["Resources"]
    return int(resources["DailyMachine"]["Properties"]["Definition"]["TimeoutSeconds"])


def test_run_that_follows_may_last_as_long_as_its_execution_and_not_as_long_as_any_run() -> None:
    most = read(INSTANCE / "dagster.yaml")["run_monitoring"]["max_runtime_seconds"]
    tags = supervision(deployment_settings(SETTINGS), running=True)
    assert longest_execution_s() + REPLAY_S <= int(tags[MAX_RUNTIME_TAG]) < most


@pytest.mark.parametrize(
    ("reason", "follows", "again"),
    [
        (None, True, True),
        (RunFailureReason.START_TIMEOUT, True, True),
        (RunFailureReason.STEP_FAILURE, True, False),
        (None, False, False),
    ],
)
def test_only_a_run_that_follows_and_lost_its_process_is_launched_again(
    instance_as_deployed: DagsterInstance, reason: RunFailureReason | None, follows: bool, again: bool
) -> None:
    tags = {EXECUTION_TAG: "e", **supervision(deployment_settings(SETTINGS), running=False)} if follows else {}
    run = create_run_for_test(instance_as_deployed, status=DagsterRunStatus.STARTED, tags=tags)
    instance_as_deployed.report_run_failed(run, None, JobFailureData(error=None, failure_reason=reason))
    (ended,) = instance_as_deployed.get_runs()
    assert ended.is_complete_and_waiting_to_retry is again


def test_run_that_lost_its_container_is_ended_and_launched_again(
    instance_as_deployed: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its status says that it goes on; Dagster asks nobody but the clock."""
    tags = {EXECUTION_TAG: "e", **supervision(deployment_settings(SETTINGS), running=False)}
    run = create_run_for_test(instance_as_deployed, status=DagsterRunStatus.STARTING, tags=tags)
    instance_as_deployed.report_dagster_event(DagsterEvent(DagsterEventType.RUN_START.value, "daily"), run.run_id)
    most = float(instance_as_deployed.run_monitoring_max_runtime_seconds)

    def looked_at(after_s: float) -> DagsterRun:
        monkeypatch.setattr(run_monitoring, "get_current_timestamp", lambda: time.time() + after_s)
        (record,) = instance_as_deployed.get_run_records()
        run_monitoring.check_run_timeout(instance_as_deployed, record, logging.getLogger(), most)
        (found,) = instance_as_deployed.get_runs()
        return found

    assert looked_at(REPLAY_S - 60).status is DagsterRunStatus.STARTED
    ended = looked_at(REPLAY_S + 60)
    assert ended.status is DagsterRunStatus.FAILURE
    assert ended.is_complete_and_waiting_to_retry


def test_run_whose_process_gives_no_sign_of_life_is_ended_in_ten_minutes_and_launched_again(
    instance_as_deployed: DagsterInstance,
) -> None:
    """Not one that does not follow: to end it would end work."""
    tags = {EXECUTION_TAG: "e", ORIGIN_TAG: ORIGIN, **supervision(deployment_settings(SETTINGS), running=True)}
    run, other = (
        create_run_for_test(instance_as_deployed, status=DagsterRunStatus.STARTED, tags=each) for each in (tags, {})
    )
    for each in (run, other):
        instance_as_deployed.report_engine_event("the newest sign", each)
    sign = datetime.now(UTC)
    assert end_lost(instance_as_deployed, now=sign + LOST_AFTER - timedelta(minutes=1)) == []
    assert end_lost(instance_as_deployed, now=sign + LOST_AFTER + timedelta(minutes=1)) == [run.run_id]
    ended, goes_on = (instance_as_deployed.get_run_by_id(each.run_id) for each in (run, other))
    assert ended is not None
    assert goes_on is not None
    assert (ended.status, goes_on.status) == (DagsterRunStatus.FAILURE, DagsterRunStatus.STARTED)
    assert ended.is_complete_and_waiting_to_retry


@pytest.fixture
def instance_as_deployed(tmp_path: Path) -> Iterator[DagsterInstance]:
    """Its monitoring and its retries; history and launcher are a test's."""
    config = read(INSTANCE / "dagster.yaml")
    kept = {section: config[section] for section in ("run_monitoring", "run_retries")}
    with instance_for_test(kept, temp_dir=str(tmp_path)) as instance:
        yield instance


def test_logs_of_steps_lie_with_the_runs() -> None:
    _, runs = bucket_and_key(deployment_settings(SETTINGS).runs.uri)
    assert read(INSTANCE / "dagster.yaml")["compute_logs"]["config"]["prefix"] == f"{runs}/compute_logs"
