"""Which indices retention takes, and how many names go into one URL."""

from datetime import UTC, date, datetime, timedelta

import pytest

from emr_jobs.core.errors import Remedy, Unavailable
from emr_jobs.core.settings import Search
from emr_jobs.publish.search import NAMES_BYTES, Index, errors_named, expired, in_urls

NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)
DAY = date(2026, 11, 21)
PUBLISHED, REPLACED = frozenset({"lendings"}), frozenset({"lendings-replaced"})
SETTINGS = Search(url="http://127.0.0.1:9", keep_days=400, keep_previous=2, staged_keep_hours=24)


def make_index(name: str, *, day: date = DAY, aliases: frozenset[str] = PUBLISHED, hours: float = 1) -> Index:
    return Index(name, day, int((NOW - timedelta(hours=hours)).timestamp() * 1000), aliases)


def gone(*indices: Index, now: datetime = NOW) -> list[str]:
    return expired(indices, alias="lendings", replaced_alias="lendings-replaced", settings=SETTINGS, now=now)


def test_of_a_days_replaced_indices_the_newest_stay() -> None:
    replaced = [make_index(name, aliases=REPLACED) for name in ("third", "second", "first")]
    assert gone(make_index("published"), *replaced) == ["first"]


def test_age_holds_for_published_and_for_replaced_indices() -> None:
    oldest, too_old = (DAY - timedelta(days=days) for days in (399, 400))
    indices = [
        make_index(f"{day}-{name}", day=day, aliases=aliases)
        for day in (oldest, too_old)
        for name, aliases in (("published", PUBLISHED), ("replaced", REPLACED), ("both", PUBLISHED | REPLACED))
    ]
    assert gone(make_index("newest"), *indices) == [
        f"{too_old}-published",
        f"{too_old}-replaced",
        f"{too_old}-both",
    ]


def test_what_nobody_published_goes_by_its_own_age_whatever_its_day() -> None:
    old = date(2020, 1, 1)
    young = make_index("young", day=old, aliases=frozenset(), hours=23)
    left = make_index("left", day=old, aliases=frozenset(), hours=25)
    assert gone(make_index("newest"), young, left) == ["left"]


def test_where_nothing_is_published_nothing_is_too_old() -> None:
    assert gone(make_index("replaced", day=date(2020, 1, 1), aliases=REPLACED)) == []


def test_after_500_days_with_two_reruns_each_only_400_days_are_left() -> None:
    indices: list[Index] = []
    for number in range(500):
        day = date(2025, 6, 1) + timedelta(days=number)
        for run in range(3):
            indices = [
                Index(each.name, each.day, each.created_at_ms, REPLACED) if each.day == day else each
                for each in indices
            ]
            indices.insert(0, make_index(f"{day}-{run}", day=day))
            names = set(gone(*indices))
            indices = [each for each in indices if each.name not in names]
    days = [str(each.day) for each in indices if each.aliases == PUBLISHED]
    assert (len(days), days[0], days[-1]) == (400, "2026-10-13", "2025-09-09")
    assert sorted(str(each.day) for each in indices if each.aliases == REPLACED) == sorted(2 * days)


def test_names_go_into_urls_that_are_short_enough() -> None:
    names = [f"lendings-2026-11-21-0123456789ab-{number}" for number in range(140)]
    parts = list(in_urls(names))
    assert [name for part in parts for name in part] == names
    assert len(parts) == 2
    assert max(len(",".join(part)) for part in parts) <= NAMES_BYTES


def test_a_name_that_is_too_long_goes_alone() -> None:
    assert list(in_urls(["a", "b" * NAMES_BYTES, "c"])) == [["a"], ["b" * NAMES_BYTES], ["c"]]


def test_no_name_is_no_request() -> None:
    assert list(in_urls([])) == []


def test_error_that_is_about_no_day_names_none_and_starts_none() -> None:
    """As of `search find` without a node."""
    from opensearchpy.exceptions import ConnectionError as NotConnected

    with pytest.raises(Unavailable) as raised, errors_named(SETTINGS, dataset="find.lending", partition=None):
        raise NotConnected("N/A", "refused", OSError())
    assert str(raised.value) == (
        "find.lending: expected OpenSearch at http://127.0.0.1:9 to answer, found no connection (ConnectionError). "
        "Look at http://127.0.0.1:9/_cluster/health first."
    )
    assert raised.value.remedy is Remedy.NONE
