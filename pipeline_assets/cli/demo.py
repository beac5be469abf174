"""`pipeline demo`: a sample day through the whole pipeline, from nothing to rows and a search hit."""

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline_assets.cli.output import console, table
from pipeline_assets.home import home

ROWS = """
SELECT order_id, customer_name, status, net_amount_usd, delivery_status, is_late
FROM final.order_facts WHERE partition_date = '{partition}' ORDER BY net_amount_usd DESC LIMIT 5
"""
WORDS = "espresso"


def demo(
    orders: Annotated[int, typer.Option(min=1, help="Good orders in the sample.")] = 20_000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running afterwards.")] = False,
) -> None:
    """Start the services, run a sample day, show what was published."""
    from emr_jobs.domain import domain_of
    from emr_jobs.partition import Partition
    from local_stack import stack

    from pipeline_assets import search, sql
    from pipeline_assets.cli.run import execute, selected
    from pipeline_assets.cli.search import show
    from pipeline_assets.cli.stack import start
    from pipeline_assets.home import load_settings

    partition = Partition.latest_complete(datetime.now(UTC))
    addresses = start(home() / "data", stack.Sample(str(partition), orders))
    os.environ["PIPELINE_SETTINGS"] = addresses.settings
    try:
        settings = load_settings(addresses.settings)
        outcome = execute(str(partition), selected(domain_of(settings), None))
        outcome.show()
        if not outcome.success:
            raise typer.Exit(1)
        result = sql.run(settings, ROWS.format(partition=partition))
        console().print(f"\n[bold]final.order_facts[/], five of {partition}")
        console().print(table(result.columns, result.fetchall(), right=("net_amount_usd",)))
        console().print(f"\n[bold]search.orders[/], one hit for {WORDS!r}")
        show(search.find(settings, WORDS, size=1))
    finally:
        if not keep:
            stack.down(home())
    console().print(
        "\nlook at it in the Dagster UI: make dev" + ("" if keep else "; with the services: make demo KEEP=1")
    )
