"""Runs whose process is gone are told from those whose process lives."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from pipeline_assets.home import dagster_home
from pipeline_assets.invocations import end_abandoned, invocation
from pipeline_assets.tags import INVOCATION_TAG, PARTITION_TAG


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home(tmp_path)))
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, **tags: str) -> dg.DagsterRun:
    return create_run_for_test(instance, job_name="daily", status=status, tags={PARTITION_TAG: "2026-11-21", **tags})


def test_only_runs_of_an_invocation_that_nobody_holds_are_ended(instance: dg.DagsterInstance) -> None:
    with invocation() as gone:
        pass
    with invocation() as lives:
        left = run(instance, dg.DagsterRunStatus.STARTED, **{INVOCATION_TAG: gone})
        others = [
            run(instance, dg.DagsterRunStatus.STARTED, **{INVOCATION_TAG: lives}),
            run(instance, dg.DagsterRunStatus.STARTED),  # of the UI
            run(instance, dg.DagsterRunStatus.SUCCESS, **{INVOCATION_TAG: gone}),
        ]
        said = end_abandoned(instance)
    assert said == [f"run {left.run_id} of 2026-11-21 is ended: the process that ran it is gone"]

    def status(run: dg.DagsterRun) -> dg.DagsterRunStatus | None:
        found = instance.get_run_by_id(run.run_id)
        return found and found.status

    assert status(left) is dg.DagsterRunStatus.CANCELED
    assert [status(each) for each in others] == [each.status for each in others]


def test_an_invocation_leaves_no_file(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    with invocation() as id:
        assert [path.name for path in (tmp_path / "invocations").iterdir()] == [id]
    assert list((tmp_path / "invocations").iterdir()) == []
