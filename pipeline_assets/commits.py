"""What git has of a folder at a commit. Reads; checks nothing out."""

import os
import subprocess
from pathlib import Path

from emr_jobs.core.errors import Misconfigured

_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_PREFIX")


def git(folder: Path, *arguments: str) -> bytes:
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


def commit(named: str, folder: Path) -> str:
    """Its whole hash. Raises Misconfigured where git knows none by that name."""
    return git(folder, "rev-parse", "--verify", "--end-of-options", f"{named}^{{commit}}").decode().strip()


def names(folder: Path, of: str) -> list[str]:
    """Of the folder's files at the commit."""
    return [name for name in git(folder, "ls-tree", "-z", "--name-only", of).decode().split("\0") if name]


def content(folder: Path, of: str, name: str) -> bytes:
    return git(folder, "show", f"{of}:./{name}")


def file_at(folder: Path, of: str, name: str) -> bytes | None:
    """None where the commit has no such file."""
    there = git(folder.parent, "ls-tree", "-z", "--name-only", of, "--", f"./{folder.name}/{name}")
    return content(folder, of, name) if there else None
