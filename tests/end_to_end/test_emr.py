"""The whole graph as steps of one emulated EMR cluster with a real YARN, by the code path of production.

Glue, S3, Secrets Manager; clean containers, nothing left behind.
"""

import re
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import tomlkit

from emr_jobs.catalog import Job
from local_stack import sample, stack
from local_stack.aws.account import client
from pipeline_assets.assets.jobs import job_assets
from pipeline_assets.emr import clusters
from pipeline_assets.emr.drivers import Drivers
from pipeline_assets.emr.lease import ending_clusters
from pipeline_assets.home import aws_environment
from pipeline_assets.launchers.emr import EmrStepLauncher
from pipeline_assets.partitions import daily
from pipeline_assets.sensors.clusters import end_forgotten
from pipeline_assets.shipping import package
from pipeline_assets.shipping.package import Package
from pipeline_assets.tags import LAUNCHER_TAG
from tests.comparison import compare
from tests.domains import LIBRARY
from tests.end_to_end.expected_day import expected
from tests.lineage_events import assert_whole, read_from_s3
from tests.running import Day, pipeline, pipeline_process, table_rows, typed, wait_for

GOLDEN = Path(__file__).with_name("golden")
PARTITION = "2026-11-21"
LOANS = 60
REVIEWS = LIBRARY.job("extract_reviews")
ARTIFACTS = "library-artifacts"
WAITS = "import time; time.sleep(600)"
SUBMIT = ["spark-submit", "--deploy-mode", "cluster", "--driver-memory", "1g", "--conf", "spark.yarn.maxAppAttempts=1"]
EXTRACTIONS = ("extract_loans", "extract_members", "extract_reviews")


@pytest.fixture(scope="module")
def yarn_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """A sample day, published by launcher emr."""
    home = tmp_path_factory.mktemp("yarn")
    truth = sample.generate(home / "data", partition=LIBRARY.calendar.partition(PARTITION), rows=LOANS)
    addresses = stack.up(home, home / "data", aws=True, yarn=True)
    try:
        ended = pipeline("run", "--partition", PARTITION, "--launcher", "emr", home=home)
        assert ended.code == 0, ended.output
        day = Day(home, home / "data", addresses.settings, PARTITION, truth, said=ended.output)
        assert tried_again(day) == {}, "every job went well the first time"
        yield day
    finally:
        stack.down(home)
    assert containers() == [], "a stopped stack leaves no container"


def test_rows_and_documents_are_those_that_were_delivered(yarn_day: Day) -> None:
    wanted = expected(yarn_day.data, date.fromisoformat(yarn_day.partition))
    compare(yarn_day, wanted)
    assert len(wanted["marts.lending"]) == yarn_day.truth["loans"] == LOANS


