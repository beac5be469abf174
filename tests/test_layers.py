"""Imports point one way, and versions that must match are written once."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from emr_jobs.domain import Domain
from pipeline_assets.home import ROOT
from tests.domains import LIBRARY, settings_domain

HEAVY = {"pyspark", "dagster_aws", "dagster_snowflake", "dagster_pyspark", "snowflake", "opensearchpy"}
SHARED = (
    *("catalog", "contracts", "domain", "frame.report"),
    *("core.settings", "core.partition", "core.errors", "core.secret_ref"),
)
IMPORT_EACH = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(f"emr_jobs.{name}")
    if "pyspark" in sys.modules:
        sys.exit(f"emr_jobs.{name} imports pyspark")
"""


def imported(path: Path, *, inside_functions: bool) -> Iterator[str]:
    """Top-level names of what a module imports."""
    for module in modules_of(path, inside_functions=inside_functions):
        yield module.split(".")[0]


def modules_of(path: Path, *, inside_functions: bool = True) -> Iterator[str]:
    """What a module imports, with dots; what is under TYPE_CHECKING is for the type checker alone."""
    pending: list[ast.AST] = [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not inside_functions:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        pending.extend(ast.iter_child_nodes(node))


def offenders(folder: str, banned: set[str], *, inside_functions: bool) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in imported(path, inside_functions=inside_functions)
        if name in banned
    ]


def test_jobs_know_nothing_of_dagster_and_of_their_starters() -> None:
    banned = {"dagster", "dagster_aws", "pipeline_assets", "local_stack"}
    assert offenders("emr_jobs", banned, inside_functions=True) == []


@pytest.mark.parametrize("folder", ["emr_jobs", "pipeline_assets", "local_stack"])
def test_nothing_imports_the_domain_by_its_name(folder: str) -> None:
    assert offenders(folder, {settings_domain().package, "tests"}, inside_functions=True) == []


@pytest.mark.parametrize("domain", dict.fromkeys([settings_domain(), LIBRARY]), ids=lambda domain: domain.package)
def test_the_domain_imports_what_runs_on_the_cluster_and_nothing_else_of_ours(domain: Domain) -> None:
    folder = str(domain.folder.relative_to(ROOT))
    assert {name for path in domain.folder.rglob("*.py") for name in imported(path, inside_functions=True)} > {
        "emr_jobs"
    }
    assert offenders(folder, {"dagster", "pipeline_assets", "local_stack"}, inside_functions=True) == []


def test_the_code_location_imports_what_is_heavy_only_where_it_is_used() -> None:
    assert offenders("pipeline_assets", HEAVY, inside_functions=False) == []


def rooms_of(folder: str) -> dict[str, set[str]]:
    """By room, a folder or module of the package, the rooms that it imports: anywhere but for the type checker."""
    package = folder.split("/")
    depth = len(package)
    rooms: dict[str, set[str]] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        room = path.relative_to(ROOT / folder).parts[0].removesuffix(".py")
        modules = (module.split(".") for module in modules_of(path))
        rooms.setdefault(room, set()).update(
            parts[depth]
            for parts in modules
            if parts[:depth] == package and len(parts) > depth and parts[depth] != room
        )
    return rooms


@pytest.mark.parametrize("folder", ["emr_jobs", "pipeline_assets"])
def test_rooms_import_each_other_one_way(folder: str) -> None:
    rooms = rooms_of(folder)
    assert len(rooms) > 5
    assert list(TopologicalSorter(rooms).static_order())  # or CycleError, which names the rooms


def test_production_is_generated_then_applied_then_run() -> None:
    below = {"generate": set(), "apply": {"generate"}, "running": {"generate", "apply"}}
    rooms = rooms_of("pipeline_assets/production")
    assert rooms.pop("__init__") == set()
    assert rooms.keys() == below.keys()
    assert {room: rooms[room] - below[room] for room in rooms} == {room: set() for room in below}


def test_what_generates_production_calls_nothing() -> None:
    banned = {"boto3", "botocore", "requests", "subprocess"}
    assert offenders("pipeline_assets/production/generate", banned, inside_functions=True) == []


def test_only_the_local_verbs_use_the_local_stack() -> None:
    found = offenders("pipeline_assets", {"local_stack"}, inside_functions=True)
    assert {each.split()[0] for each in found} <= {
        f"pipeline_assets/cli/{verb}.py" for verb in ("demo", "doctor", "run", "simulate", "stack")
    }


def test_what_both_sides_read_needs_no_spark(processes: None) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH, *SHARED], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_cluster_s_versions_are_those_that_are_installed() -> None:
    versions = tomllib.loads((ROOT / "versions.toml").read_text())
    cluster = versions["cluster"]
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert locked["pyspark"] == cluster["spark"]
    jars = " ".join(versions["jars"]["spark"])
    major = cluster["spark"].rsplit(".", 1)[0]
    assert f"iceberg-spark-runtime-{major}_{cluster['scala']}:{cluster['iceberg']}" in jars
    assert f"hadoop-aws:{cluster['hadoop']}" in jars


def test_the_lock_names_no_host() -> None:
    assert re.findall(r"https?://", (ROOT / "requirements.lock").read_text()) == []
