"""One `pipeline run` is an invocation: its runs carry its tag, and it holds a lock for as long as it lives.

    <DAGSTER_HOME>/invocations/<id>     the kernel lets go of it also after kill -9

Runs of an invocation that nobody holds have no process any more: the next one, and `pipeline dev`, end them. Does not
own: the end of a run's processes (process).
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES  # has no public name

from pipeline_assets.home import dagster_home, is_locked
from pipeline_assets.tags import INVOCATION_TAG, partition_of


@contextmanager
def invocation() -> Iterator[str]:
    """Its id, held until the end of the block."""
    id = uuid4().hex
    path = _lock_file(id)
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield id
        finally:
            path.unlink()


def end_abandoned(instance: dg.DagsterInstance) -> list[str]:
    """A sentence for every run that was ended because its process is gone."""
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)):
        id = run.tags.get(INVOCATION_TAG)
        if id is None or is_locked(_lock_file(id)):
            continue
        instance.report_run_canceled(run, "the process that ran it is gone")
        _lock_file(id).unlink(missing_ok=True)
        ended.append(f"run {run.run_id} of {partition_of(run.tags)} is ended: the process that ran it is gone")
    return ended


def _lock_file(id: str) -> Path:
    return dagster_home() / "invocations" / id
