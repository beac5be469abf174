"""`dg` and `dagster dev` from the checkout: both find the location that workspace.yaml names, and run it."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests
import tomlkit
from dagster._core.workspace.load_target import PyProjectFileTarget, WorkspaceFileTarget

from pipeline_assets.definitions import definitions
from pipeline_assets.home import ROOT
from pipeline_assets.process import TiedProcess
from tests.domains import LIBRARY, LOCAL, settings_domain
from tests.running import wait_for

DG = Path(sys.executable).with_name("dg")
PARTITION = "2026-11-22"
WORKSPACE = """{ workspaceOrError { ... on Workspace { locationEntries {
    name locationOrLoadError { ... on RepositoryLocation { repositories { name jobs { name } } } } } } } }"""


def ended(*arguments: str, cwd: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(DG), *arguments],
        env={**os.environ, "COLUMNS": "200", **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_and_without_w_it_is_the_same_location(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pyproject.toml has a block of dg, `dagster dev` without -w takes no notice of workspace.yaml."""
    monkeypatch.chdir(ROOT)
    (here,) = PyProjectFileTarget("pyproject.toml").create_origins()
    (there,) = WorkspaceFileTarget(["workspace.yaml"]).create_origins()
    assert here.location_name == there.location_name
    assert here.loadable_target_origin.module_name == there.loadable_target_origin.module_name is not None


def test_dg_scaffolds_into_the_room_of_the_domain_that_the_settings_name() -> None:
    domain = settings_domain()
    project = tomlkit.parse((ROOT / "pyproject.toml").read_text()).unwrap()["tool"]["dg"]["project"]
    assert (project["root_module"], project["defs_module"]) == (domain.package, f"{domain.package}.defs")
    assert (domain.folder / "defs" / "__init__.py").is_file(), "without the folder dg refuses every check"


@pytest.mark.usefixtures("processes")
def test_dg_finds_no_fault_and_lists_what_the_definitions_have(tmp_path: Path) -> None:
    checked = ended("check", "defs", PIPELINE_HOME=str(tmp_path))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "All definitions loaded successfully" in checked.stdout
    listed = ended("list", "defs", "--json", PIPELINE_HOME=str(tmp_path))
    assert listed.returncode == 0, listed.stderr
    found = json.loads(listed.stdout)
    defs = definitions(str(LOCAL))
    graph = defs.resolve_asset_graph()
    assert [asset["asset_key"] for asset in found["assets"]] == sorted(
        key.to_user_string() for key in graph.get_all_asset_keys()
    )
    assert {check["name"] for check in found["asset_checks"]} == {key.name for key in graph.asset_check_keys}
    assert {job["name"] for job in found["jobs"]} >= {"daily", "checks", "observe_sources"}


@pytest.mark.usefixtures("processes")
def test_dg_launches_an_asset(tmp_path: Path) -> None:
    settings = tomlkit.parse(LOCAL.read_text().replace("../../../", f"{ROOT}/"))
    settings["connections"]["desk"]["uri"] = str(tmp_path / "desk")  # type: ignore[index]
    (tmp_path / "settings.toml").write_text(tomlkit.dumps(settings))
    file = tmp_path / "desk/loans/2026/1122-1.csv.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"twelve bytes")
    history = tmp_path / "history"
    history.mkdir()
    done = ended(
        *("launch", "--assets", "files/loans", "--partition", PARTITION),
        PIPELINE_HOME=str(tmp_path),
        PIPELINE_SETTINGS=str(tmp_path / "settings.toml"),
        DAGSTER_HOME=str(history),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with dg.DagsterInstance.from_config(str(history)) as instance:
        (record,) = instance.fetch_observations(dg.AssetKey(["files", "loans"]), limit=2).records
    assert record.asset_observation is not None
    assert record.asset_observation.partition == PARTITION
    assert {"files": 1, "size_bytes": 12}.items() <= {
        name: value.value for name, value in record.asset_observation.metadata.items()
    }.items()


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("command", [("dagster", "dev", "-w", "workspace.yaml"), ("dg", "dev")], ids=" ".join)
def test_the_ui_is_served_with_the_location(command: tuple[str, ...], tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program, *arguments = command
    with (tmp_path / "log").open("wb") as log:
        process = TiedProcess(
            [str(Path(sys.executable).with_name(program)), *arguments, "-h", "127.0.0.1", "-p", str(port)],
            env={**os.environ, "PIPELINE_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path)},
            cwd=ROOT,
            output=log,
        )
    try:
        wait_for(lambda: process.poll() is not None or _entries(port))
        assert process.poll() is None, (tmp_path / "log").read_text()
        (entry,) = _entries(port)
    finally:
        process.kill()
    (repository,) = entry["locationOrLoadError"]["repositories"]
    assert entry["name"] == "pipeline_assets"
    assert {job["name"] for job in repository["jobs"]} >= {"daily", "checks", "observe_sources"}


def _entries(port: int) -> list[dict[str, Any]]:
    """Of the workspace, once it is loaded."""
    try:
        answer = requests.post(f"http://127.0.0.1:{port}/graphql", json={"query": WORKSPACE}, timeout=10)
        entries: list[dict[str, Any]] = answer.json()["data"]["workspaceOrError"]["locationEntries"]
    except requests.RequestException:
        return []
    return entries


@pytest.mark.usefixtures("processes")
def test_dg_scaffolds_a_source_and_says_where_a_contract_lacks(tmp_path: Path) -> None:
    """In a project of its own: a copy of the fixture domain, and the block of this checkout that names it."""
    shutil.copytree(LIBRARY.folder, tmp_path / "branch", ignore=shutil.ignore_patterns("__pycache__"))
    profiles = tmp_path / "branch" / "settings"
    for file in (*(tmp_path / "branch").glob("*.py"), *profiles.iterdir()):
        file.write_text(file.read_text().replace(LIBRARY.package, "branch"))
    block = tomlkit.parse((ROOT / "pyproject.toml").read_text()).unwrap()["tool"]["dg"]
    block["project"] |= {"root_module": "branch", "defs_module": "branch.defs"}
    (tmp_path / "pyproject.toml").write_text(tomlkit.dumps({"tool": {"dg": block}}))
    environment = {
        "PIPELINE_HOME": str(tmp_path / "home"),
        "PIPELINE_PROFILES": str(profiles),
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
    }
    made = ended(
        *("scaffold", "defs", "DeclaredSource", "files.fines", "--files", "fines/{partition}/*.csv.gz"),
        *("--connection", "desk"),
        cwd=tmp_path,
        **environment,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    for name in ("files.fines", "staged.fines"):
        (tmp_path / f"branch/contracts/{name}.odcs.yaml").unlink()
    checked = ended("check", "yaml", cwd=tmp_path, **environment)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    faults = [line for line in checked.stdout.splitlines() if line.startswith(str(tmp_path))]
    assert [line.partition(" - ")[0] for line in faults] == [f"{tmp_path}/branch/defs/files.fines/defs.yaml:4"]
    assert "'files.fines' is not one of ['files.loans'," in faults[0]
