"""DagsterPolicy suffices: what Dagster does in production, done by a role that has this policy and nothing else.

On the local AWS, which checks every call as IAM would. Not here: OpenSearch, which checks nothing locally.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import dagster as dg
import pytest
import requests
from botocore.exceptions import ClientError
from dagster._core.test_utils import create_run_for_test
from dagster_aws.s3 import S3ComputeLogManager

from emr_jobs.core import settings as settings_module
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.secret_ref import resolve
from emr_jobs.sources.files.listing import listing
from local_stack.aws.account import client
from pipeline_assets import lake
from pipeline_assets.assets.jobs import all_jobs, job_assets
from pipeline_assets.checks.tables import row_count
from pipeline_assets.definitions import definitions
from pipeline_assets.emr import clusters
from pipeline_assets.home import dagster_home
from pipeline_assets.launchers.emr import EmrStepLauncher
from pipeline_assets.partitions import daily
from pipeline_assets.production.apply.stacks import Stacks
from pipeline_assets.production.running.executions import Execution
from pipeline_assets.sensors.clusters import end_forgotten
from pipeline_assets.tags import BACKFILL_TAG, EXECUTION_TAG, LAUNCHER_TAG, ORIGIN_TAG
from tests.deployed import FAILS, Deployed
from tests.domains import LIBRARY
from tests.pipeline_assets.launchers.test_emr import failure_of, packing
from tests.pipeline_assets.sensors.test_production import drained, tick
from tests.pipeline_assets.test_alerts import run as run_with_a_failed_check

DAY = "2026-07-01"
JOB = replace(LIBRARY.job("extract_loans"), max_retries=0)


@dataclass(frozen=True)
class Role:
    """That has DagsterPolicy, as it is deployed, and nothing else."""

    production: Deployed
    policy: str
    arn: str

    @contextmanager
    def acting(self) -> Iterator[list[str]]:
        """This process's AWS clients are the role's, and calls are checked; afterwards, what was refused."""
        keys = self.client("sts").assume_role(RoleArn=self.arn, RoleSessionName="dagster")["Credentials"]
        refused: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the keys that it met first
            patch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
            patch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
            patch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
            self._authorise(True)
            try:
                yield refused
            finally:
                refused += self._authorise(False)

    @contextmanager
    def without(self, action: str) -> Iterator[None]:
        iam = self.client("iam")
        kept = {
            "PolicyArn": self.policy,
            "VersionId": iam.get_policy(PolicyArn=self.policy)["Policy"]["DefaultVersionId"],
        }
        document = iam.get_policy_version(**kept)["PolicyVersion"]["Document"]
        less = [{**each, "Action": [one for one in each["Action"] if one != action]} for each in document["Statement"]]
        assert less != document["Statement"], f"it was generated with {action}"
        document["Statement"] = [each for each in less if each["Action"]]
        made = iam.create_policy_version(PolicyArn=self.policy, PolicyDocument=json.dumps(document), SetAsDefault=True)[
            "PolicyVersion"
        ]
        try:
            yield
        finally:
            iam.set_default_policy_version(**kept)
            iam.delete_policy_version(PolicyArn=self.policy, VersionId=made["VersionId"])

    def client(self, service: str) -> Any:
        """The person's."""
        return client(service, str(self.production.settings.aws.endpoint))

    def _authorise(self, on: bool) -> list[str]:
        answer = requests.put(self.production.cloud.faults, json={"authorise": on}, timeout=10)
        answer.raise_for_status()
        return list(answer.json())


@pytest.fixture
def role(production: Deployed) -> Iterator[Role]:
    assert production.settings.production is not None
    stack = Stacks().find(production.settings.production.name)
    assert stack is not None
    iam, name, policy = boto3.client("iam"), f"dagster-{uuid4().hex[:6]}", stack.outputs["DagsterPolicy"]
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    yield Role(production, policy, arn)
    iam.detach_role_policy(RoleName=name, PolicyArn=policy)
    iam.delete_role(RoleName=name)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home(tmp_path)))
    with dg.DagsterInstance.get() as instance:
        # Dagster waits ten seconds more for a closing message that never comes.
        monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 1)
        yield instance


def followed(production: Deployed, instance: dg.DagsterInstance, execution: Execution) -> dg.ExecuteInProcessResult:
    job, *_ = all_jobs(production.settings, production.settings_uri, daily(production.settings))
    tags = {EXECUTION_TAG: execution.name, ORIGIN_TAG: "production"}
    day = str(execution.partition)
    return dg.materialize([job], partition_key=day, instance=instance, tags=tags, raise_on_error=False)


def looked_at(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, execution: Execution) -> Any:
    """What checks_after_production answers to a run that followed it."""
    tags = {EXECUTION_TAG: execution.name, "dagster/partition": str(execution.partition)}
    run = create_run_for_test(instance, tags=tags, status=dg.DagsterRunStatus.SUCCESS)
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "daily")
    return sensor(dg.build_run_status_sensor_context(sensor.name, event, instance, run))


