"""What a change of the checkout does to readers, jobs and the account, as Markdown for its review. Pure.

Does not own: how it is found (cli.review), where it is posted (.github/workflows/pull-request.yml).
Invariant: text of a contract or a template stays text, whatever is in it, and the whole fits into a comment.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from emr_jobs.contracts.compare import Comparison, Kind

from pipeline_assets.earlier_contracts import Earlier

if TYPE_CHECKING:
    from pipeline_assets.production.apply.diff import Difference

SECTION_CHARS = 20_000  # GitHub takes 65,536 in a comment
CELL_CHARS = 120
_SPECIAL = re.compile(r"[\\`*\[\]<>&|~:@#]")


def contracts(earlier: Earlier, comparisons: Sequence[Comparison]) -> str:
    breaking = sum(each.kind is Kind.BREAKING for each in comparisons)
    verb = "differs" if len(comparisons) == 1 else "differ"
    rows = [
        (each.contract, f"{each.before or '-'} → {each.now or '-'}", change.kind, change.where, change.what)
        for each in comparisons
        for change in each.changes
    ]
    rows.sort(key=lambda row: row[2] is not Kind.BREAKING)
    faults = [f"- {_text(each.contract)}: {_text(each.fault)}" for each in comparisons if each.fault]
    faults += [
        f"- {_text(name)}: not compared, it was not valid: {_text(found[0])}" for name, found in earlier.invalid.items()
    ]
    return _section(
        "Contracts",
        f"{len(comparisons) or 'none'} {verb} from {_text(earlier.of)}" + (f", {breaking} breaking" * bool(breaking)),
        [*faults, ""] if faults else [],
        _table(("contract", "version", "is", "where", "what"), rows),
    )


def invalid_contracts(faults: Sequence[str]) -> str:
    return _section("Contracts", "not valid", [f"- {_text(fault)}" for fault in faults])


def plan(before: str | None, now: str) -> str:
    """`before`: None where there was none."""
    then, lines = (before or "").splitlines(), now.splitlines()
    if then == lines:
        return _section("Order of the jobs", "as before", _folded(lines))
    whole = len(then) + len(lines)  # of context
    _, _, _, *changed = difflib.unified_diff(then, lines, lineterm="", n=whole)  # without the names of files
    return _section("Order of the jobs", "changed", _fenced(changed, "diff"))


def account(found: "Sequence[Difference] | None") -> str:
    """`found`: None where nobody was allowed to look."""
    if found is None:
        return _section("Account", "not compared: no role that may read it (docs/operations.md, From GitHub)")
    if not found:
        return _section("Account", "no difference")
    rows = [(each.stack, each.place, each.deployed, each.generated) for each in found]
    said = f"{len(found)} differences, of which {sum(each.is_drift for each in found)} are drift"
    return _section("Account", said, _table(("stack", "place", "deployed", "generated"), rows))


def _section(title: str, said: str, *blocks: Iterable[str]) -> str:
    lines = [line for block in blocks for line in block]
    return "\n".join([f"**{title}**: {said}", "", *_within(lines), ""])


def _within(lines: Sequence[str]) -> list[str]:
    """As many as a section may have, and how many more there are."""
    kept: list[str] = []
    left = SECTION_CHARS
    for number, line in enumerate(lines):
        left -= len(line) + 1
        if left < 0:
            return [*kept, "", f"and {len(lines) - number} lines more: `pipeline review`"]
        kept.append(line)
    return kept


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    cells = [columns, ["---"] * len(columns), *([_text(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(row)} |" for row in cells]


def _folded(lines: Sequence[str]) -> list[str]:
    return ["<details><summary>all of them</summary>", "", *_fenced(lines), "", "</details>"]


def _fenced(lines: Sequence[str], language: str = "") -> list[str]:
    """Names of jobs and datasets have no backtick."""
    return [f"```{language}", *lines, "```"]


def _text(value: str) -> str:
    """As code, in which GitHub seeks neither people nor issues; an entity is never structure."""
    line = " ".join(value.split())
    short = line if len(line) <= CELL_CHARS else f"{line[: CELL_CHARS - 1]}…"
    return f"<code>{_SPECIAL.sub(lambda found: f'&#{ord(found[0])};', short)}</code>"
