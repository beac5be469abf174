"""A step's own arguments as a process on this machine, in a folder that has what YARN would put there.

`spark-submit … --archives A#name --py-files P script args` becomes local spark-submit with the script fetched,
archives unpacked under their names, and nothing in the environment but the cluster's own and what the arguments
ask for. Python starts without site-packages: a module that is not in the archives is not found. What is fetched is
kept by address, as a node's cache keeps it; packages, whose names say their content, for all nodes of this machine.
Does not own: when a step runs (agent).
"""

import hashlib
import os
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from local_stack.aws import REGION
from pipeline_assets.home import cache, write_whole

# Options of spark-submit with a value. Those of the cluster's size have no meaning on one machine.
KEPT = {"--name", "--driver-memory", "--conf"}
SIZES = {"--executor-memory", "--executor-cores", "--num-executors", "--driver-cores"}
PLACES = {"--master", "--deploy-mode"}
SCRATCH = "tmp"  # in the container's folder, for spilled rows and temporary files; gone with it
ENVIRONMENT = "spark.yarn.appMasterEnv."
HOME = "/home/"  # what YARN puts there; nobody's
# Java's clients of AWS ask the instance for the region, and there is none here; Python's never do.
JAVA_REGION = f"-Daws.region={REGION}"

Fetch = Callable[[str, Path], None]  # address, file


class NotEmulated(Exception):
    """The step asks for something that only EMR does; says what."""


@dataclass(frozen=True)
class Submit:
    """spark-submit's arguments, understood."""

    options: tuple[str, ...]
    environment: dict[str, str]
    archives: tuple[tuple[str, str], ...]  # (address, name in the folder)
    py_files: tuple[str, ...]
    script: str
    arguments: tuple[str, ...]


@dataclass
class Node:
    """The machine that a cluster's containers share: what it fetched, and its Python."""

    folder: Path
    fetch: Fetch
    _lock: Lock = field(default_factory=Lock)

    def localized(self, address: str, *, unpack: bool) -> Path:
        """The file at this address, or the folder that it unpacks to; fetched once."""
        path = self.folder / "cache" / address.rpartition("://")[2]
        with self._lock:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                fetched = path.with_name(f"{path.name}.part")
                self.fetch(address, fetched)
                if not unpack:
                    fetched.rename(path)
                elif (digest := _digest(fetched)) in path.name:
                    path.symlink_to(_unpacked_once(fetched, path.name, digest))
                else:
                    _unpack(fetched, address, path)
        return path

    def python(self) -> Path:
        """The interpreter of this process without its packages; PySpark and py4j are the cluster's."""
        script = self.folder / "python" / "bin" / "python3.11"
        if not script.exists():
            script.parent.mkdir(parents=True, exist_ok=True)
            run = f'#!/bin/sh\nexec {sys._base_executable} -S "$@"\n'  # type: ignore[attr-defined]
            write_whole(script, run, mode=0o755)
        return script

    def python_packages(self) -> Path:
        folder = self.folder / "python" / "packages"
        for name in ("pyspark", "py4j"):
            link = folder / name
            if not link.exists():
                folder.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):  # another step, that starts at once with this one, was faster
                    link.symlink_to(_package(name))
        return folder


def spark_configuration(folder: Path, defaults: Mapping[str, str]) -> Path:
    """The folder, with these as spark-defaults.conf. Other steps may read it as they start: it is written whole."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "spark-defaults.conf", "".join(f"{name} {value}\n" for name, value in defaults.items()))
    return folder


def understand(step_arguments: Sequence[str]) -> Submit:
    """Pure. Raises NotEmulated naming the first argument that is not known."""
    if not step_arguments or step_arguments[0] != "spark-submit":
        raise NotEmulated(f"expected spark-submit, found {step_arguments[:1]}")
    options: list[str] = []
    environment: dict[str, str] = {}
    archives: list[tuple[str, str]] = []
    py_files: list[str] = []
    rest = list(step_arguments[1:])
    while rest and rest[0].startswith("-"):
        option, value = rest[0], rest[1] if len(rest) > 1 else ""
        rest = rest[2:]
        if option == "--conf" and value.startswith(ENVIRONMENT):
            name, _, content = value.removeprefix(ENVIRONMENT).partition("=")
            environment[name] = content
        elif option in KEPT:
            options += [option, value]
        elif option == "--archives":
            archives += [(address, name) for address, _, name in (each.partition("#") for each in value.split(","))]
        elif option == "--py-files":
            py_files += value.split(",")
        elif option not in SIZES | PLACES:
            raise NotEmulated(f"option {option} of spark-submit")
    if not rest:
        raise NotEmulated("spark-submit without a script")
    return Submit(tuple(options), environment, tuple(archives), tuple(py_files), rest[0], tuple(rest[1:]))


def prepare(submit: Submit, node: Node, folder: Path) -> None:
    """The container's folder: script, archives and Python files."""
    folder.mkdir(parents=True)
    (folder / SCRATCH).mkdir(mode=0o700)
    for address, name in submit.archives:
        (folder / name).symlink_to(node.localized(address, unpack=True))
    for address in (*submit.py_files, submit.script):
        shutil.copy(node.localized(address, unpack=False), folder / address.rpartition("/")[2])


def command(submit: Submit, *, spark_home: Path) -> list[str]:
    script = submit.script.rpartition("/")[2]
    return [f"{spark_home}/bin/spark-submit", *submit.options, script, *submit.arguments]


def environment(submit: Submit, node: Node, cluster: dict[str, str]) -> dict[str, str]:
    """As YARN's: nothing of this process's own, and no home with somebody's AWS profile in it."""
    added = [submit.environment.get("PYTHONPATH"), *(address.rpartition("/")[2] for address in submit.py_files)]
    return {
        **where_programs_are(),
        "HOME": HOME,
        **cluster,
        **submit.environment,
        "PYSPARK_PYTHON": str(node.python()),
        "PYTHONPATH": os.pathsep.join([*filter(None, added), str(node.python_packages())]),
    }


def where_programs_are() -> dict[str, str]:
    """The system's, and Java. This process's PATH begins with its own Python, which has every package."""
    java = shutil.which("java")
    home = os.environ.get("JAVA_HOME") or (java and str(Path(java).resolve().parents[1]))
    return {"PATH": os.defpath, **({"JAVA_HOME": home} if home else {})}


def _digest(file: Path) -> str:
    """As packages have it in their names."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def _unpacked_once(archive: Path, name: str, digest: str) -> Path:
    """The folder of a package that is named after its content: unpacked once for every node of this machine."""
    folder = cache() / "unpacked" / digest
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as own:
            _unpack(archive, name, Path(own) / "whole")
            with suppress(OSError):  # another node was faster
                (Path(own) / "whole").rename(folder)
    return folder


def _unpack(archive: Path, address: str, target: Path) -> None:
    """Atomically: a folder of that name is whole."""
    unpacked = target.with_name(f"{target.name}.unpacked")
    if address.endswith(".zip"):
        with zipfile.ZipFile(archive) as file:
            file.extractall(unpacked)  # noqa: S202  # our own package
    else:
        with tarfile.open(archive) as file:
            file.extractall(unpacked, filter="data")
    archive.unlink()
    unpacked.rename(target)


def _package(name: str) -> Path:
    from importlib.util import find_spec

    found = find_spec(name)
    assert found is not None, f"{name} comes with the project"
    assert found.submodule_search_locations, found
    return Path(found.submodule_search_locations[0])
