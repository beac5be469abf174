"""What this machine lacks for the stack and a run on it: Java, jars, memory, ports, disk. Changes nothing."""

import shutil
import socket
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import psutil

from local_stack import jars, system_packages
from local_stack.opensearch import PORTS
from pipeline_assets.findings import Check, Fault, Finding, Level, looked_at
from pipeline_assets.home import cache, home

GIB = 2**30
MEMORY_GIB = 4  # OpenSearch, the other services, a driver and its Python, beside what runs already
DISK_GIB = 5  # jars, packages, sample data, and what OpenSearch wants to be free
UI_PORT = 3000


def looked_at_here() -> list[Finding]:
    checks: dict[str, Check] = {
        "Java": _java,
        "jars": _jars,
        "memory": partial(memory, psutil.virtual_memory().available),
        "disk": partial(disk, (home(), cache())),
        "ports": partial(ports, PORTS, UI_PORT),
    }
    return list(looked_at(checks.items()))


def _java() -> Iterator[Fault]:
    try:
        system_packages.require(system_packages.PROGRAMS["java"], system_packages.this_system())
    except system_packages.Missing as error:
        yield Fault(Level.ERROR, str(error), "")


def _jars() -> Iterator[Fault]:
    if not jars.are_current():
        yield Fault(Level.ERROR, f"{jars.JARS} has not got the jars of versions.toml", "Fetch them: make setup")


def memory(available_bytes: int) -> Iterator[Fault]:
    if (gib := available_bytes / GIB) < MEMORY_GIB:
        yield Fault(Level.WARNING, f"{gib:.1f} GB of memory are free, {MEMORY_GIB} are needed", "End something else")


def disk(folders: Sequence[Path]) -> Iterator[Fault]:
    for folder in folders:
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if (gib := shutil.disk_usage(there).free / GIB) < DISK_GIB:
            yield Fault(
                Level.WARNING,
                f"{gib:.1f} GB are free where {folder} is, {DISK_GIB} are needed",
                "Make room, or name another place: PIPELINE_HOME, PIPELINE_CACHE",
            )


def ports(search: Sequence[int], ui: int) -> Iterator[Fault]:
    if not any(map(is_free, search)):
        yield Fault(
            Level.ERROR, f"no port from {search[0]} to {search[-1]} is free, and OpenSearch takes no other", "Free one"
        )
    if not is_free(ui):
        yield Fault(Level.WARNING, f"port {ui} is taken", "Dagster's UI elsewhere: pipeline dev --port 3001")


def is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
