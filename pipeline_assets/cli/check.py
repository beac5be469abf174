"""`pipeline check`: whether contracts, jobs, settings and graph fit together."""

from typing import Annotated

import typer
from rich.text import Text

from pipeline_assets.cli.output import STYLES, Json, console, print_json, table
from pipeline_assets.findings import Level, has_error
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
    from pathlib import Path

    from pipeline_assets.domain_check import check_domain

    files = {each: Path(each) for each in settings} if settings else {name: profile(name) for name in PROFILES}
    found = check_domain(files)
    if json:
        print_json([vars(each) for each in found])
    else:
        rows = [(each.check, Text(each.level, STYLES[each.level]), str(each)) for each in found]
        console().print(table(("check", "is", "what was found"), rows))
        worst = [each for each in found if each.level in (Level.ERROR, Level.WARNING)]
        console().print(f"\n{len(worst)} to mend" if worst else "\nnothing to mend")
    if has_error(found):
        raise typer.Exit(1)
