"""`pipeline dev`: the Dagster UI over this code location, its history kept between starts."""

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline_assets.cli.output import errors, print_message
from pipeline_assets.home import ROOT, dagster_home


def dev(port: Annotated[int, typer.Option(help="Of the UI, on loopback.")] = 3000) -> None:
    """Start `dagster dev`: http://127.0.0.1:3000. Ctrl-C ends it."""
    _require_free(port)
    import dagster as dg

    from pipeline_assets.invocations import end_abandoned

    os.environ["DAGSTER_HOME"] = str(dagster_home())
    with dg.DagsterInstance.get() as instance:
        for sentence in end_abandoned(instance):
            print_message(errors(), sentence)
    command = ["dagster", "dev", "-w", str(ROOT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
    os.chdir(ROOT)
    os.execve(Path(sys.executable).with_name("dagster"), command, os.environ)  # noqa: S606


def _require_free(port: int) -> None:
    """Dagster's webserver says so and its daemon stays, a second one on the same history."""
    from emr_jobs.core.errors import Misconfigured

    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as a server does, whose port was just left
        try:
            taken.bind(("127.0.0.1", port))
        except OSError as error:
            raise Misconfigured(f"port {port}: {error.strerror}. Another one: pipeline dev --port {port + 1}") from None
