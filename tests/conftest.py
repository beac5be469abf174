"""One Spark for all tests, one local stack with a day published by the real pipeline, one local AWS for the rest.

They live for the whole test session. A test that changes what readers see works in a home or on a partition of
its own; a test of bad input shares the published day and proves that it is still there.
"""

import os
import pickle
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import HealthCheck, settings
from pyspark.sql import SparkSession

from pipeline_assets.home import aws_environment
from tests.aws import Cloud, running_cloud
from tests.domains import LIBRARY, PROFILES
from tests.published import published
from tests.running import Day, InProcess, one_spark

os.environ["PIPELINE_PROFILES"] = str(PROFILES)  # the definitions, which the next import needs, ask for them

from tests.deployed import Deployed, deployed

pytest_plugins = ["tests.tiers"]

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

ROWS = 300  # of the published day


@pytest.fixture(scope="session", autouse=True)
def _no_home_of_the_developers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that a test starts may find the checkout's own stack, settings or history."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIPELINE_HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("PIPELINE_SETTINGS", "DAGSTER_HOME"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _models_of_aws_are_read_once() -> Iterator[None]:
    """Each verb that a test types makes AWS clients, and most of what one costs is the JSON of its model."""
    read, models = JSONFileLoader.load_file, {}

    def read_once(self: JSONFileLoader, file_path: str) -> Any:
        if file_path not in models:
            models[file_path] = pickle.dumps(read(self, file_path))
        return pickle.loads(models[file_path])  # a copy: moto adds to the models that it is given

    with mock.patch.object(JSONFileLoader, "load_file", read_once):
        yield


@pytest.fixture(scope="session")
def processes() -> None:
    """Asked for by a test that starts processes or opens sockets by itself: it is no fast one."""


@pytest.fixture(scope="session")
def package_index() -> None:
    """Asked for by a test that fetches packages."""


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    with one_spark() as running:
        yield running


@pytest.fixture
def run_job(spark: SparkSession) -> InProcess:
    return InProcess(spark)


@pytest.fixture(scope="session")
def published_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """A stack with a sample day of the library, published by `pipeline run` as a user types it."""
    with published(LIBRARY, PROFILES, rows=ROWS, elsewhere=tmp_path_factory.mktemp("published")) as day:
        yield day


@pytest.fixture(scope="session")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture
def cloud(_cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """This process's AWS clients go to it; no cluster of the test is alive afterwards."""
    for name, value in aws_environment(_cloud.settings.aws).items():
        monkeypatch.setenv(name, value)
    yield _cloud
    alive = [id for id, state in _cloud.clusters().items() if not state.startswith("TERMINAT")]
    if alive:
        _cloud.emr.terminate_job_flows(JobFlowIds=alive)


@pytest.fixture(scope="session")
def _production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("production")
    with running_cloud(folder) as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in aws_environment(cloud.settings.aws).items():
            patch.setenv(name, value)
        with deployed(cloud, folder) as made:
            patch.undo()
            yield made


@pytest.fixture
def production(_production: Deployed, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """A deployed production whose jobs have no Spark; this process's AWS clients go to it."""
    for name, value in aws_environment(_production.settings.aws).items():
        monkeypatch.setenv(name, value)
    return _production
