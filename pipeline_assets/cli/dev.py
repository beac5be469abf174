"""`pipeline dev`: the Dagster UI over this code location, its history kept between starts."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline_assets.home import ROOT, dagster_home


def dev(port: Annotated[int, typer.Option(help="Of the UI, on loopback.")] = 3000) -> None:
    """Start `dagster dev`: http://127.0.0.1:3000. Ctrl-C ends it."""
    environment = {**os.environ, "DAGSTER_HOME": str(dagster_home())}
    command = ["dagster", "dev", "-w", str(ROOT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
    os.chdir(ROOT)
    os.execve(Path(sys.executable).with_name("dagster"), command, environment)  # noqa: S606
