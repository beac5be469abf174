from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from emr_jobs.errors import Misconfigured
from emr_jobs.partition import Partition


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-11-21", 24), ("2026-03-08", 23), ("2026-11-01", 25)], ids=["ordinary", "spring", "autumn"]
)
def test_a_day_is_as_long_as_the_new_york_day(day: str, hours: int) -> None:
    partition = Partition.parse(day)
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
    assert Partition.from_scheduled_time(scheduled) == Partition.parse(day)


def test_as_of_is_eight_in_new_york_on_the_next_day() -> None:
    assert Partition.parse("2026-03-07").as_of == datetime(2026, 3, 8, 12, tzinfo=UTC)
    assert Partition.parse("2026-10-31").as_of == datetime(2026, 11, 1, 13, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-13-01", "2026-1-1", "20261121", "yesterday", "", "2026-11-21T00:00:00Z"])
def test_a_malformed_partition_is_refused_with_the_form_it_should_have(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"expected a New York calendar day as YYYY-MM-DD .* --partition 20"):
        Partition.parse(text)


@pytest.mark.parametrize("text", ["2026-11-22T13:00:00", "8:00", "2026-11-22"])
def test_a_scheduled_time_needs_an_offset(text: str) -> None:
    with pytest.raises(Misconfigured, match="expected an instant such as 2026-11-22T13:00:00Z"):
        Partition.from_scheduled_time(text)


def test_a_day_that_has_not_ended_is_refused_and_the_latest_complete_one_is_named() -> None:
    now = datetime(2026, 11, 22, 4, 59, tzinfo=UTC)
    with pytest.raises(Misconfigured, match=r"2026-11-21: the New York day has not ended.*2026-11-20"):
        Partition.parse("2026-11-21").check(first=date(2025, 1, 1), now=now)


def test_a_day_before_the_first_one_is_refused() -> None:
    with pytest.raises(Misconfigured, match="the first one is 2025-01-01"):
        Partition.parse("2024-12-31").check(first=date(2025, 1, 1), now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("read", [Partition.parse, Partition.from_scheduled_time])
def test_of_a_long_text_the_first_forty_characters_are_shown(read: Callable[[str], Partition]) -> None:
    with pytest.raises(Misconfigured, match=rf" '{'x' * 40}': expected "):
        read("x" * 100)
