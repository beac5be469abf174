"""Runs whose process is gone are told from those whose process lives."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from pipeline_assets.home import dagster_home
from pipeline_assets.invocations import end_abandoned, invocation
from pipeline_assets.tags import PARTITION_TAG

_Status = dg.DagsterRunStatus


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home(tmp_path)))
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    return tmp_path / "invocations"


def run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, run_id: str | None = None) -> dg.DagsterRun:
    tags = {PARTITION_TAG: "2026-11-21"}
    return create_run_for_test(instance, job_name="daily", status=status, run_id=run_id, tags=tags)


def thrown_out() -> str:
    """The id of an invocation that ended as by kill -9: its lock's file is there, and nobody holds it."""
    with pytest.raises(KeyboardInterrupt), invocation() as id:
        raise KeyboardInterrupt
    return id


def test_only_runs_whose_lock_nobody_holds_are_ended(instance: dg.DagsterInstance, locks: Path) -> None:
    with invocation() as lives:
        left = run(instance, _Status.STARTED, thrown_out())
        repeated = create_run_for_test(  # in the UI
            *(instance, "daily"),
            status=_Status.STARTED,
            tags=left.tags,
            root_run_id=left.run_id,
            parent_run_id=left.run_id,
        )
        others = [
            run(instance, _Status.STARTED, lives),
            run(instance, _Status.STARTED),  # of the UI
            run(instance, _Status.SUCCESS, thrown_out()),
            repeated,
        ]
        said = end_abandoned(instance)
        assert [path.name for path in locks.iterdir()] == [lives]
    assert said == [f"run {left.run_id} of 2026-11-21 is ended: the process that ran it is gone"]

    def status(run: dg.DagsterRun) -> dg.DagsterRunStatus | None:
        found = instance.get_run_by_id(run.run_id)
        return found and found.status

    assert status(left) is _Status.CANCELED
    assert [status(each) for each in others] == [each.status for each in others]


def test_an_invocation_leaves_no_file(instance: dg.DagsterInstance, locks: Path) -> None:
    with invocation() as id:
        assert [path.name for path in locks.iterdir()] == [id]
    assert list(locks.iterdir()) == []
    thrown_out()  # before it had a run
    assert end_abandoned(instance) == []
    assert list(locks.iterdir()) == []
