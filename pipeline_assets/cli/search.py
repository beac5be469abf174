"""`pipeline search`: the published documents: find some, roll a day back."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from pipeline_assets.cli.output import Json, SettingsOption, console, print_json, table
from pipeline_assets.home import load_settings

app = typer.Typer(help="The search index.", no_args_is_help=True)


@app.command()
def find(
    words: Annotated[str, typer.Argument(help="Words of a customer, city or product, or an exact id.")],
    size: Annotated[int, typer.Option(min=1, max=1000, help="Hits at most.")] = 10,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Search the published orders."""
    from pipeline_assets import search

    answer = search.find(load_settings(settings), words, size=size)
    if json:
        print_json(answer)
        return
    show(answer)


def show(answer: dict[str, Any]) -> None:
    columns = ("order_id", "partition_date", "customer_name", "shipping_city", "status", "net_amount_usd")
    rows = [[*(hit.get(column) for column in columns), _products(hit)] for hit in answer["hits"]]
    console().print(table((*columns, "products"), rows, right=("net_amount_usd",)))
    console().print(f"{answer['total']} orders match")


def _products(hit: dict[str, Any]) -> str:
    return ", ".join(item["name"] for item in hit.get("items", []) if item.get("name"))


@app.command()
def rollback(
    partition: Annotated[str, typer.Option(help="The day, YYYY-MM-DD, New York.")],
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Put the day's previous index back behind the alias. The lake is not touched."""
    from emr_jobs.partition import Partition
    from emr_jobs.publish.search import SearchIndex, errors_named

    from pipeline_assets.remedies import command_noted
    from pipeline_assets.search import index_of

    values = load_settings(settings)
    index = index_of(values)
    day = Partition.parse(partition).check(first=values.start, now=datetime.now(UTC))
    with command_noted(values), errors_named(values.search, dataset=index.id, partition=day):
        now, before = SearchIndex(values.search, index).rollback(day)
    if json:
        print_json({"published": now, "replaced": before})
    else:
        console().print(f"published  {now}\nreplaced   {before}")
