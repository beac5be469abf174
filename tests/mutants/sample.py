"""Draws the list of mutants: `python -m tests.mutants.sample`, with the group `mutants` installed.

cosmic-ray makes the mutants of a module; kept are those that still parse, change one line, and are no type hint. Of a
line one stays, of each part of the code as many as PARTS says. The same code and SEED give the same list.
Draw it anew only when much of it is gone: figures taken with another list cannot be compared.
"""

import ast
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

from tests.domains import settings_domain
from tests.mutants import LIST, ROOT, Mutant, scopes

SEED = 12
PARTS = {
    "emr_jobs/core/partition.py": 10,
    "emr_jobs/contracts": 32,
    "emr_jobs/publish/audit.py": 8,
    f"{settings_domain().package}/transforms": 12,
    "pipeline_assets/production/generate/plan.py": 15,
    "pipeline_assets/production/generate/machine_check.py": 18,
    "pipeline_assets/production/generate/guard.py": 5,
    "pipeline_assets/launchers/outcome.py": 8,
}
# Mistakes that people make. Left out is what raises at once, such as `names // others`, and what is no mistake here.
OPERATORS = (
    "AddNot",
    "NumberReplacer",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ZeroIterationForLoop",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_Invert",
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul")),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("BitAnd_BitOr", "BitOr_BitAnd")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_GtE", "GtE_Lt")),
)


def drawn() -> list[Mutant]:
    chance = random.Random(SEED)
    chosen: list[Mutant] = []
    for part, wanted in PARTS.items():
        path = ROOT / part
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        lines = [choices for file in files for choices in _by_line(file)]
        picked = sorted(chance.sample(range(len(lines)), min(wanted, len(lines))))
        chosen += [chance.choice(lines[index]) for index in picked]
    return chosen


def _by_line(file: Path) -> list[list[Mutant]]:
    """The mutants of a module, those of one line together, in the order of the text."""
    source = file.read_text()
    lines = source.splitlines()
    inside = scopes(source)
    hints = _hints(source)
    found: dict[int, list[Mutant]] = defaultdict(list)
    for operator, changed in _changed(source):
        differing = [number for number, line in enumerate(lines) if line != changed[number]]
        if len(differing) != 1:
            continue
        number = differing[0]
        before = lines[number].strip()
        pairs = enumerate(zip(lines[number], changed[number], strict=False))
        place = (number + 1, next((at for at, (old, new) in pairs if old != new), 0))
        if any(start <= place < end for start, end in hints) or _says_nothing(before, changed[number]):
            continue
        alike = [at for at in range(number) if inside[at] == inside[number] and lines[at].strip() == before]
        mutant = Mutant(
            module=str(file.relative_to(ROOT)),
            operator=operator,
            inside=inside[number],
            line=before,
            occurrence=len(alike),
            mutated=changed[number].strip(),
        )
        found[number].append(mutant)
    return [found[number] for number in sorted(found)]


def _changed(source: str) -> Iterator[tuple[str, list[str]]]:
    """Every operator's name with the lines that it leaves, once for each place where it applies."""
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        for occurrence in count():
            changed = mutate_code(source, operator, occurrence)
            if changed is None:
                break
            if len(changed.splitlines()) == len(source.splitlines()) and _parses(changed):
                yield name, changed.splitlines()


def _says_nothing(line: str, changed: str) -> bool:
    """What only a caller that breaks the rules of typing would notice."""
    return line.startswith("@") or "TYPE_CHECKING" in line or ("*," in line and "/," in changed)


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _hints(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where type hints, and names of types, start and end: line and column."""
    nodes: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign | ast.arg):
            nodes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            nodes.append(node.returns)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            nodes.append(node.value if node.targets[0].id.istitle() else None)  # Shape = dict | None
    places = [node for node in nodes if node is not None]
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0)) for node in places
    ]


if __name__ == "__main__":
    mutants = drawn()
    LIST.write_text(json.dumps([asdict(mutant) for mutant in mutants], indent=1) + "\n")
    print(f"{LIST.relative_to(ROOT)}: {len(mutants)} mutants")
