"""`pipeline dev`: the Dagster UI over this code location, its history kept between starts."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline_assets.cli.output import errors, print_message
from pipeline_assets.home import ROOT, dagster_home


def dev(port: Annotated[int, typer.Option(help="Of the UI, on loopback.")] = 3000) -> None:
    """Start `dagster dev`: http://127.0.0.1:3000. Ctrl-C ends it."""
    import dagster as dg

    from pipeline_assets.invocations import end_abandoned

    os.environ["DAGSTER_HOME"] = str(dagster_home())
    with dg.DagsterInstance.get() as instance:
        for sentence in end_abandoned(instance):
            print_message(errors(), sentence)
    command = ["dagster", "dev", "-w", str(ROOT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
    os.chdir(ROOT)
    os.execve(Path(sys.executable).with_name("dagster"), command, os.environ)  # noqa: S606
