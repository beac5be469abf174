"""A program that a verb runs, on the emulated EMR: with the settings of a deployment there is no Spark here."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from emr_jobs.catalog import MAINTAIN
from local_stack.simulation import stubs
from pipeline_assets.shipping import package
from pipeline_assets.shipping.package import Package
from tests.aws import Cloud
from tests.running import typed, wait_for


@pytest.fixture
def deployed(cloud: Cloud, tmp_path: Path) -> str:
    """Settings as a deployment has them: Glue, and no jars."""
    values = tomlkit.parse(Path(cloud.settings_uri).read_text()).unwrap()
    del values["spark"]
    file = tmp_path / "deployed.toml"
    file.write_text(tomlkit.dumps(values))
    return str(file)


def ship(behaviour: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real package with another program in the place of maintain."""
    build = package.build

    def built(arch: package.Arch, domain: str, **more: Any) -> Package:
        real = build(arch, domain, **more)
        code = folder / f"code-maintain-{behaviour}.zip"
        with zipfile.ZipFile(io.BytesIO(real.code.read_bytes())) as old, zipfile.ZipFile(code, "w") as new:
            for name in old.namelist():
                new.writestr(name, stubs.program(behaviour) if name == MAINTAIN.script else old.read(name))
        return Package(code, real.dependencies)

    monkeypatch.setattr(package, "build", built)


def test_upkeep_of_a_deployment_is_the_step_of_a_cluster_that_ends_with_it(
    cloud: Cloud, deployed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship("good", tmp_path, monkeypatch)
    before = set(cloud.clusters())
    ended = typed("lake", "maintain", "--settings", deployed, home=tmp_path)
    assert ended.code == 0, ended.err
    assert [line.split() for line in ended.out.splitlines() if line] == [
        ["dataset", "orphan_files"],
        ["marts.lending", "7"],
        ["dead", "letters", "deleted:", "0"],
    ]
    (cluster,) = set(cloud.clusters()) - before
    said = ended.err.replace("\n", " ")
    for word in (f"made cluster {cluster} ", "is RUNNING ", "maintaining warehouse=s3://", "is COMPLETED "):
        assert word in said
    assert said.endswith(f"cluster {cluster} is ending ")
    wait_for(lambda: cloud.clusters()[cluster] == "TERMINATED")


def test_upkeep_that_fails_says_why_and_ends_its_cluster(
    cloud: Cloud, deployed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship("fails", tmp_path, monkeypatch)
    before = set(cloud.clusters())
    ended = typed("lake", "maintain", "--settings", deployed, "--json", home=tmp_path)
    assert (ended.code, ended.out, ended.err) == (1, "", "ValueError: no lake today\n")
    (cluster,) = set(cloud.clusters()) - before
    wait_for(lambda: cloud.clusters()[cluster] == "TERMINATED")
