"""What a bound lets pass, at its limit and on both sides of it, and how it is said."""

import pytest

from emr_jobs.contracts.model import Bound


@pytest.mark.parametrize(
    ("bound", "allowed", "said"),
    [
        (Bound("mustBe", 2.0), {2.0}, "2"),
        (Bound("mustBeGreaterThan", 2.0), {2.5, 3.0}, "more than 2"),
        (Bound("mustBeGreaterOrEqualTo", 2.0), {2.0, 2.5, 3.0}, "at least 2"),
        (Bound("mustBeLessThan", 2.0), {1.0, 1.5}, "less than 2"),
        (Bound("mustBeLessOrEqualTo", 2.0), {1.0, 1.5, 2.0}, "at most 2"),
        (Bound("mustBeBetween", (1.5, 2.5)), {1.5, 2.0, 2.5}, "1.5 to 2.5"),
    ],
    ids=lambda value: value.operator if isinstance(value, Bound) else "",
)
def test_a_bound_allows_what_it_says(bound: Bound, allowed: set[float], said: str) -> None:
    assert {value for value in (1.0, 1.5, 2.0, 2.5, 3.0) if bound.allows(value)} == allowed
    assert str(bound) == said
