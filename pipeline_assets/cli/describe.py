"""`pipeline describe`, `pipeline show tables`: what the datasets are, and what is published of them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from pipeline_assets.cli.output import (
    Json,
    SettingsOption,
    console,
    errors,
    fits,
    print_json,
    print_message,
    printable,
    show_rows,
    table,
)
from pipeline_assets.home import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pipeline_assets.description import Description


def describe(
    dataset: Annotated[str, typer.Argument(help="LAYER.NAME, of a table, an index or a source.")],
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """What a dataset is, whose, where, its columns and checks, and what is published of it."""
    from emr_jobs.contracts import Medium
    from emr_jobs.domain import domain_of

    from pipeline_assets import description, published

    values = load_settings(settings)
    domain = domain_of(values)
    found = description.description_of(domain, dataset)
    contract = domain.contracts[found.dataset]
    where = description.place_of(values, contract)
    if contract.medium is Medium.SOURCE:
        day = None
    else:
        with errors().status("looking at what is published"):
            day = published.published(values, contract)
    if json:
        print_json({**asdict(found), "where": where, "published": day and asdict(day)})
        return
    _show(console(), found, where, day.in_words if day else None)


def _show(on: "Console", found: "Description", where: str, day: str | None) -> None:
    from pipeline_assets.description import meaning

    facts = [
        ("", found.description or None),
        ("is", f"{found.kind}, {found.status}, contract {found.version}"),
        ("owner", found.owner),
        ("grain", found.grain),
        ("key", ", ".join(found.key) or None),
        ("where", where),
        ("published", day),
        ("due", found.available_by and f"by {found.available_by} on the day after"),
        ("kept", f"{found.keep_days} days" if found.keep_days else None),
        ("made by", found.job),
        ("made of", ", ".join(found.made_of) or None),
        ("read by", ", ".join(found.read_by) or None),
        ("contract", found.contract),
    ]
    on.print(table(("dataset", found.dataset), [fact for fact in facts if fact[1]]))
    on.print()
    columns = [
        (each.name, f"{each.type}{' not null' if each.required else ''}", meaning(each), ", ".join(each.comes_from))
        for each in found.columns
    ]
    _show_table(on, ("column", "type", "meaning", "comes from"), columns)
    if found.checks:
        on.print()
        checks = [(each.name, each.severity, each.description, each.expected) for each in found.checks]
        _show_table(on, ("check", "severity", "looks at", "expected"), checks)


def _show_table(on: "Console", headings: "Sequence[str]", rows: "Sequence[Sequence[str | None]]") -> None:
    """Names in one piece; in a terminal that is too narrow for it, what follows the name stands below it."""
    made = table(headings, rows, whole=headings[:2])
    if not on.is_terminal or fits(on, made):
        on.print(made)
        return
    for name, kind, *more in rows:
        print_message(on, f"{name}  {kind}")
        for line in filter(None, more):
            on.print(Padding(Text(printable(line)), (0, 0, 0, 2)))


def tables(settings: str | None, *, json: bool) -> None:
    """Every table and index, with its latest day."""
    from pipeline_assets import published

    with errors().status("looking at what is published"):
        found = published.everything(load_settings(settings))
    if json:
        print_json([asdict(each) for each in found])
        return
    headings = ("dataset", "kind", "latest day", "its rows", "all rows", "snapshot or index", "where")
    rows = [
        (each.dataset, each.kind, each.latest, each.rows, each.total, each.trouble or each.snapshot, each.where)
        for each in found
    ]
    show_rows(console(), headings, rows, right=("its rows", "all rows"))
