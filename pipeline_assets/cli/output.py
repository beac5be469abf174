"""What the verbs print and ask: tables for people, JSON for machines, colour only in a terminal."""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from pipeline_assets.findings import Finding, Level, has_error

STYLES = {Level.OK: "green", Level.UNKNOWN: "dim", Level.WARNING: "yellow", Level.ERROR: "bold red"}
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
SettingsOption = Annotated[
    str | None, typer.Option("--settings", help="Settings file, a path or s3://. Default: the running stack's.")
]


PIPED_WIDTH = 200  # what is not a terminal has no width to fit into
_ANY_WIDTH = 10_000


def console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def errors() -> Console:
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)


def confirmed(question: str, *, yes: bool) -> bool:
    """Where nobody can answer, and at Ctrl-C, it is a no."""
    try:
        return yes or typer.confirm(question, err=True)
    except typer.Abort:
        errors().print()
        return False


def print_json(value: Any) -> None:
    """Decimals as text, so that no reader's floats take digits off them; days and instants as text."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    print("".join(f"\\u{ord(each):04x}" if _controls(each) else each for each in text))  # noqa: T201  # the output


def printable(text: str, *, keep: str = "") -> str:
    """Control characters escaped, but for those to keep: what comes from data must not steer a terminal."""
    return "".join(repr(each)[1:-1] if _controls(each) and each not in keep else each for each in text)


def _controls(character: str) -> bool:
    return unicodedata.category(character) == "Cc"


def print_message(on: Console, message: object) -> None:
    """Sentences as they are: lines stay lines, nothing is markup."""
    on.print(printable(str(message), keep="\n\t"), markup=False, highlight=False, soft_wrap=True)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = (), whole: Sequence[str] = ()
) -> Table:
    """Numbers on the right; None as nothing; never cut, and those of `whole` never folded. Text is no markup; who
    wants a colour gives a rich Text."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        side: Literal["left", "right"] = "right" if column in right else "left"
        made.add_column(Text(printable(column)), justify=side, overflow="fold", no_wrap=column in whole)
    for row in rows:
        made.add_row(*(_cell(cell) for cell in row))
    return made


def fits(on: Console, made: Table) -> bool:
    """With no cell of it folded more than it need be."""
    return _widths(on, made).minimum <= on.width


def _widths(on: Console, made: Table) -> Measurement:
    """Folded as much as it can be and not at all, as if there were room for either."""
    return Measurement.get(on, on.options.update(max_width=_ANY_WIDTH), made)


def show_rows(
    on: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    vertical: bool = False,
) -> None:
    """A table; in a terminal that is too narrow for it, or when asked for, a line a column instead."""
    made = table(columns, rows, right=right)
    if not vertical and (not on.is_terminal or _widths(on, made).maximum <= on.width):
        on.print(made)
        return
    for number, row in enumerate(rows, 1):
        on.print(f"[dim]row {number}[/]")
        lines = Table.grid(padding=(0, 2))
        for column, cell in zip(columns, row, strict=True):
            lines.add_row(Text(printable(column), "bold"), _cell(cell))
        on.print(lines)


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    return Text("" if value is None else printable(str(value)))


def show_findings(found: Sequence[Finding], *, json: bool) -> None:
    """All of them, and how many are to be mended; an error among them ends the verb with exit code 1."""
    if json:
        print_json([vars(each) for each in found])
    else:
        rows = [(each.check, Text(each.level, STYLES[each.level]), str(each)) for each in found]
        console().print(table(("check", "is", "what was found"), rows))
        worst = [each for each in found if each.level in (Level.ERROR, Level.WARNING)]
        console().print(f"\n{len(worst)} to mend" if worst else "\nnothing to mend")
    if has_error(found):
        raise typer.Exit(1)
