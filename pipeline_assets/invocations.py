"""A `pipeline run` holds a lock, under the id of its run, for as long as it lives.

    <DAGSTER_HOME>/invocations/<run id>     the kernel lets go of it also after kill -9

A run whose lock nobody holds has no process any more: the next `pipeline run`, and `pipeline dev`, end it. A run that
the UI repeats is another one, and has none. Does not own: the end of a run's processes (process).
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import dagster as dg

from pipeline_assets.home import dagster_home, is_locked
from pipeline_assets.tags import partition_of


@contextmanager
def invocation() -> Iterator[str]:
    """The id that its run is to have, held until the end of the block; whoever is thrown out leaves the lock's file."""
    id = str(uuid4())
    path = _locks() / id
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".{id}")  # without a lock yet
    with new.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        new.rename(path)
        yield id
    path.unlink()


def end_abandoned(instance: dg.DagsterInstance) -> list[str]:
    """A sentence for every run that was ended because its process is gone."""
    ended = []
    for lock in sorted(_locks().glob("[!.]*")):
        if is_locked(lock):
            continue
        run = instance.get_run_by_id(lock.name)
        if run is not None and not run.is_finished:
            instance.report_run_canceled(run, "the process that ran it is gone")
            ended.append(f"run {run.run_id} of {partition_of(run.tags)} is ended: the process that ran it is gone")
        lock.unlink(missing_ok=True)
    return ended


def _locks() -> Path:
    return dagster_home() / "invocations"
