"""`pipeline new`: a source, or a domain, from nothing: guessed from a sample where there is one, and said."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_assets.cli.output import Json, console, print_json, print_message, table
from pipeline_assets.home import ROOT

if TYPE_CHECKING:
    from pipeline_assets.scaffold.draft import Column
    from pipeline_assets.scaffold.source import Outcome

app = typer.Typer(
    help="Write what a source or a domain needs. Nothing that is there is overwritten.", no_args_is_help=True
)


@app.command()
def source(
    name: Annotated[str, typer.Argument(metavar="SYSTEM.NAME", help="Of the source, web_api.invoices for example.")],
    url: Annotated[
        str | None, typer.Option(help="Of a web API. Where it has {start} and {end} in the query, the day's go there.")
    ] = None,
    files: Annotated[
        str | None,
        typer.Option(help="Of delivered files: s3://bucket/folder/dt={partition}/*.csv.gz, or the path alone."),
    ] = None,
    snowflake: Annotated[str | None, typer.Option(help="A table: SCHEMA.TABLE.")] = None,
    sample: Annotated[
        Path | None,
        typer.Option(help="A page of the API; one of the files; the table's columns as CSV or rows of it as Parquet."),
    ] = None,
    connection: Annotated[
        str | None, typer.Option(help="Name in the settings. Default: one with this address, else that of the source.")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Of the dataset. Default: the domain's first.")] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Ask the API for one page, in the place of --sample.")] = False,
    header: Annotated[
        str | None, typer.Option(help="That lets us in: NAME=env:VARIABLE, a reference and not the value.")
    ] = None,
    json: Json = False,
) -> None:
    """Write contracts and connection of a source, and say what was guessed and what a person must look at."""
    from pipeline_assets.scaffold.page import header_of
    from pipeline_assets.scaffold.source import Request, new_source

    outcome = new_source(
        Request(
            name,
            url=url,
            files=files,
            snowflake=snowflake,
            sample=sample,
            connection=connection,
            layer=layer,
            header=header_of(header) if header else None,
            fetch=fetch,
        )
    )
    if json:
        print_json(_facts(outcome))
    else:
        _show(outcome)


@app.command()
def domain(
    name: Annotated[str, typer.Argument(help="Of the package, beside the others of this checkout.")],
    timezone: Annotated[str, typer.Option(help="Where its days are, Europe/Berlin for example.")] = "UTC",
    json: Json = False,
) -> None:
    """Write an empty domain with one source to go on from, and say what in the settings leads to it."""
    from pipeline_assets.scaffold.domain import new_domain

    made = new_domain(name, ROOT, timezone=timezone)
    change = [(f"{_shown(each.file)}:{each.line}", each.says) for each in made.change]
    follow = [
        "pipeline check",
        "pipeline new source SYSTEM.NAME --url … | --files … | --snowflake …",
        "pipeline stack up",
    ]
    if json:
        written = [_shown(file) for file in made.files]
        print_json({"written": written, "change": [" ".join(each) for each in change], "next": follow})
        return
    for file in made.files:
        print_message(console(), f"written  {_shown(file)}")
    console().print("\n[bold]change[/]")
    console().print(table(("where", "to"), change))
    console().print("\n[bold]next[/]")
    for command in follow:
        print_message(console(), f"  {command}")


def _facts(outcome: "Outcome") -> dict[str, object]:
    draft = outcome.draft
    return {
        "written": [_shown(file) for file in (*outcome.files, *outcome.profiles)],
        "records": draft.guess.records,
        "columns": [
            {"field": ".".join(each.path), "column": each.name, "type": _type(each), "filled": each.field.filled}
            for each in draft.columns
        ],
        "notes": list(outcome.notes),
        "open": [{"file": _shown(each.file), "line": each.line, "says": each.says} for each in outcome.open],
        "next": _next(outcome),
    }


def _show(outcome: "Outcome") -> None:
    draft, records = outcome.draft, outcome.draft.guess.records
    for file, text in outcome.files.items():
        print_message(console(), f"written  {_shown(file)}  {len(text.splitlines())} lines")
    for file in outcome.profiles:
        print_message(console(), f"written  {_shown(file)}  [connections.{draft.names.connection}]")
    for note in outcome.notes:
        print_message(console(), f"taken    {note}")
    console().print("\n[bold]guessed[/]")
    for name, value in draft.read.items():
        print_message(console(), f"  {name}: {value}")
    rows = [
        (
            ".".join(each.path),
            each.name,
            _type(each),
            f"{each.field.filled:,} of {records:,}" if records else "",
            _role(each),
        )
        for each in draft.columns
    ]
    console().print(table(("field", "column", "type", "values in", "is"), rows, right=("values in",)))
    console().print("\n[bold]look at[/]")
    console().print(
        table(
            ("where", "what is not known"), [(f"{_shown(each.file)}:{each.line}", each.says) for each in outcome.open]
        )
    )
    console().print("\n[bold]next[/]")
    for command in _next(outcome):
        print_message(console(), f"  {command}")


def _type(column: "Column") -> str:
    field = column.field
    if field.decimal:
        return "decimal({},{})".format(*field.decimal)
    return f"array of {field.items}" if field.items else field.type


def _role(column: "Column") -> str | None:
    return "key" if column.is_key else "required" if column.is_required else None


def _next(outcome: "Outcome") -> list[str]:
    source = outcome.draft.names.source
    return ["pipeline check", f"pipeline source try {source} --partition {outcome.partition}"]


def _shown(file: Path) -> str:
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)
