"""What the verbs print: tables for people, JSON for machines, colour only in a terminal."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
SettingsOption = Annotated[
    str | None, typer.Option("--settings", help="Settings file, a path or s3://. Default: the running stack's.")
]


PIPED_WIDTH = 200  # what is not a terminal has no width to fit into


def console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def errors() -> Console:
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)


def print_json(value: Any) -> None:
    print(json.dumps(value, default=str, ensure_ascii=False))  # noqa: T201  # the output


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> Table:
    """Numbers on the right; None as nothing; never cut."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else str(cell) for cell in row))
    return made
