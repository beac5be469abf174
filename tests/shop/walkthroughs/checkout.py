"""A copy of the checkout in which a walkthrough is done: its own code, domain, settings, stack and history.

Commands run in processes of their own, in the copy's folder, as a user types them. Jars come from our cache.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emr_jobs.core import settings as settings_module
from emr_jobs.core.settings import Settings
from pipeline_assets import lake
from pipeline_assets.home import ROOT, cache
from tests.running import PIPELINE, Ended

LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "tests", "*.egg-info")


@dataclass(frozen=True)
class Checkout:
    root: Path

    @property
    def data(self) -> Path:
        """What `pipeline stack up` serves."""
        return self.root / ".pipeline" / "data"

    @property
    def settings(self) -> Settings:
        """Of the stack that runs."""
        return settings_module.load(str(self.root / ".pipeline" / "settings.toml"))

    def pipeline(self, *arguments: str) -> Ended:
        return self._ended([PIPELINE, *arguments])

    def typed(self, arguments: list[str]) -> str:
        """What it printed; a walkthrough's command succeeds."""
        ended = self.pipeline(*arguments)
        assert ended.code == 0, f"pipeline {' '.join(arguments)}\n{ended.output}"
        return ended.output

    def python(self, program: str, *arguments: str) -> str:
        ended = self._ended([sys.executable, "-c", program, *arguments])
        assert ended.code == 0, ended.output
        return ended.output

    def _ended(self, command: list[str]) -> Ended:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.root,
            env=self._environment,
            check=False,
        )
        return Ended(done.returncode, done.stdout)

    @property
    def _environment(self) -> dict[str, str]:
        foreign = ("PYSPARK_", "SPARK_", "PIPELINE_", "DAGSTER_", "AWS_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {**own, "PYTHONPATH": str(self.root), "PIPELINE_CACHE": str(cache()), "COLUMNS": "250"}

    def files(self) -> dict[str, str]:
        """What a person may have written, by path."""
        kinds = (".py", ".yaml", ".toml", ".sql")
        found = [each for each in self.root.rglob("*") if each.suffix in kinds and ".pipeline" not in each.parts]
        return {str(each.relative_to(self.root)): each.read_text() for each in found}

    def rows(self, dataset: str, partition: str) -> list[dict[str, Any]]:
        """What readers of the lake find of one day, without the day itself, as pyiceberg gives it."""
        catalog = lake.catalog(self.settings)
        table = catalog.load_table(tuple(dataset.split(".")))
        rows = table.scan(row_filter=f"partition_date == '{partition}'").to_arrow().drop_columns(["partition_date"])
        return rows.to_pylist()


@contextmanager
def checkout(folder: Path) -> Iterator[Checkout]:
    """Its stack is down at the end."""
    copy = Checkout(folder / "checkout")
    shutil.copytree(ROOT, copy.root, ignore=LEFT_OUT)
    try:
        yield copy
    finally:
        copy.pipeline("stack", "down")
