"""What a folder's files must be: a lock in the form that `sha256sum --check` reads.

Does not own: which files those are, or what is done when one differs (jars).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Difference:
    """None: not in the lock, or not in the folder."""

    file: str
    locked: str | None
    found: str | None

    @property
    def is_wrong(self) -> bool:
        """It has the name of a locked file and other bytes."""
        return None not in (self.locked, self.found)

    def __str__(self) -> str:
        expected = "not there" if self.locked is None else f"sha256 {self.locked}"
        return f"{self.file}: expected {expected}, found {'nothing' if self.found is None else self.found}"


def of_files(folder: Path, pattern: str) -> dict[str, str]:
    """SHA-256 by path below the folder. 190 MB take half a second."""
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(folder.glob(pattern))}


def differences(locked: Mapping[str, str], found: Mapping[str, str]) -> list[Difference]:
    pairs = [(file, locked.get(file), found.get(file)) for file in sorted({*locked, *found})]
    return [Difference(*each) for each in pairs if each[1] != each[2]]


def parse(lock: str) -> dict[str, str]:
    lines = [line.split("  ", 1) for line in lock.splitlines() if line and not line.startswith("#")]
    return {file: sha256 for sha256, file in lines}


def render(checksums: Mapping[str, str], *, comment: str) -> str:
    return "".join(f"{line}\n" for line in (f"# {comment}", *(f"{sha}  {file}" for file, sha in checksums.items())))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
