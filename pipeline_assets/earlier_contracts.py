"""The contracts of a folder as they were at a commit, or those of another folder. Reads git; checks nothing out.

Does not own: what a difference means (emr_jobs.contracts.compare).
Invariant: a file that is no valid contract by today's rules is named, not taken for one that was not there.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from emr_jobs.contracts import Contract
from emr_jobs.contracts.load import SUFFIX, load_each
from emr_jobs.core.errors import Misconfigured

_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_PREFIX")


@dataclass(frozen=True)
class Earlier:
    of: str  # commit or folder
    contracts: Mapping[str, Contract]
    invalid: Mapping[str, list[str]]  # the faults by dataset


def earlier_contracts(against: str, folder: Path) -> Earlier:
    """`against`: a folder with contracts, else what git knows as a commit. Raises Misconfigured for neither."""
    if any(Path(against).glob(f"*{SUFFIX}")):
        return _loaded(against, Path(against))
    commit = _commit(against, folder)
    listed = _git(folder, "ls-tree", "-z", "--name-only", commit).decode().split("\0")
    names = [name for name in listed if name.endswith(SUFFIX)]
    if not names:
        raise Misconfigured(
            f"{folder}: expected contracts at {against} ({commit}), found none. --against takes a folder"
        )
    with TemporaryDirectory(prefix="pipeline-contracts-") as copies:
        for name in names:
            (Path(copies) / name).write_bytes(_git(folder, "show", f"{commit}:./{name}"))
        return _loaded(commit, Path(copies))


def _loaded(of: str, folder: Path) -> Earlier:
    contracts, faults = load_each(folder, None)
    return Earlier(of, contracts, {name.removesuffix(SUFFIX): found for name, found in faults.items()})


def _commit(against: str, folder: Path) -> str:
    try:
        return _git(folder, "rev-parse", "--verify", f"{against}^{{commit}}").decode().strip()
    except Misconfigured as error:
        raise Misconfigured(f"--against {against}: expected a folder with *{SUFFIX} or a commit; {error}") from None


def _git(folder: Path, *arguments: str) -> bytes:
    """In this folder, so that ./ is it, and in its own repository: a hook's environment names one for each command."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
    except FileNotFoundError:
        raise Misconfigured("git is not on the PATH") from None
    if done.returncode:
        raise Misconfigured(f"git says: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
