"""One local AWS for the tests of the EMR launcher and its packages."""

from collections.abc import Iterator

import pytest

from pipeline_assets.home import aws_environment
from tests.aws import Cloud, running_cloud


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
