"""`pipeline query`: SQL over the lake, as analysts see it: what is published, without Spark."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_assets.cli.output import Json, SettingsOption, console, errors, print_json, print_message, show_rows
from pipeline_assets.home import load_settings

SHOWN_ROWS = 100


def query(
    sql: Annotated[str, typer.Argument(help="DuckDB SQL; tables are named as datasets: LAYER.NAME")],
    output: Annotated[Path | None, typer.Option(help="Write all rows to FILE.parquet, .csv or .json.")] = None,
    vertical: Annotated[
        bool, typer.Option("--vertical", help="A line a column. Also where a terminal is too narrow for the rows.")
    ] = False,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Run SQL over the published datasets."""
    import duckdb

    from pipeline_assets import sql as lake_sql

    values = load_settings(settings)
    try:
        result = lake_sql.run(values, sql)
        if output is not None:
            lake_sql.write(result, output)
            print_message(errors(), f"wrote {output}")
            return
        rows = (result if json else result.limit(SHOWN_ROWS + 1)).fetchall()
        names, right = result.columns, lake_sql.numbers(result)
    except duckdb.Error as error:
        errors().print("[bold red]query[/]: ", end="")
        print_message(errors(), error)
        if isinstance(error, duckdb.CatalogException):
            errors().print(f"datasets: {', '.join(sorted(lake_sql.datasets(values)))}", soft_wrap=True)
        raise typer.Exit(1) from None
    if json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    show_rows(console(), names, rows[:SHOWN_ROWS], right=right, vertical=vertical)
    if len(rows) > SHOWN_ROWS:
        errors().print(f"(the first {SHOWN_ROWS} rows; --output FILE writes all)")
