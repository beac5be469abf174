"""`pipeline doctor`: what this machine, or an account, lacks for the pipeline."""

from typing import Annotated

import typer

from pipeline_assets.cli.deploy import pairs
from pipeline_assets.cli.output import Json, errors, show_findings
from pipeline_assets.cli.synth import DeploymentOption
from pipeline_assets.deployment import deployment
from pipeline_assets.findings import Finding
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
    show_findings(found, json=json)


def _of_account(parameters: dict[str, str], settings: str | None) -> list[Finding]:
    from pipeline_assets.production.apply.deploy import Deploying
    from pipeline_assets.production.apply.preflight import Account, preflight

    made = deployment(deployment_settings(settings))
    return preflight(Account(made, Deploying(made, parameters).values()))


def _of_this_machine() -> list[Finding]:
    from local_stack.laptop import looked_at_here

    return looked_at_here()
