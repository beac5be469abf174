"""Days against their promised hour: what is said of each, and that it is asked of tables and index."""

from datetime import UTC, datetime, timedelta

import pytest

from emr_jobs.core.errors import Misconfigured
from emr_jobs.publish.search import Index
from emr_jobs.publish.versions import Publication, Publications
from pipeline_assets import slo
from pipeline_assets.lake import as_json, catalog, opened
from pipeline_assets.slo import Day, Facts, Kept, Record, due_days, judge, loads
from tests.domains import LIBRARY
from tests.running import Day as PublishedDay
from tests.running import typed

LENDING = LIBRARY.contracts["marts.lending"]  # by 8:15 in Berlin
REJECTS = LIBRARY.contracts["staged.rejected_loans"]
CALENDAR = LIBRARY.calendar
DAY = CALENDAR.partition("2026-11-21")
DUE = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
NOW = DUE + timedelta(hours=5)


def by(run: str, *, minutes: int) -> Publication:
    """After the hour."""
    return Publication(DUE + timedelta(minutes=minutes), f"{DAY}.{run}.0.x")


def facts(*known: Publication, from_the_first: bool = True, has_rows: bool = True, deleted: bool = False) -> Facts:
    return Facts(Publications(known, from_the_first), has_rows=has_rows, deleted=deleted)


ON_TIME, AT_ITS_HOUR, LATE = by("r1", minutes=-35), by("r1", minutes=0), by("r1", minutes=90)
FIXED = by("r2", minutes=200)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (facts(ON_TIME), (Kept.ON_TIME, ON_TIME.at, None, None)),
        (facts(AT_ITS_HOUR), (Kept.ON_TIME, AT_ITS_HOUR.at, None, None)),
        (facts(LATE), (Kept.LATE, LATE.at, 1.5, None)),
        (facts(ON_TIME, FIXED), (Kept.ON_TIME, ON_TIME.at, None, FIXED.at)),
        (facts(LATE, FIXED), (Kept.LATE, LATE.at, 1.5, FIXED.at)),
        (facts(ON_TIME, by("r1", minutes=5)), (Kept.ON_TIME, ON_TIME.at, None, None)),
        (facts(ON_TIME, from_the_first=False), (Kept.ON_TIME, None, None, None)),
        (facts(LATE, from_the_first=False), (Kept.UNKNOWN, None, None, None)),
        (facts(from_the_first=False), (Kept.UNKNOWN, None, None, None)),
        (facts(has_rows=True), (Kept.UNKNOWN, None, None, None)),
        (facts(has_rows=False, deleted=True), (Kept.UNKNOWN, None, None, None)),
        (facts(has_rows=False), (Kept.MISSING, None, 5.0, None)),
    ],
    ids=[
        "on time",
        "at its hour",
        "late",
        "on time and repaired",
        "late and repaired",
        "again by the same run",
        "on time even if it was there before",
        "late unless it was there before",
        "published, when has expired",
        "rows of a run without a record",
        "deleted by its contract",
        "missing",
    ],
)
def test_a_day(found: Facts, expected: tuple[object, ...]) -> None:
    judged = judge(LENDING, DAY, found, now=NOW)
    assert (judged.kept, judged.since, judged.hours_late, judged.repaired_at) == expected
    assert (judged.day, judged.due_at) == (str(DAY), DUE)
    assert (judged.why is not None) == (judged.kept is Kept.UNKNOWN)


def test_why_a_day_is_unknown_is_said() -> None:
    assert judge(REJECTS, DAY, facts(has_rows=False, deleted=True), now=NOW).why == (
        "deleted after 30 days, as its contract says"
    )
    assert judge(LENDING, DAY, facts(LATE, from_the_first=False), now=NOW).why == (
        "published before its oldest snapshot, when is not on record"
    )


def test_the_days_that_are_due_end_with_the_newest_whose_hour_has_come_and_begin_with_the_domain() -> None:
    asked = due_days(LENDING, CALENDAR, days=3, now=DUE - timedelta(seconds=1))
    assert [str(day) for day in asked] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert due_days(LENDING, CALENDAR, days=9999, now=DUE)[0].date == CALENDAR.start


def test_a_record_counts_its_days_and_the_worst_delay_is_of_those_that_came() -> None:
    judged = [
        judge(LENDING, DAY, each, now=NOW) for each in (facts(ON_TIME, FIXED), facts(LATE), facts(has_rows=False))
    ]
    record = Record("marts.lending", "08:15", tuple(judged))
    counted = {kept: record.count(kept) for kept in Kept}
    assert counted == {Kept.ON_TIME: 1, Kept.LATE: 1, Kept.MISSING: 1, Kept.UNKNOWN: 0}
    assert (record.repaired, record.worst_hours_late) == (1, 1.5)
    assert Record("marts.lending", "08:15", ()).worst_hours_late is None


def test_of_an_index_the_first_load_is_known_unless_as_many_are_kept_as_may_be() -> None:
    at_ms = [1000, 2000, 3000]
    runs = ["a" * 12, "b" * 12, "b" * 12]
    indices = [
        Index(f"lendings-{DAY}-{run}-0{tail}", DAY.date, ms, frozenset())
        for run, ms, tail in zip(runs, at_ms, ("", "", "-2"), strict=True)
    ]
    of_two = loads(indices[:2], keep_previous=2)
    assert ([each.run for each in of_two.known], of_two.from_the_first) == (runs[:2], True)
    of_all = loads(indices, keep_previous=2)
    assert ([each.at.timestamp() for each in of_all.known], of_all.from_the_first) == ([1.0, 2.0, 3.0], False)
    assert [each.run for each in of_all.known] == runs


def test_tables_and_index_have_the_published_day_as_long_as_their_records_say(published_day: PublishedDay) -> None:
    settings, day, now = published_day.settings, CALENDAR.partition(published_day.partition), datetime.now(UTC)
    back = (now.date() - day.date).days + 2
    found = slo.records(settings, days=back, now=now)
    assert [each.dataset for each in found] == [each.id for each in LIBRARY.contracts.values() if each.available_by]
    of_day: dict[str, Day] = {each.dataset: one for each in found for one in each.days if one.day == str(day)}
    assert of_day.keys() == {each.dataset for each in found}
    log = as_json(opened(catalog(settings), LENDING).metadata)["snapshot-log"]
    lending = of_day["marts.lending"]
    assert lending.since is not None
    assert round(lending.since.timestamp() * 1000) in {each["timestamp-ms"] for each in log}
    hours = (lending.since - lending.due_at) / timedelta(hours=1)
    assert (lending.kept, lending.hours_late) == (Kept.LATE, round(hours, 2))

    answered = typed("slo", "--days", str(back), "--json", home=published_day.home).json
    assert [each["dataset"] for each in answered] == [each.dataset for each in found]
    (shown,) = [each for each in answered if each["dataset"] == "marts.lending"]
    assert (shown["late"], shown["days"][0]["since"]) == (1, lending.since.isoformat())
    table = typed("slo", "--days", str(back), home=published_day.home).out.splitlines()
    assert table[0].split("  ")[0] == "dataset"
    assert [line.split()[0] for line in table[1 : len(found) + 1]] == [each.dataset for each in found]


def test_a_dataset_that_promises_no_hour_is_refused_by_name(published_day: PublishedDay) -> None:
    with pytest.raises(Misconfigured, match=r"staged\.nothing: expected a dataset whose contract promises an hour"):
        slo.records(published_day.settings, days=3, dataset="staged.nothing", now=NOW)
