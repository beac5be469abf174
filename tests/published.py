"""A sample day published by `pipeline run` as a user types it, kept in the cache for the next test session.

    .cache/published-day/<hash>.tar    the home folder as the run left it, under the hash of all that made it
    .cache/published-day/a home        where it lies while tests look at it: the lake's files name their own place, and
                                       a home may have spaces in its path

Another session that runs at the same time publishes a day of its own, elsewhere. Invariant: what tests did to a day
is never kept.
"""

import fcntl
import hashlib
import json
import shutil
import signal
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from local_stack import stack
from pipeline_assets.home import ROOT, cache
from shop import sample
from tests.running import Day, pipeline
from tests.shop import SHOP

PARTITION = "2026-11-21"
ROWS = 1500
_MADE_BY = ("emr_jobs", "pipeline_assets", "local_stack", "shop", "settings", "requirements.lock", "versions.toml")
_HISTORY, _SECRETS, _FACTS = "dagster-of-the-day", "secrets-of-the-day", "facts.json"


@contextmanager
def published(elsewhere: Path) -> Iterator[Day]:
    """Its stack runs until the end of the block; `elsewhere` is for when the place in the cache is taken."""
    folder = cache() / "published-day"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            folder = elsewhere
        with _up(folder / "a home", folder / f"{_version()}.tar") as day:
            yield day


@contextmanager
def _up(home: Path, kept: Path) -> Iterator[Day]:
    stack.down(home)  # of a session that was killed
    shutil.rmtree(home, ignore_errors=True)
    if kept.exists():
        with tarfile.open(kept) as archive:
            archive.extractall(home, filter="tar")
    else:
        sample.generate(home / "data", partition=SHOP.calendar.partition(PARTITION), rows=ROWS)
    addresses = stack.up(home, home / "data")
    try:
        if not kept.exists():
            _publish(home, kept)
        facts = json.loads((home / _FACTS).read_text())
        yield Day(home, home / "data", addresses.settings, PARTITION, history=home / _HISTORY, **facts)
    finally:
        stack.down(home)


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


def _version() -> str:
    """Of the product's files, and of what is asked for here."""
    digest = hashlib.sha256(f"{PARTITION} {ROWS}".encode())
    for name in (*_MADE_BY, "tests/published.py"):
        for path in sorted((ROOT / name).rglob("*")) if (ROOT / name).is_dir() else [ROOT / name]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(ROOT).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
