"""What ships to EMR: the same bytes from the same input, enough to run a job, and little else."""

import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import pytest

from emr_jobs.core.s3_uri import bucket_and_key
from pipeline_assets import home
from pipeline_assets.home import ROOT
from pipeline_assets.shipping import package
from tests.aws import Cloud
from tests.domains import settings_domain

DOMAIN = settings_domain()  # what `make setup` packs

# Imports every module of the code, and what jobs import inside functions, from the archives alone.
IMPORT_ALL = f"""
import importlib, pkgutil, sys
for package in map(importlib.import_module, ("emr_jobs", "{DOMAIN.package}")):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if found.name != "{DOMAIN.package}.sample":  # for a laptop
            importlib.import_module(found.name)
for name in ("boto3", "opensearchpy", "pyarrow", "pyarrow.compute", "requests", "snowflake.connector.result_batch"):
    importlib.import_module(name)
from emr_jobs.domain import domain
from emr_jobs.core.code import code_version
print(len(domain("{DOMAIN.package}").contracts), code_version("{DOMAIN.package}"))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory, processes: None) -> Path:
    """Both archives as a container has them."""
    folder = tmp_path_factory.mktemp("container")
    built = package.build(package.host_arch(), DOMAIN.package)
    with zipfile.ZipFile(built.code) as code:
        code.extractall(folder / "code")
    with tarfile.open(built.dependencies) as dependencies:
        dependencies.extractall(folder / "deps", filter="data")
    return folder


@pytest.mark.usefixtures("processes")
def test_two_builds_are_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(home.cache() / "uv"))
    monkeypatch.setenv("UV_OFFLINE", "1")  # setup has fetched them
    built = package.build(package.host_arch(), DOMAIN.package)  # by setup
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path))
    again = package.build(package.host_arch(), DOMAIN.package)
    assert built.code != again.code
    assert [file.name for file in again.files] == [file.name for file in built.files]  # the name is the hash


def test_a_changed_contract_is_another_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    contract = tmp_path / DOMAIN.folder.relative_to(ROOT) / "contracts" / "new.odcs.yaml"
    contract.parent.mkdir(parents=True)
    monkeypatch.setattr(package, "ROOT", tmp_path)
    archives = []
    for text in ("id: new", "id: old", "id: new"):
        contract.write_text(text)
        archives.append(package.code_zip(DOMAIN.package))
    assert archives[0] == archives[2] != archives[1]


def test_the_archives_are_enough_for_every_job(unpacked: Path) -> None:
    from emr_jobs.core.code import code_version

    spark = [str(Path(sys.modules[name].__file__ or "").parents[1]) for name in ("pyspark",)]
    links = unpacked / "spark"
    links.mkdir(exist_ok=True)
    for name in ("pyspark", "py4j"):
        if not (links / name).exists():
            (links / name).symlink_to(Path(spark[0]) / name)
    ran = subprocess.run(
        [sys._base_executable, "-S", "-c", IMPORT_ALL],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": "code:deps:spark"},
        cwd=unpacked,
    )
    assert ran.stdout.split() == [str(len(DOMAIN.contracts)), code_version(DOMAIN.package)], ran.stderr


def test_the_dependencies_have_the_versions_of_the_project(unpacked: Path) -> None:
    shipped = {
        path.name.removesuffix(".dist-info").rpartition("-")[0].replace("_", "-").lower(): path.name.removesuffix(
            ".dist-info"
        ).rpartition("-")[2]
        for path in (unpacked / "deps").glob("*.dist-info")
    }
    assert shipped == {name: version(name) for name in shipped}
    assert not {"dagster", "pyspark", "grpcio", "pyiceberg", "numpy", "pandas"} & set(shipped)


def test_the_lock_names_no_host() -> None:
    assert "://" not in (ROOT / "emr.lock").read_text()


def test_what_is_on_s3_is_not_uploaded_again(cloud: Cloud) -> None:
    assert cloud.settings.emr is not None
    built = package.build(package.host_arch(), DOMAIN.package)
    place = f"{cloud.settings.emr.artifacts_uri}/{uuid4().hex}"
    first, new = package.upload(built, place)
    again, none = package.upload(built, place)
    assert (first, new, none) == (again, [first.code, first.dependencies], [])
    bucket, key = bucket_and_key(first.script("emr_jobs/run_job.py"))
    assert cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == (ROOT / "emr_jobs/run_job.py").read_bytes()


@pytest.mark.usefixtures("package_index")  # fetches the wheels of the other architecture
def test_either_architecture_is_built_here() -> None:
    (other,) = {"x86_64", "aarch64"} - {package.host_arch()}
    with tarfile.open(package.build(other, DOMAIN.package).dependencies) as archive:  # type: ignore[arg-type]
        native = {name.rpartition("cpython-311-")[2] for name in archive.getnames() if "cpython-311-" in name}
    assert native == {f"{other}-linux-gnu.so"}
