"""A sample day published by `pipeline run` as a user types it, kept in the cache for the next test session.

    .cache/published-day/<domain>/<hash>.tar    the home folder as the run left it, under the hash of all that made it
    .cache/published-day/<domain>/a home        where it lies while tests look at it: the lake's files name their own
                                                place, and a home may have spaces in its path

Another session that runs at the same time publishes a day of its own, elsewhere. Invariant: what tests did to a day
is never kept.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from emr_jobs.domain import Domain
from local_stack import sample, stack
from pipeline_assets.home import ROOT, cache
from tests.running import Day, pipeline

PARTITION = "2026-11-21"
_MADE_BY = ("emr_jobs", "pipeline_assets", "local_stack", "requirements.lock", "versions.toml", "jars.lock")
_HISTORY, _SECRETS, _FACTS = "dagster-of-the-day", "secrets-of-the-day", "facts.json"


@contextmanager
def published(domain: Domain, profiles: Path, *, rows: int, elsewhere: Path) -> Iterator[Day]:
    """Its stack runs until the end of the block; `elsewhere` is for when the place in the cache is taken."""
    folder = cache() / "published-day" / domain.package
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            folder = elsewhere
        home = folder / "a home"
        try:
            with mock.patch.dict(os.environ, {"PIPELINE_PROFILES": str(profiles)}):
                day = _up(home, folder / f"{_version(domain, profiles, rows)}.tar", domain, rows)
            yield day
        finally:
            stack.down(home)


def _up(home: Path, kept: Path, domain: Domain, rows: int) -> Day:
    stack.down(home)  # of a session that was killed
    shutil.rmtree(home, ignore_errors=True)
    if kept.exists():
        with tarfile.open(kept) as archive:
            archive.extractall(home, filter="tar")
    else:
        sample.generate(home / "data", partition=domain.calendar.partition(PARTITION), rows=rows)
    addresses = stack.up(home, home / "data")
    if not kept.exists():
        _publish(home, kept)
    facts = json.loads((home / _FACTS).read_text())
    return Day(home, home / "data", addresses.settings, PARTITION, history=home / _HISTORY, **facts)


def _publish(home: Path, kept: Path) -> None:
    ended = pipeline("run", "--partition", PARTITION, home=home)
    assert ended.code == 0, ended.output
    shutil.copytree(home / "dagster", home / _HISTORY)
    shutil.copytree(home / "secrets", home / _SECRETS)
    facts: dict[str, Any] = {"truth": json.loads((home / "data" / "truth.json").read_text()), "said": ended.output}
    (home / _FACTS).write_text(json.dumps(facts))
    for old in kept.parent.glob("*.tar"):
        old.unlink()
    with _standing_still(home), tarfile.open(kept.with_suffix(".part"), "w") as archive:
        for path in sorted(home.iterdir()):
            if path.name not in ("stack.lock", "stack.json"):
                archive.add(path, path.name)
    kept.with_suffix(".part").rename(kept)


@contextmanager
def _standing_still(home: Path) -> Iterator[None]:
    """No process of the stack writes: what is copied is what a kill -9 would leave."""
    status = stack.status(home)
    assert status is not None
    supervisor = psutil.Process(status.pid)
    running = [supervisor, *supervisor.children(recursive=True)]
    for process in running:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in running:
            process.send_signal(signal.SIGCONT)


def _version(domain: Domain, profiles: Path, rows: int) -> str:
    """Of the product's files, of the domain's, and of what is asked for here."""
    digest = hashlib.sha256(f"{PARTITION} {rows}".encode())
    for made_by in (*(ROOT / name for name in _MADE_BY), domain.folder, profiles, Path(__file__)):
        for path in sorted(made_by.rglob("*")) if made_by.is_dir() else [made_by]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(ROOT).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
