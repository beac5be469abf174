"""`pipeline lake`: what is published: tables and indices brought up to the contracts,
the tables looked at, repaired and kept in shape."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_assets.cli import rollback
from pipeline_assets.cli.output import Json, SettingsOption, console, errors, print_json, table
from pipeline_assets.home import load_settings, settings_uri

if TYPE_CHECKING:
    from pipeline_assets.damaged_tables import State

app = typer.Typer(help="The tables of the lake.", no_args_is_help=True)
app.command("rollback")(rollback.dataset)


@app.command()
def apply(settings: SettingsOption = None, json: Json = False) -> None:
    """Create namespaces, tables and new columns from the contracts, also in published indices. Jobs only compare."""
    from pipeline_assets import lake, search

    values = load_settings(settings)
    done = [*lake.apply(values), *search.apply(values)]
    if json:
        print_json(dict(done))
    else:
        console().print(table(("dataset", "done"), done))


@app.command()
def check(settings: SettingsOption = None, json: Json = False) -> None:
    """Open every table, down to its manifests. Exit code 1 when there is one that nobody can read."""
    from pipeline_assets import damaged_tables

    with errors().status("opening the tables"):
        states = list(damaged_tables.check(load_settings(settings)))
    if json:
        print_json(
            {each.dataset: {"exists": each.exists, "damage": each.damage and each.damage.found} for each in states}
        )
    else:
        console().print(table(("dataset", "state"), ((each.dataset, _in_words(each)) for each in states)))
    damaged = [each.dataset for each in states if each.damage]
    for dataset in damaged:
        errors().print(f"set it back  pipeline lake repair {dataset}")
    raise typer.Exit(1 if damaged else 0)


def _in_words(state: "State") -> str:
    if state.damage:
        return f"damaged: {state.damage.found}"
    return "whole" if state.exists else "no table"


@app.command()
def repair(
    dataset: Annotated[str, typer.Argument(help="A table; `pipeline lake check` says which are damaged.")],
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Set a table that nobody can open back to its newest whole state. One that can be opened stays as it is."""
    from pipeline_assets import damaged_tables, lake
    from pipeline_assets.remedies import place_of

    values = load_settings(settings)
    contract = lake.table_contract(values, dataset)
    with errors().status(f"looking for a whole state of {dataset}"):
        done = damaged_tables.repair(values, contract)
    if json:
        print_json(None if done is None else asdict(done))
    elif done is None:
        console().print(f"{dataset} is whole; nothing was done")
    else:
        said = {"missing": done.missing, "named now": done.found, "as of": f"{done.as_of:%Y-%m-%d %H:%M:%S} UTC"}
        console().print(table(("", dataset), said.items()))
        console().print("\nWhat was committed after that is not in the table. Run again whatever failed since:")
        for day in done.staged_days or ["P"]:
            console().print(f"  {place_of(values).command(day, dataset)}")


@app.command()
def history(
    dataset: Annotated[str, typer.Argument(help="A table; `pipeline lake check` names them.")],
    partition: Annotated[str | None, typer.Option(help="What changed this day: YYYY-MM-DD.")] = None,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """What readers of a table had when, newest last: as far back as its snapshots are kept."""
    from emr_jobs.domain import domain_of
    from emr_jobs.publish.versions import publisher

    from pipeline_assets import lake
    from pipeline_assets.history import history as states_of

    values = load_settings(settings)
    calendar = domain_of(values).calendar
    day = calendar.partition(partition) if partition else None
    contract = lake.table_contract(values, dataset)
    with errors().status(f"reading the metadata of {dataset}"):
        states = states_of(lake.opened(lake.catalog(values), contract), day)
    if json:
        print_json([asdict(each) | {"at": each.at.isoformat()} for each in states])
        return
    rows = [
        (
            f"{calendar.local(each.at):%Y-%m-%d %H:%M:%S}",
            f"{each.at:%Y-%m-%d %H:%M:%S}",
            ", ".join(each.days),
            each.rows,
            each.version and publisher(each.version),
            each.operation,
            each.snapshot_id,
        )
        for each in states
    ]
    columns = (f"readable from, {calendar.place}", "UTC", "day", "rows", "run", "operation", "snapshot")
    console().print(table(columns, rows, right=("rows",)))


@app.command()
def maintain(settings: SettingsOption = None, json: Json = False) -> None:
    """Delete expired days and dead letters, expire snapshots, remove orphan files, compact; never what is young.

    In Spark: on this machine, or, with the settings of a deployment, as a step of an EMR cluster made for it.
    """
    from emr_jobs.catalog import MAINTAIN

    from pipeline_assets.cli import programs

    def arguments(settings: str, run_id: str, messages: str) -> list[str]:
        return ["--settings", settings, "--run-id", run_id, "--messages", messages]

    uri = settings_uri(settings)
    *rows, other = programs.run(MAINTAIN, arguments, load_settings(uri), uri, reports_as=MAINTAIN.name, quiet=json)
    if json:
        print_json([*rows, other])
    else:
        console().print(table(list(rows[0]), [list(row.values()) for row in rows], right=list(rows[0])[1:]))
        console().print(f"\ndead letters deleted: {other['dead_letters']}")
