"""A column is read as its values are one by one, where Arrow reads it and where Python does."""

from collections.abc import Callable
from typing import Any

import pytest

from emr_jobs.contracts.reading import Field, Rule
from emr_jobs.reading.columns import column_reader
from emr_jobs.reading.values import day, decimals, instant, is_blank, text, whole

SECONDS = (
    "Z",
    ".5Z",
    ".123456Z",
    ".1234567Z",
    ".999999999Z",
    ".1234567+05:30",
    "-18:00",
    "+18:00",
    "+18:01",
    "+0100",
    "",
)
TEXTS = {
    Rule.TEXT: ["a", " a ", "", "  ", "\t", "é", "\u00a0"],
    Rule.INSTANT: [
        *(f"2026-11-21T10:00:00{end}" for end in SECONDS),
        *("2026-11-21 10:00:00Z", "2026-11-21T10:00Z", "2026-02-30T10:00:00Z", "2026-11-21T24:00:00Z", "today", " "),
        *("0000-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01"),
        *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999-00:01", " 2026-11-21T10:00:00Z "),
    ],
    Rule.DATE: ["2026-11-21", " 2026-11-21 ", "2026-02-30", "0000-12-31", "0001-01-01", "9999-12-31", "20261121", ""],
    Rule.WHOLE: ["0", "-7", " 7 ", "7.0", "07", "+7", "1e2", "9" * 18, "1" * 19, "1.5", "seven", "", "-0"],
    Rule.AMOUNT: [
        *("0.125", "-0.125", "0.135", "1.005", " 7 ", "1e2", "+7", ".5", "7.", "07", "NaN", "1e-400", "1e400", ""),
        *("9999999999999999.994", "9999999999999999.995", "-9999999999999999.995", "9" * 39, f"0.{'1' * 50}"),
        *("10000000000000000", "9999999999999999"),
    ],
}
NUMBERS = [0.125, -0.125, 1.005, 2.675, 0.135, 7, -0.0, 1e-300, 9999999999999998.0, 1e16, -1e16, 2**53 + 1, 1e300]

RULES: dict[Rule, Callable[[Any], Any]] = {
    Rule.TEXT: text,
    Rule.INSTANT: instant,
    Rule.DATE: day,
    Rule.WHOLE: whole,
    Rule.AMOUNT: decimals(18, 2),
}
COLUMNS = [
    *TEXTS.items(),
    (Rule.AMOUNT, NUMBERS),
    (Rule.WHOLE, [0, -7, 2**63 - 1]),
]


@pytest.mark.parametrize(("rule", "values"), COLUMNS, ids=lambda value: value if isinstance(value, Rule) else "")
def test_a_column_is_read_as_its_values(rule: Rule, values: list[Any]) -> None:
    """Each by itself, too: one that Arrow refuses would have Python read all."""
    one = RULES[rule]
    read = column_reader(Field("", (), rule, decimal=(18, 2) if rule is Rule.AMOUNT else None), all_text=False)
    columns = [[value] for value in values]
    columns += [[value, None, values[0]] for value in values] + [values]
    for column in columns:
        typed = read(column)
        assert typed.values.to_pylist() == [one(value) for value in column], column
        wrong = [one(value) is None and not is_blank(value) for value in column]
        assert (typed.wrong.to_pylist() if typed.wrong else [False] * len(column)) == wrong, column
        assert typed.too_large is None
