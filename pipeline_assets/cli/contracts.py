"""`pipeline contracts`: are the contracts valid, has each dataset one, and what became of them since a commit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from pipeline_assets.cli.output import STYLES, Json, SettingsOption, console, errors, print_json, table
from pipeline_assets.findings import Level
from pipeline_assets.home import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emr_jobs.contracts import Contract
    from emr_jobs.contracts.compare import Comparison
    from emr_jobs.core.settings import Settings

    from pipeline_assets.earlier_contracts import Earlier

app = typer.Typer(help="The contracts of the datasets.", no_args_is_help=True)


@app.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="Default: that of the domain.")] = None,
    against: Annotated[
        str | None,
        typer.Option(help="A commit (main, HEAD~1), or a folder: what has changed since, and does the version say so."),
    ] = None,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Validate every contract; all faults at once, exit code 1 when there are any.

    With --against also when a change breaks readers and its contract has no higher major version.
    """
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
    if against:
        _compare(values, found, folder, against, json=json)
        return
    if json:
        print_json({"faults": [], "contracts": [contract.id for contract in found.values()]})
        return
    rows = [
        (contract.id, contract.version, contract.medium, contract.owner, len(contract.columns), len(contract.checks))
        for contract in found.values()
    ]
    numbers = ("columns", "checks")
    console().print(table(("contract", "version", "medium", "owner", *numbers), rows, right=numbers))


def _compare(
    values: "Settings", found: "Mapping[str, Contract]", folder: Path | None, against: str, *, json: bool
) -> None:
    from emr_jobs.domain import CONTRACTS, domain_of, load_as_of

    from pipeline_assets.earlier_contracts import comparisons_since

    own = folder or domain_of(values).folder / CONTRACTS
    earlier, comparisons = comparisons_since(against, own, load_as_of(values, own), found)
    if json:
        print_json(_as_json(earlier, comparisons))
    else:
        _print(earlier, comparisons)
    if any(each.fault for each in comparisons):
        raise typer.Exit(1)


def _as_json(earlier: "Earlier", comparisons: "list[Comparison]") -> dict[str, object]:
    return {
        "against": earlier.of,
        "contracts": [
            {
                "contract": each.contract,
                "before": each.before,
                "now": each.now,
                "is": each.kind,
                "fault": each.fault,
                "changes": [vars(change) for change in each.changes],
            }
            for each in comparisons
        ],
        "not_compared": earlier.invalid,
    }


def _print(earlier: "Earlier", comparisons: "list[Comparison]") -> None:
    from emr_jobs.contracts.compare import Kind

    styles = {Kind.BREAKING: STYLES[Level.ERROR], Kind.COMPATIBLE: STYLES[Level.OK]}
    rows = [
        (
            each.contract,
            f"{each.before or '-'} → {each.now or '-'}",
            Text(change.kind, styles[change.kind]),
            change.where,
            change.what,
        )
        for each in comparisons
        for change in each.changes
    ]
    if rows:
        console().print(table(("contract", "version", "is", "where", "what"), rows))
    for name, faults in earlier.invalid.items():
        errors().print(
            f"{name}: not compared, it was not valid: {faults[0]}", style=STYLES[Level.WARNING], markup=False
        )
    faulty = [each for each in comparisons if each.fault]
    for each in faulty:
        errors().print(f"{each.contract}: {each.fault}", style=STYLES[Level.ERROR], markup=False, soft_wrap=True)
    if not faulty:
        breaking = sum(each.kind is Kind.BREAKING for each in comparisons)
        says_so = f", {breaking} of them break readers and have a higher major version" if breaking else ""
        console().print(f"{len(comparisons)} contracts differ from {earlier.of}{says_so}")
