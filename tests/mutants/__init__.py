"""Whether the tests notice mistakes: a list of mutants, each judged by the tests that cover its line.

`mutants.json` is the list. `sample` drew it, `python -m tests.mutants` judges it (`make mutants`). A mutant names its
line by the function and the text, so it is found again when the code has moved; one that is gone is said to be.
"""

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("mutants.json")


class Gone(Exception):
    """The line of a mutant is not in its function any more, or its module is another domain's."""


@dataclass(frozen=True)
class Mutant:
    module: str
    operator: str  # of cosmic-ray
    inside: str  # the function or class, with dots; empty at the top
    line: str  # its text, without indentation
    occurrence: int  # among the lines of that text in there
    mutated: str  # what the line becomes

    def source(self, tree: Path) -> str:
        """Of its module. Raises Gone."""
        path = tree / self.module
        if not path.exists():
            raise Gone(f"{self.module}: there is no such module")
        return path.read_text()

    def at(self, source: str) -> int:
        """The line's index. Raises Gone."""
        inside = scopes(source)
        found = [
            number
            for number, text in enumerate(source.splitlines())
            if text.strip() == self.line and inside[number] == self.inside
        ]
        if len(found) <= self.occurrence:
            raise Gone(f"{self.module}: {self.inside or 'at the top'} has no line {self.line!r}")
        return found[self.occurrence]

    def applied(self, source: str) -> str:
        """The module with the mistake in it. Raises Gone."""
        lines = source.splitlines(keepends=True)
        number = self.at(source)
        lines[number] = lines[number].replace(self.line, self.mutated)
        return "".join(lines)


def scopes(source: str) -> list[str]:
    """The innermost function or class of each line."""
    names = [""] * len(source.splitlines())

    def name(node: ast.AST, outer: str) -> None:
        for each in ast.iter_child_nodes(node):
            inner = outer
            if isinstance(each, ast.FunctionDef | ast.ClassDef):
                inner = f"{outer}.{each.name}".removeprefix(".")
                first = min([each.lineno, *(decorator.lineno for decorator in each.decorator_list)])
                last = each.end_lineno or first
                names[first - 1 : last] = [inner] * (last - first + 1)
            name(each, inner)

    name(ast.parse(source), "")
    return names
