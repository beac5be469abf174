from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Calendar

NEW_YORK = Calendar("America/New_York", time(8), date(2025, 1, 1))
SYDNEY = Calendar("Australia/Sydney", time(6, 30), date(2026, 1, 1))


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-11-21", 24), ("2026-03-08", 23), ("2026-11-01", 25)], ids=["ordinary", "spring", "autumn"]
)
def test_a_day_is_as_long_as_the_new_york_day(day: str, hours: int) -> None:
    partition = NEW_YORK.partition(day)
    assert partition.end - partition.start == timedelta(hours=hours)
    assert partition.start == datetime(*partition.date.timetuple()[:3], 5 if day != "2026-11-01" else 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scheduled", "day"),
    [
        ("2026-11-22T13:00:00Z", "2026-11-21"),
        ("2026-07-02T12:00:00Z", "2026-07-01"),
        ("2026-03-08T12:00:00Z", "2026-03-07"),
        ("2026-11-02T04:59:59Z", "2026-10-31"),
        ("2026-11-02T05:00:00Z", "2026-11-01"),
    ],
)
def test_scheduled_time_belongs_to_the_day_before_it_in_new_york(scheduled: str, day: str) -> None:
    assert NEW_YORK.of_scheduled_time(scheduled) == NEW_YORK.partition(day)


def test_as_of_is_eight_in_new_york_on_the_next_day() -> None:
    assert NEW_YORK.partition("2026-03-07").as_of == datetime(2026, 3, 8, 12, tzinfo=UTC)
    assert NEW_YORK.partition("2026-10-31").as_of == datetime(2026, 11, 1, 13, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-13-01", "2026-1-1", "20261121", "yesterday", "", "2026-11-21T00:00:00Z"])
def test_a_malformed_partition_is_refused_with_the_form_it_should_have(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"expected a New York calendar day as YYYY-MM-DD .* --partition 20"):
        NEW_YORK.partition(text)


@pytest.mark.parametrize("text", ["2026-11-22T13:00:00", "8:00", "2026-11-22"])
def test_a_scheduled_time_needs_an_offset(text: str) -> None:
    with pytest.raises(Misconfigured, match="expected an instant such as 2026-11-22T13:00:00Z"):
        NEW_YORK.of_scheduled_time(text)


def test_a_day_that_has_not_ended_is_refused_and_the_latest_complete_one_is_named() -> None:
    now = datetime(2026, 11, 22, 4, 59, tzinfo=UTC)
    with pytest.raises(Misconfigured, match=r"2026-11-21: the New York day has not ended.*2026-11-20"):
        NEW_YORK.partition("2026-11-21").check(now=now)


def test_a_day_before_the_first_one_is_refused() -> None:
    with pytest.raises(Misconfigured, match="the first one is 2025-01-01"):
        NEW_YORK.partition("2024-12-31").check(now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("read", [NEW_YORK.partition, NEW_YORK.of_scheduled_time])
def test_of_a_long_text_the_first_forty_characters_are_shown(read: Callable[[str], object]) -> None:
    with pytest.raises(Misconfigured, match=rf" '{'x' * 40}': expected "):
        read("x" * 100)


def test_a_day_is_where_its_calendar_is() -> None:
    day = SYDNEY.partition("2026-10-04")  # clocks go forward
    assert (day.start, day.end - day.start) == (datetime(2026, 10, 3, 14, tzinfo=UTC), timedelta(hours=23))
    assert day.as_of == datetime(2026, 10, 4, 19, 30, tzinfo=UTC)
    assert SYDNEY.of_scheduled_time("2026-10-04T19:30:00Z") == day == SYDNEY.latest_complete(day.as_of)
    with pytest.raises(Misconfigured, match="the Sydney day has not ended; the latest complete one is 2026-10-03"):
        day.check(now=day.end - timedelta(seconds=1))