def test_it_follows_executions_and_looks_at_their_day_and_ends_no_cluster_of_theirs(
    production: Deployed, role: Role, instance: dg.DagsterInstance
) -> None:
    since = drained(production, instance)
    sensor = definitions(production.settings_uri).resolve_sensor_def("checks_after_production")
    good, failed = (production.ran(day, only=["extract_loans"], rerun=True) for day in (DAY, FAILS))
    cluster = production.executions.cluster(good.name)
    with role.acting() as refused:
        settings_module.load(production.settings_uri)
        assert [each.run_key for each in tick(production, instance, since=since).requests] == [good.name, failed.name]
        assert followed(production, instance, good).success
        assert failure_of(followed(production, instance, failed)) == "ValueError: no rows today"
        assert looked_at(sensor, instance, good).skip_message.startswith(f"{DAY} is incomplete by {good.name}")
        with pytest.raises(ClientError, match="not authorized to perform: elasticmapreduce:TerminateJobFlows"):
            boto3.client("emr").terminate_job_flows(JobFlowIds=[cluster])
    assert len(refused) == 1


def test_it_makes_uses_and_ends_clusters_of_its_own(
    production: Deployed, role: Role, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    def stepped(behaviour: str, timeout_s: int = 60) -> dg.ExecuteInProcessResult:
        launcher = EmrStepLauncher(production.settings, production.settings_uri, build=packing(behaviour, tmp_path))
        job = replace(JOB, timeout_s=timeout_s)
        return dg.materialize(
            [job_assets(job, {"emr": launcher}, production.settings, daily(production.settings))],
            partition_key=DAY,
            instance=instance,
            tags={LAUNCHER_TAG: "emr", BACKFILL_TAG: "fill"},
            raise_on_error=False,
        )

    before = set(production.cloud.clusters())
    with role.acting() as refused:
        assert stepped("good").success
        assert "about to die" in failure_of(stepped("is killed"))
        assert failure_of(stepped("hangs", timeout_s=4)).startswith("extract_loans: not done after 4 s")
        (made,) = set(production.cloud.clusters()) - before
        assert end_forgotten(production.settings, instance, now=datetime.now(UTC) + timedelta(hours=1)) == [made]
    assert refused == []


def test_it_overwrites_nothing_that_production_runs(production: Deployed, role: Role) -> None:
    stack = Stacks().find("library")
    assert stack is not None
    bucket, code = bucket_and_key(stack.parameters["Code"])
    keys = [f"{code}/run_job.py", f"{code}.zip", bucket_and_key(stack.parameters["SettingsUri"])[1],
            bucket_and_key(production.settings_uri)[1]]  # fmt: skip
    with role.acting():
        for key in keys:
            boto3.client("s3").head_object(Bucket=bucket, Key=key)
            with pytest.raises(ClientError, match="AccessDenied"):
                boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=b"mine")


def test_it_reads_what_is_published_and_observes_the_sources(
    production: Deployed, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.apply(production.settings)
    table = lake.table(lake.catalog(production.settings), LIBRARY.contracts["marts.lending"])
    assert table is not None
    table.append(table.schema().as_arrow().empty_table())
    addresses = lake._addresses(production.settings.aws)
    found = {name: value for name, value in addresses.items() if "key" not in name}  # the role's are in the environment
    monkeypatch.setattr(lake, "_addresses", lambda _: found)
    secrets = list(production.settings.secrets.values())
    (files,) = production.settings.files.values()
    for secret in secrets:
        role.client("secretsmanager").create_secret(Name=secret.removeprefix("aws:"), SecretString="it")
    with role.acting() as refused:
        catalog = lake.catalog(production.settings)
        tables = [lake.table(catalog, contract) for contract in LIBRARY.tables]
        assert [row_count(each, DAY) for each in tables if each] == [0] * len(LIBRARY.tables)
        assert listing(f"{files.uri}/loans/2026/0701-*.csv.gz") == []
        assert [resolve(secret) for secret in secrets] == ["it", "it"]
    assert refused == []


def test_it_tells_of_a_failed_check(production: Deployed, role: Role) -> None:
    with role.acting() as refused:
        result = run_with_a_failed_check(production)
    assert [each.event_type_value for each in result.all_events if "HOOK" in each.event_type_value] == [
        "HOOK_COMPLETED"
    ]
    assert refused == []


def test_it_keeps_what_steps_print(production: Deployed, role: Role, tmp_path: Path) -> None:
    bucket, prefix = bucket_and_key(f"{production.settings.runs.uri}/compute_logs")
    key = ["a-run", "compute_logs", "a-step"]
    with role.acting() as refused:
        for folder in ("one", "other"):  # of the code server and of the webserver
            kept = S3ComputeLogManager(bucket, prefix=prefix, local_dir=str(tmp_path / folder))
            if folder == "one":
                with kept.capture_logs(key):
                    print("printed")
        data = kept.get_log_data(key)
        assert b"printed" in (data.stdout or b"")
        kept.delete_logs(log_key=key)
    assert refused == []


ASKED: dict[str, Callable[[Deployed], object]] = {
    "cloudformation:DescribeStacks": lambda production: production.executions,
    "states:ListExecutions": lambda production: production.executions.since(None),
    "states:DescribeExecution": lambda production: production.executions.find("any"),
    "states:GetExecutionHistory": lambda production: production.executions.passed_guard(
        production.executions.arn("any")
    ),
    "dynamodb:GetItem": lambda production: production.executions.cluster("any"),
    "elasticmapreduce:ListClusters": lambda _: [*clusters.alive(clusters.client(), instance_id="any")],
}


@pytest.mark.parametrize("action", ASKED)
def test_without_one_of_its_actions_it_does_not_suffice(action: str, production: Deployed, role: Role) -> None:
    with role.without(action), role.acting() as refused, pytest.raises(ClientError):
        ASKED[action](production)
    assert [f"not authorized to perform: {action} on resource: " in each for each in refused] == [True]
