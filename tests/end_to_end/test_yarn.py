"""The steps of launcher emr on a real YARN: the same results, clean containers, nothing left behind."""

import signal
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from emr_jobs.catalog import job_named
from local_stack.aws.account import client
from pipeline_assets.assets.jobs import job_assets
from pipeline_assets.home import aws_environment
from pipeline_assets.launchers.cluster_lease import ending_clusters
from pipeline_assets.launchers.emr_step import EmrStepLauncher
from pipeline_assets.partitions import daily
from pipeline_assets.production import package
from pipeline_assets.production.package import Package
from pipeline_assets.tags import LAUNCHER_TAG
from tests.end_to_end.conftest import published_by_emr
from tests.end_to_end.test_against_the_oracle import compare
from tests.running import Day, pipeline_process, wait_for


@pytest.fixture(scope="module")
def yarn_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with published_by_emr(tmp_path_factory.mktemp("yarn"), yarn=True) as day:
        yield day
    assert containers() == [], "a stopped stack leaves no container"


def test_rows_and_documents_are_those_of_the_oracle(yarn_day: Day) -> None:
    wanted = compare(yarn_day)
    assert len(wanted["final.order_facts"]) == yarn_day.truth["orders"]


def test_cancelling_a_run_ends_its_application(yarn_day: Day) -> None:
    run = ("run", "--partition", yarn_day.partition, "--launcher", "emr", "--select", "extract_customers")
    running = pipeline_process(*run, home=yarn_day.home)
    wait_for(lambda: any("extract_customers.py" in container for container in containers()))
    running.send_signal(signal.SIGINT)
    assert running.wait() != 0
    wait_for(lambda: containers() == [])
    emr = client("emr", str(yarn_day.settings.aws.endpoint))
    wait_for(lambda: {each["Status"]["State"] for each in emr.list_clusters()["Clusters"]} == {"TERMINATED"})


def test_a_module_that_is_not_in_the_archive_fails_the_step_and_is_named(
    yarn_day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws_environment(yarn_day.settings.aws).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 1)
    job = replace(job_named("extract_shipments"), max_retries=0)
    launcher = EmrStepLauncher(yarn_day.settings, yarn_day.settings_uri, build=without("orjson", tmp_path))
    with dg.instance_for_test() as instance, ending_clusters(yarn_day.settings, instance, {LAUNCHER_TAG: "emr"}):
        result = dg.materialize(
            [job_assets(job, {"emr": launcher}, yarn_day.settings, daily(yarn_day.settings))],
            partition_key=yarn_day.partition,
            instance=instance,
            tags={LAUNCHER_TAG: "emr"},
            raise_on_error=False,
        )
    (event,) = [event for event in result.all_events if event.is_step_failure]
    said = event.step_failure_data.user_failure_data
    assert said is not None
    assert "ModuleNotFoundError: No module named 'orjson'" in str(said.description)


def without(module: str, folder: Path) -> Callable[..., Package]:
    """The package, its dependencies short of one module."""

    def build(arch: package.Arch, **_: Any) -> Package:
        real = package.build(arch)
        short = folder / "deps-short.tar.gz"
        with tarfile.open(real.dependencies) as old, tarfile.open(short, "w:gz", compresslevel=1) as new:
            for entry in old:
                if not entry.name.startswith(f"{module}/"):
                    new.addfile(entry, old.extractfile(entry))
        return Package(real.code, short)

    return build


def containers() -> list[str]:
    """The command lines of drivers and executors on YARN."""
    lines = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if "java" in line and ("yarn.ApplicationMaster" in line or "YarnCoarseGrainedExecutorBackend" in line):
            lines.append(line)
    return lines
