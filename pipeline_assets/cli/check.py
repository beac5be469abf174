"""`pipeline check`: whether contracts, jobs, settings and graph fit together."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_assets.cli.output import Json, show_findings
from pipeline_assets.home import profile

PROFILES = ("local", "emulator", "production")


def check(
    settings: Annotated[
        list[str] | None,
        typer.Option(help="Settings files to look at. Default: local, emulator and production of the profiles."),
    ] = None,
    json: Json = False,
) -> None:
    """Everything that a day would trip over later, with file and line; no service is asked. Exit code 1 on an error."""
    from pipeline_assets.domain_check import check_domain

    files = {each: Path(each) for each in settings} if settings else {name: profile(name) for name in PROFILES}
    show_findings(check_domain(files), json=json)
