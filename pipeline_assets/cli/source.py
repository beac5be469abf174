"""`pipeline source`: look into a source as its contract reads it, before a run does."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline_assets.cli.output import Json, SettingsOption, console, errors, print_json, print_message, table
from pipeline_assets.home import load_settings

if TYPE_CHECKING:
    from pipeline_assets.first_records import Tried

RAW_CHARS = 200  # of a rejected record that are shown

app = typer.Typer(help="The sources, as their contracts read them.", no_args_is_help=True)


@app.command("try")
def try_(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="Or the dataset that is read of it.")],
    partition: Annotated[str, typer.Option(help="The day, YYYY-MM-DD.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Records at most.")] = 20,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Read the first records of a day, without Spark: rows as they would be published, and what would be refused."""
    from emr_jobs.domain import domain_of

    from pipeline_assets.first_records import tried

    values = load_settings(settings)
    day = domain_of(values).calendar.partition(partition)
    with errors().status(f"reading {name}"):
        found = tried(values, name, partition=day, limit=limit)
    if json:
        print_json(_facts(found))
    else:
        _show(found)


def _facts(found: "Tried") -> dict[str, Any]:
    return {
        "source": found.source,
        "dataset": found.dataset,
        "records": found.records,
        "rows": [{name: _value(value) for name, value in row.items()} for row in found.rows],
        "rejected": [{"reason": reason, "raw": raw} for reason, raw in found.rejected],
        "wrong_types": dict(found.misread),
        "undeclared": dict(found.undeclared),
    }


def _show(found: "Tried") -> None:
    columns = [name for name in found.columns if name not in found.made]
    rows = [[_text(row[name]) for name in columns] for row in found.rows]
    console().print(table(columns, rows))
    console().print(f"\n{len(rows)} of {found.records} records would be rows of {found.dataset}")
    if found.made:
        print_message(console(), f"made in a run, of other columns: {', '.join(found.made)}")
    for title, counter in (("null for a wrong type", found.misread), ("not declared", found.undeclared)):
        if counter:
            said = ", ".join(f"{name} {count}" for name, count in counter.most_common())
            print_message(console(), f"{title}: {said}")
    if found.rejected:
        console().print("\n[bold]rejected[/]")
        console().print(table(("reason", "record"), [(reason, raw[:RAW_CHARS]) for reason, raw in found.rejected]))


def _value(value: Any) -> Any:
    """Instants as sources write them."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _text(value: Any) -> Any:
    """None as nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else _value(value)