def test_openlineage_has_every_dataset_with_columns_lineage_and_checks(
    yarn_day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert yarn_day.settings.lineage is not None
    for name, value in aws_environment(yarn_day.settings.aws).items():
        monkeypatch.setenv(name, value)
    assert_whole(read_from_s3(yarn_day.settings.lineage.url), LIBRARY)


def test_one_cluster_is_made_and_ended_and_three_drivers_run_at_once_on_its_core_nodes(yarn_day: Day) -> None:
    (cluster,) = clusters_of(yarn_day)
    wait_for(lambda: states(yarn_day)[cluster["Id"]] == "TERMINATED")
    times = {
        step["Name"].split()[0]: step["Status"]["Timeline"]
        for step in emr(yarn_day).list_steps(ClusterId=cluster["Id"])["Steps"]
    }
    assert set(times) == {*EXTRACTIONS, "catalogue"}
    drivers = drivers_launched(yarn_day)[:4]
    assert [node for _, node in drivers] == ["core"] * 4
    extracting = max(at for at, _ in drivers[:3])
    assert all(extracting < times[each]["EndDateTime"] for each in EXTRACTIONS)
    assert all(times["catalogue"]["StartDateTime"] > times[each]["EndDateTime"] for each in EXTRACTIONS)


def test_without_its_share_of_memory_a_second_driver_waits_on_its_job_s_time(yarn_day: Day) -> None:
    """A cluster of two core nodes with Hadoop's own share of a tenth. For EMR the step that waits is running."""
    assert yarn_day.settings.emr is not None
    client("s3", str(yarn_day.settings.aws.endpoint)).put_object(Bucket=ARTIFACTS, Key="waits.py", Body=WAITS)
    settings = yarn_day.settings.emr.model_copy(update={"task": None})
    request = clusters.request(settings, name="of a tenth", tags={}, drivers=Drivers.of(LIBRARY.jobs, at_once=3))
    request["Configurations"] = [each for each in request["Configurations"] if "spark" in each["Classification"]]
    cluster_id = emr(yarn_day).run_job_flow(**request)["JobFlowId"]
    try:
        jar = {"Jar": "command-runner.jar", "Args": [*SUBMIT, f"s3://{ARTIFACTS}/waits.py"]}
        step = {"Name": "waits", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
        ids = emr(yarn_day).add_job_flow_steps(JobFlowId=cluster_id, Steps=[step] * 2)["StepIds"]
        outputs = [yarn_day.home / "aws" / "clusters" / cluster_id / "steps" / id / "stderr" for id in ids]
        wait_for(lambda: sum("Queue's AM resource limit exceeded" in printed(each) for each in outputs) == 1)
        steps = emr(yarn_day).list_steps(ClusterId=cluster_id)["Steps"]
        assert [each["Status"]["State"] for each in steps] == ["RUNNING", "RUNNING"]
    finally:
        emr(yarn_day).terminate_job_flows(JobFlowIds=[cluster_id])
    wait_for(lambda: states(yarn_day)[cluster_id] == "TERMINATED")
    assert containers() == []


@pytest.mark.parametrize("job", [*EXTRACTIONS, "catalogue"])
def test_the_command_line_is_the_one_for_emr_and_holds_no_secret(yarn_day: Day, job: str) -> None:
    (cluster,) = clusters_of(yarn_day)
    steps = emr(yarn_day).list_steps(ClusterId=cluster["Id"])["Steps"]
    (step,) = [step for step in steps if step["Name"] == f"{job} {yarn_day.partition}"]
    config = step["Config"]
    assert (config["Jar"], step["ActionOnFailure"]) == ("command-runner.jar", "CONTINUE")
    assert "".join(f"{each}\n" for each in masked(config["Args"])) == (GOLDEN / f"{job}.txt").read_text()
    secrets = client("secretsmanager", str(yarn_day.settings.aws.endpoint))
    for name in ("library/office-key", "library/club-key"):
        value = secrets.get_secret_value(SecretId=name)["SecretString"]
        assert value not in " ".join(config["Args"])


def test_every_verb_works_against_this_profile(yarn_day: Day) -> None:
    count = "SELECT count(*) AS n FROM marts.lending"
    found = typed("query", count, "--json", home=yarn_day.home)
    assert found.code == 0, found.err
    assert found.json == [{"n": len(table_rows(yarn_day.settings, yarn_day.partition)["marts.lending"])}]
    for verb in (("search", "find", "lighthouse"), ("lake", "apply"), ("stack", "status")):
        ended = typed(*verb, home=yarn_day.home)
        assert ended.code == 0, ended.err


def test_upkeep_with_the_settings_of_a_deployment_is_a_step(yarn_day: Day, tmp_path: Path) -> None:
    values = tomlkit.parse(Path(yarn_day.settings_uri).read_text()).unwrap()
    del values["spark"]  # its jars are those of the cluster
    deployed = tmp_path / "deployed.toml"
    deployed.write_text(tomlkit.dumps(values))
    before = table_rows(yarn_day.settings, yarn_day.partition)
    ended = typed("lake", "maintain", "--settings", str(deployed), "--json", home=yarn_day.home)
    assert ended.code == 0, ended.err
    *tables, letters = ended.json
    assert {each["dataset"] for each in tables} == set(before)
    assert letters == {"dead_letters": 0}
    assert table_rows(yarn_day.settings, yarn_day.partition) == before


def test_a_module_that_is_not_in_the_archive_fails_the_step_and_is_named(
    yarn_day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = failure_of(yarn_day, monkeypatch, replace(REVIEWS, max_retries=0), build=without("orjson", tmp_path))
    assert "ModuleNotFoundError: No module named 'orjson'" in said


def test_a_driver_that_is_too_small_is_killed_and_the_failure_names_what_to_raise(
    yarn_day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = failure_of(
        yarn_day, monkeypatch, replace(REVIEWS, max_retries=0, driver_memory_mb=496, driver_overhead_mb=16)
    )
    assert "YARN killed the driver of extract_reviews: expected at most 512 MB of memory, found " in said
    assert "Raise driver_memory_mb (496, the JVM's heap) or driver_overhead_mb (16, Python and the rest)" in said
    assert "of extract_reviews in emr_jobs/derived.py" in said


def failure_of(day: Day, monkeypatch: pytest.MonkeyPatch, job: Job, **launcher: Any) -> str:
    """What a person reads of this job, run as a step."""
    for name, value in aws_environment(day.settings.aws).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 1)
    emr_launcher = EmrStepLauncher(day.settings, day.settings_uri, **launcher)
    with dg.instance_for_test() as instance, ending_clusters(day.settings, instance, dg.RunsFilter()):
        result = dg.materialize(
            [job_assets(job, {"emr": emr_launcher}, day.settings, daily(day.settings))],
            partition_key=day.partition,
            instance=instance,
            tags={LAUNCHER_TAG: "emr"},
            raise_on_error=False,
        )
    (event,) = [event for event in result.all_events if event.is_step_failure]
    said = event.step_failure_data.user_failure_data
    assert said is not None
    return str(said.description)


class TestInterrupted:
    """A run that does not end by itself. Each leaves no step running and, in the end, no cluster."""

    def test_cancelling_a_run_ends_its_application_its_step_and_its_cluster(self, yarn_day: Day) -> None:
        running, cluster_id = self.running_step(yarn_day)
        wait_for(lambda: any("run_job.py" in line and "extract_loans" in line for line in containers()))
        running.send_signal(signal.SIGINT)
        assert running.wait() != 0
        wait_for(lambda: containers() == [])
        wait_for(lambda: states(yarn_day)[cluster_id] == "TERMINATED")
        (step,) = emr(yarn_day).list_steps(ClusterId=cluster_id)["Steps"]
        assert step["Status"]["State"] == "CANCELLED"

    def test_the_cluster_of_a_killed_run_is_ended_by_the_sensor(
        self, yarn_day: Day, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        running, cluster_id = self.running_step(yarn_day)
        running.kill()
        running.wait()
        assert states(yarn_day)[cluster_id] in ("RUNNING", "WAITING")
        for name, value in aws_environment(yarn_day.settings.aws).items():
            monkeypatch.setenv(name, value)
        with dg.DagsterInstance.from_config(str(yarn_day.home / "dagster")) as instance:
            now = datetime.now(UTC)
            assert end_forgotten(yarn_day.settings, instance, now=now) == []
            assert end_forgotten(yarn_day.settings, instance, now=now + timedelta(minutes=6)) == [cluster_id]
        wait_for(lambda: states(yarn_day)[cluster_id] == "TERMINATED")

    @staticmethod
    def running_step(day: Day) -> tuple["subprocess.Popen[str]", str]:
        """`pipeline run` of one job, once its step runs, and the cluster."""
        before = states(day)
        run = ("run", "--partition", day.partition, "--launcher", "emr", "--select", "extract_loans")
        process = pipeline_process(*run, home=day.home)
        found: list[str] = []

        def runs() -> bool:
            found[:] = [
                id
                for id in set(states(day)) - set(before)
                for step in emr(day).list_steps(ClusterId=id)["Steps"]
                if step["Status"]["State"] == "RUNNING"
            ]
            return bool(found)

        wait_for(runs)
        return process, found[0]


def without(module: str, folder: Path) -> Callable[..., Package]:
    """The package, its dependencies short of one module."""

    def build(arch: package.Arch, domain: str, **_: Any) -> Package:
        real = package.build(arch, domain)
        short = folder / "deps-short.tar.gz"
        with tarfile.open(real.dependencies) as old, tarfile.open(short, "w:gz", compresslevel=1) as new:
            for entry in old:
                if not entry.name.startswith(f"{module}/"):
                    new.addfile(entry, old.extractfile(entry))
        return Package(real.code, short)

    return build


def masked(arguments: list[str]) -> list[str]:
    """Hashes, run ids and what Dagster tells the job are new each time."""
    shown = list(arguments)
    for option in ("--run-id", "--dagster-pipes-context", "--dagster-pipes-messages"):
        shown[shown.index(option) + 1] = "..."
    return [re.sub(r"deps-\w+-HASH", "deps-ARCH-HASH", re.sub(r"-[0-9a-f]{16}\b", "-HASH", each)) for each in shown]


def emr(day: Day) -> Any:
    return client("emr", str(day.settings.aws.endpoint))


def clusters_of(day: Day) -> list[dict[str, Any]]:
    """Of the run that published the day."""
    found = emr(day).list_clusters()["Clusters"]
    return [min(found, key=lambda cluster: cluster["Status"]["Timeline"]["CreationDateTime"])]


def states(day: Day) -> dict[str, str]:
    return {found["Id"]: found["Status"]["State"] for found in emr(day).list_clusters()["Clusters"]}


def tried_again(day: Day) -> dict[str, str]:
    """Steps of that run that did not end well, and the end of what each has printed."""
    (cluster,) = clusters_of(day)
    steps = emr(day).list_steps(ClusterId=cluster["Id"], StepStates=["FAILED", "CANCELLED"])["Steps"]
    folder = day.home / "aws" / "clusters" / cluster["Id"] / "steps"
    return {step["Name"]: printed(folder / step["Id"] / "stderr")[-3000:] for step in steps}


def drivers_launched(day: Day) -> list[tuple[datetime, str]]:
    """When, and on which node of the stack's first YARN, oldest first."""
    nodes = day.home / "aws" / "yarn" / "1" / "nodes"
    found = nodes.glob("*/logs/application_*/container_*_01_000001/prelaunch.out")
    return sorted((datetime.fromtimestamp(file.stat().st_mtime, UTC), file.parents[3].name) for file in found)


def printed(output: Path) -> str:
    """What a step has printed so far."""
    return output.read_text() if output.exists() else ""


def containers() -> list[str]:
    """The command lines of drivers and executors on YARN."""
    lines = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if "java" in line and ("yarn.ApplicationMaster" in line or "YarnCoarseGrainedExecutorBackend" in line):
            lines.append(line)
    return lines
