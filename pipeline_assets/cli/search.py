"""`pipeline search`: the published documents: find some, roll a day back."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline_assets.cli.output import Json, SettingsOption, console, print_json, show_rows
from pipeline_assets.home import load_settings

if TYPE_CHECKING:
    from emr_jobs.contracts import Contract
    from emr_jobs.domain import Domain

app = typer.Typer(help="The search index.", no_args_is_help=True)


@app.command()
def find(
    words: Annotated[str, typer.Argument(help="Words, or an exact id.")],
    size: Annotated[int, typer.Option(min=1, max=1000, help="Hits at most.")] = 10,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Search the published documents."""
    from emr_jobs.domain import domain_of

    from pipeline_assets import search

    values = load_settings(settings)
    answer = search.find(values, words, size=size)
    if json:
        print_json(answer)
        return
    show(domain_of(values), search.index_of(values), answer)


def show(found: "Domain", index: "Contract", answer: dict[str, Any]) -> None:
    """The columns that the domain shows."""
    rows = [[_value(hit, field) for field in found.shows.values()] for hit in answer["hits"]]
    numbers = {column.name for column in index.columns if column.logical_type in ("number", "integer")}
    right = [heading for heading, field in found.shows.items() if field in numbers]
    show_rows(console(), list(found.shows), rows, right=right)
    console().print(f"{answer['total']} {index.name} match")


def _value(document: dict[str, Any], field: str) -> Any:
    """Of the field; of one within a list, what its elements have."""
    name, _, within = field.partition(".")
    value = document.get(name)
    return ", ".join(str(each[within]) for each in value or () if each.get(within)) if within else value


@app.command()
def rollback(
    partition: Annotated[str, typer.Option(help="The day, YYYY-MM-DD.")],
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Put the day's previous index back behind the alias. The lake is not touched."""
    from emr_jobs.domain import domain_of
    from emr_jobs.publish.search import SearchIndex, errors_named

    from pipeline_assets.remedies import command_noted
    from pipeline_assets.search import index_of

    values = load_settings(settings)
    index = index_of(values)
    day = domain_of(values).calendar.partition(partition).check(now=datetime.now(UTC))
    with command_noted(values), errors_named(values.search, dataset=index.id, partition=day):
        now, before = SearchIndex(values.search, index).rollback(day)
    if json:
        print_json({"published": now, "replaced": before})
    else:
        console().print(f"published  {now}\nreplaced   {before}")
