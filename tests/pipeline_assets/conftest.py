"""A copy of the library as a package of its own, with profiles of its own: what is written lands there."""

import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from pipeline_assets.home import ROOT

_numbers = count()  # a package is loaded once a process, so each copy has a name of its own


@dataclass(frozen=True)
class Library:
    package: str
    folder: Path
    profiles: Path

    @property
    def contracts(self) -> Path:
        return self.folder / "contracts"

    def text(self, id_: str) -> str:
        return (self.contracts / f"{id_}.odcs.yaml").read_text()

    def state(self) -> dict[Path, str]:
        """Every file that could be written."""
        folders = (self.contracts, self.profiles)
        return {file: file.read_text() for folder in folders for file in sorted(folder.iterdir())}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    package = f"library_{next(_numbers)}"
    original = ROOT / "tests" / "library"
    folder = tmp_path / package
    shutil.copytree(original, folder, ignore=shutil.ignore_patterns("__pycache__", "settings"))
    profiles = shutil.copytree(original / "settings", tmp_path / "settings")
    for file in (*folder.rglob("*.py"), *profiles.iterdir()):
        file.write_text(file.read_text().replace("tests.library", package))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PIPELINE_PROFILES", str(profiles))
    monkeypatch.chdir(tmp_path)
    return Library(package, folder, profiles)
