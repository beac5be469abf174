"""`pipeline doctor`: what this machine, or an account, lacks for the pipeline."""

from typing import Annotated

import typer
from rich.text import Text

from pipeline_assets.cli.deploy import pairs
from pipeline_assets.cli.output import STYLES, Json, console, errors, print_json, table
from pipeline_assets.cli.synth import DeploymentOption
from pipeline_assets.deployment import deployment
from pipeline_assets.findings import Finding, Level, has_error
from pipeline_assets.home import deployment_settings


def doctor(
    account: Annotated[
        bool, typer.Option("--account", help="The account that `deploy` goes to, instead of this machine.")
    ] = False,
    parameter: Annotated[
        list[str] | None, typer.Option(help="With --account, NAME=VALUE that no stack keeps yet.")
    ] = None,
    settings: DeploymentOption = None,
    json: Json = False,
) -> None:
    """Look at this machine, or at the account as `deploy` does; change nothing. Exit code 1 on an error."""
    with errors().status("looking"):
        found = _of_account(pairs(parameter or []), settings) if account else _of_this_machine()
    if json:
        print_json([vars(each) for each in found])
    else:
        rows = [(each.check, Text(each.level, STYLES[each.level]), str(each)) for each in found]
        console().print(table(("check", "is", "what was found"), rows))
        worst = [each for each in found if each.level in (Level.ERROR, Level.WARNING)]
        console().print(f"\n{len(worst)} to mend" if worst else "\nnothing to mend")
    if has_error(found):
        raise typer.Exit(1)


def _of_account(parameters: dict[str, str], settings: str | None) -> list[Finding]:
    from pipeline_assets.production.apply.deploy import Deploying
    from pipeline_assets.production.apply.preflight import Account, preflight

    made = deployment(deployment_settings(settings))
    return preflight(Account(made, Deploying(made, parameters).values()))


def _of_this_machine() -> list[Finding]:
    from local_stack.laptop import looked_at_here

    return looked_at_here()
