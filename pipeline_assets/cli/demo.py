"""`pipeline demo`: a sample day through the whole pipeline, from nothing to rows and a search hit."""

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline_assets.cli.output import console, show_rows
from pipeline_assets.home import home


def demo(
    rows: Annotated[int, typer.Option(min=1, help="Good records in the sample.")] = 20_000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running afterwards.")] = False,
) -> None:
    """Start the services, run a sample day, show what was published."""
    from emr_jobs.domain import domain_of
    from local_stack import stack
    from local_stack.sample import local_domain

    from pipeline_assets import search, sql
    from pipeline_assets.cli.run import execute, selected
    from pipeline_assets.cli.search import show
    from pipeline_assets.cli.stack import start
    from pipeline_assets.home import load_settings

    partition = local_domain().calendar.latest_complete(datetime.now(UTC))
    addresses = start(home() / "data", stack.Sample(str(partition), rows))
    os.environ["PIPELINE_SETTINGS"] = addresses.settings
    try:
        settings = load_settings(addresses.settings)
        found = domain_of(settings)
        outcome = execute(str(partition), selected(found, None))
        outcome.show()
        if not outcome.success:
            raise typer.Exit(1)
        index = search.index_of(settings)
        result = sql.run(settings, found.demo.sql.replace("{partition}", str(partition)))
        console().print(f"\n[bold]{found.demo.dataset}[/], some of {partition}")
        show_rows(console(), result.columns, result.fetchall(), right=sql.numbers(result))
        console().print(f"\n[bold]{index.id}[/], one hit for {found.demo.words!r}")
        show(found, index, search.find(settings, found.demo.words, size=1))
    finally:
        if not keep:
            stack.down(home())
    console().print(
        "\nlook at it in the Dagster UI: make dev" + ("" if keep else "; with the services: make demo KEEP=1")
    )
