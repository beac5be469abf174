"""The workflows of .github as data, and a checkout in which their lines are typed as GitHub's runner types them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline_assets.home import ROOT, cache

FOLDER = ROOT / ".github" / "workflows"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".cache", ".pipeline", "__pycache__", ".*_cache", "*.egg-info")
PERSON = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=")


def workflows() -> dict[str, Any]:
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.iterdir())}


@dataclass(frozen=True)
class Step:
    workflow: str
    job: str
    run: str


def steps() -> Iterator[Step]:
    """Those that type something."""
    for name, workflow in workflows().items():
        for job, described in workflow["jobs"].items():
            for step in described.get("steps", []):
                if "run" in step:
                    yield Step(name, job, step["run"])


def line(workflow: str, job: str, what: str) -> str:
    """What the step types that has `what` in it."""
    (found,) = [each.run for each in steps() if (each.workflow, each.job) == (workflow, job) and what in each.run]
    return found


@dataclass(frozen=True)
class Checkout:
    """A copy of this one with a git of its own, and the runner's files."""

    folder: Path
    runner: Path

    @classmethod
    def at(cls, folder: Path) -> "Checkout":
        made = cls(folder / "checkout", folder / "runner")
        shutil.copytree(ROOT, made.folder, ignore=LEFT_OUT)
        (made.folder / ".venv").symlink_to(ROOT / ".venv")
        made.runner.mkdir()
        made.git("init", "-q", "-b", "main")
        return made

    def git(self, *arguments: str) -> str:
        command = ["git", *PERSON, "-C", str(self.folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "as it is")
        return self.git("rev-parse", "HEAD")

    def types(self, run: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """In GitHub's bash, with the variables that its runner sets."""
        of_runner = {
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
            "RUNNER_TEMP": str(self.runner),
            "PIPELINE_HOME": str(self.runner / "home"),
            "PYTHONPATH": str(self.folder),
            "PIPELINE_CACHE": str(cache()),  # has the packages that the runner would fetch
        }
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", run],
            cwd=self.folder,
            env={**inherited, **of_runner, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def summary(self) -> Path:
        return self.runner / "summary.md"

    @property
    def output(self) -> Path:
        return self.runner / "output"
