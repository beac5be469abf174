"""When a schedule fires: at its local time, over both clock changes."""

from datetime import UTC, datetime

import pytest

from local_stack.aws.scheduler import fires

EIGHT = "cron(0 8 * * ? *)"


def between(expression: str, timezone: str, first: str, last: str) -> list[str]:
    after, until = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (first, last))
    return [f"{at:%Y-%m-%dT%H:%MZ}" for at in fires(expression, timezone, after, until)]


def test_eight_in_new_york_over_the_spring_change() -> None:
    assert between(EIGHT, "America/New_York", "2026-03-07", "2026-03-09") == ["2026-03-07T13:00Z", "2026-03-08T12:00Z"]


def test_eight_in_new_york_over_the_autumn_change() -> None:
    assert between(EIGHT, "America/New_York", "2026-10-31", "2026-11-02") == ["2026-10-31T12:00Z", "2026-11-01T13:00Z"]


def test_time_in_the_gap_is_left_out_and_in_the_fold_comes_once() -> None:
    half_past_two = "cron(30 2 * * ? *)"
    assert between(half_past_two, "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00") == []
    assert between(half_past_two, "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T12:00") == ["2026-10-25T00:30Z"]


@pytest.mark.parametrize("expression", ["rate(1 day)", "cron(0 8 * * *)", "cron(0 25 * * ? *)"])
def test_what_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"cron|fields|outside"):
        between(expression, "UTC", "2026-01-01", "2026-01-02")
