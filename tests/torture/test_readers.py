"""What readers may have seen: whole days in their order, and nothing else."""

from typing import Any

import pytest

from tests.torture.readers import PART, SEARCH, Known, Reader, faults

A, B = ("1 of a", "2 of a", "same"), ("1 of b", "same")
KNOWN = Known({"a": {SEARCH: A}, "b": {SEARCH: B}})


class Answers:
    """What readers are answered, one after the other."""

    def __init__(self, *answers: Any) -> None:
        self._answers = iter(answers)

    def read(self) -> dict[str, tuple[str, ...]]:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return {SEARCH: answer}


def seen(*answers: Any) -> Reader:
    reader = Reader(KNOWN, Answers(*answers))  # type: ignore[arg-type]
    for _ in answers:
        reader.look()
    return reader


def test_the_old_day_then_the_new_one() -> None:
    assert faults(seen(A, A, B, B), {SEARCH: ["a", "b"]}) == []


@pytest.mark.parametrize(
    ("answers", "walk"), [((A, A), "a"), ((B,), "b"), ((A, B, A), "a -> b -> a"), ((A, B, A, B), "a -> b -> a -> b")]
)
def test_any_other_walk_is_a_fault(answers: tuple[Any, ...], walk: str) -> None:
    assert faults(seen(*answers), {SEARCH: ["a", "b"]}) == [f"{SEARCH}: readers saw {walk}, expected a -> b"]


def test_a_part_of_a_day_is_described() -> None:
    walked, described = faults(seen(A, A[:2] + B[:1] + ("odd",), B), {SEARCH: ["a", "b"]})
    assert walked == f"{SEARCH}: readers saw a -> {PART} -> b, expected a -> b"
    assert described == f"{SEARCH}: 4 rows: 2 of a's 3, 1 of b's 2, 1 of none ['odd']"


@pytest.mark.parametrize("rows", [(), A + A, A + B], ids=["no rows", "a day twice", "two days"])
def test_no_day_is_a_part_too(rows: tuple[str, ...]) -> None:
    assert len(faults(seen(A, rows, B), {SEARCH: ["a", "b"]})) == 2


def test_an_error_is_what_a_reader_sees() -> None:
    assert faults(seen(A, KeyError("gone"), B), {SEARCH: ["a", "b"]}) == ["an error: KeyError: 'gone'"]
