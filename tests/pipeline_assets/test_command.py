"""The command line of a run: on this machine, and as a step."""

import stat
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from emr_jobs.core.settings import Aws, Spark
from pipeline_assets.command import emr_submit, local_environment, local_submit, scratch_folder
from pipeline_assets.shipping.package import Shipped
from tests.domains import LIBRARY

SHIPPED = Shipped("s3://a/code.zip", "s3://a/deps.tar.gz")


def test_paths_with_spaces_are_one_argument_and_one_option_of_the_jvm(tmp_path: Path) -> None:
    archive = tmp_path / "my cache" / "spark.jsa"
    archive.parent.mkdir()
    archive.touch()
    values = Spark(jars=f"{tmp_path}/my jars", jvm_options=("-Xss4m",), class_archive=str(archive))
    command = local_submit("emr_jobs/maintain.py", ["--settings", "/my home/settings.toml"], values)
    assert command[-2:] == ["--settings", "/my home/settings.toml"]
    assert f"{tmp_path}/my jars/*" in command
    # Spark splits these at spaces outside of quotes.
    options = f'-Dfile.encoding=UTF-8 -Xss4m "-XX:SharedArchiveFile={archive}"'
    assert f"spark.driver.extraJavaOptions={options}" in command


def test_two_drivers_that_start_at_once_are_two_applications() -> None:
    ids = {part for _ in range(2) for part in local_submit("x.py", [], Spark()) if part.startswith("spark.test.appId=")}
    assert len(ids) == 2


def test_driver_of_a_step_knows_the_region_before_it_has_read_its_settings() -> None:
    command = emr_submit(LIBRARY.job("catalogue"), [], SHIPPED, Aws(region="eu-west-1"))
    assert {part for part in command if "AWS_" in part} == {
        "spark.yarn.appMasterEnv.AWS_REGION=eu-west-1",
        "spark.yarn.appMasterEnv.AWS_DEFAULT_REGION=eu-west-1",
    }


def test_what_a_run_spills_is_for_its_owner_only_and_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPARK_LOCAL_DIRS", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_folder() as scratch:
        assert scratch.parent == tmp_path
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
        spilled = {name: local_environment(scratch)[name] for name in ("SPARK_LOCAL_DIRS", "LOCAL_DIRS", "TMPDIR")}
        assert set(spilled.values()) == {str(scratch)}
        assert f'"-Djava.io.tmpdir={scratch}"' in " ".join(local_submit("x.py", [], Spark(), scratch))
        (scratch / "blockmgr-1").mkdir()
        (scratch / "blockmgr-1" / "shuffle").touch()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_spills_that_is_given_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"{tmp_path},/elsewhere")
    with scratch_folder() as scratch:
        assert scratch.parent == tmp_path


def test_a_step_asks_for_what_the_catalogue_gives_its_job() -> None:
    job = replace(
        LIBRARY.job("catalogue"),
        driver_memory_mb=1000,
        driver_overhead_mb=200,
        executor_memory_mb=3000,
        executor_overhead_mb=400,
    )
    command = emr_submit(job, [], SHIPPED, Aws())
    asked = dict(pairwise(command))
    assert (asked["--driver-memory"], asked["--executor-memory"]) == ("1000m", "3000m")
    assert "spark.driver.memoryOverhead=200m" in command
    assert "spark.executor.memoryOverhead=400m" in command
