"""The command line of a local run."""

from pathlib import Path

from emr_jobs.settings import Spark
from pipeline_assets.launchers.command import local_submit


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
