"""`pipeline contracts`: are the contracts valid, and does each dataset have one."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_assets.cli.output import Json, SettingsOption, console, errors, print_json, table
from pipeline_assets.home import load_settings

app = typer.Typer(help="The contracts of the datasets.", no_args_is_help=True)


@app.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="Default: that of the domain.")] = None,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Validate every contract; all faults at once, exit code 1 when there are any."""
    from emr_jobs.contracts import InvalidContracts
    from emr_jobs.domain import domain_of, load_as_of

    try:
        values = load_settings(settings)
        found = load_as_of(values, folder) if folder else domain_of(values).contracts
    except InvalidContracts as error:
        if json:
            print_json({"faults": error.faults})
        else:
            errors().print(f"[bold red]{len(error.faults)} faults[/]")
            for fault in error.faults:
                errors().print(fault, markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if json:
        print_json({"faults": [], "contracts": [contract.id for contract in found.values()]})
        return
    rows = [
        (contract.id, contract.version, contract.medium, contract.owner, len(contract.columns), len(contract.checks))
        for contract in found.values()
    ]
    numbers = ("columns", "checks")
    console().print(table(("contract", "version", "medium", "owner", *numbers), rows, right=numbers))
