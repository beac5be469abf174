"""A mutant finds its line by function and text, wherever the code has moved."""

from pathlib import Path

import pytest

from tests.mutants import Gone, Mutant

SOURCE = """
class Box:
    def fits(self, size):
        if size > 0:
            return True
        if size > 0:
            return False

def fits(size):
    return size > 0
"""


def mutant(**changes: object) -> Mutant:
    of_the_second_condition = {
        "module": "box.py",
        "operator": "ReplaceComparisonOperator_Gt_GtE",
        "inside": "Box.fits",
        "line": "if size > 0:",
        "occurrence": 1,
        "mutated": "if size >= 0:",
    }
    return Mutant(**{**of_the_second_condition, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("moved", [SOURCE, f"import re\n\n\nLIMIT = 1\n{SOURCE}"], ids=["as drawn", "further down"])
def test_one_line_of_that_text_in_that_function_is_changed(moved: str) -> None:
    first, _, second = moved.rpartition("if size > 0:")
    assert mutant().applied(moved) == f"{first}if size >= 0:{second}"


@pytest.mark.parametrize(
    "changes",
    [{"inside": "fits"}, {"inside": ""}, {"occurrence": 2}, {"line": "if size > 1:"}],
    ids=["another function", "the top", "a third one", "another text"],
)
def test_a_line_that_is_gone_is_named(changes: dict[str, object]) -> None:
    with pytest.raises(Gone, match=r"box\.py: .* has no line 'if size > [01]:'"):
        mutant(**changes).applied(SOURCE)


def test_a_module_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "box.py").write_text(SOURCE)
    assert mutant().source(tmp_path) == SOURCE
    with pytest.raises(Gone, match=r"crate\.py: there is no such module"):
        mutant(module="crate.py").source(tmp_path)
