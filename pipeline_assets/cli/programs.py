"""How a verb runs a program of the jobs' code: progress on stderr, exit code 1, its end on a signal."""

from typing import TYPE_CHECKING, Any

import typer

from pipeline_assets.cli.output import errors, print_message
from pipeline_assets.cli.run import ending_when_told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from emr_jobs.catalog import Job
    from emr_jobs.core.settings import Settings


def run(
    job: "Job",
    arguments: "Callable[[str, str, str], Sequence[str]]",
    settings: "Settings",
    settings_uri: str,
    *,
    reports_as: str,
    quiet: bool,
) -> "list[Mapping[str, Any]]":
    """What it reported; the arguments as of launchers.program."""
    from pipeline_assets.launchers import program

    def say(line: str) -> None:
        if not quiet:
            print_message(errors(), line)

    try:
        with ending_when_told():
            return program.run(program.Program(job, arguments, reports_as), settings, settings_uri, say=say)
    except program.ProgramFailed as error:
        print_message(errors(), error)
        raise typer.Exit(1) from None
