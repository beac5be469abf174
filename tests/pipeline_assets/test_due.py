"""Which day is due, and what is said of it; that it is asked of tables and index is test_published_checks."""

from datetime import UTC, date, datetime

import dagster as dg
import pytest
from dagster import build_run_status_sensor_context
from dagster._core.test_utils import create_run_for_test

from emr_jobs.core import settings as settings_module
from emr_jobs.publish import versions
from pipeline_assets.checks.due import Shown, judge_due
from pipeline_assets.checks.verdict import result
from pipeline_assets.definitions import definitions
from pipeline_assets.promised import due_day
from pipeline_assets.remedies import PRODUCTION
from pipeline_assets.sensors.late_days import late_days_sensor
from tests.domains import LIBRARY, LOCAL

LENDING = LIBRARY.contracts["marts.lending"]  # by 8:15 in Berlin
CALENDAR = LIBRARY.calendar
DAY = CALENDAR.partition("2026-11-21")
LATE = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)  # two hours after its hour


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 11, 22, 7, 14, 59, tzinfo=UTC), "2026-11-20"),
        (datetime(2026, 11, 22, 7, 15, tzinfo=UTC), "2026-11-21"),
        (datetime(2026, 11, 22, 22, 59, tzinfo=UTC), "2026-11-21"),
        (datetime(2026, 11, 22, 23, 1, tzinfo=UTC), "2026-11-21"),  # the next local day
        (datetime(2026, 10, 25, 7, 14, tzinfo=UTC), "2026-10-23"),  # summer time ended that night
        (datetime(2026, 10, 25, 7, 15, tzinfo=UTC), "2026-10-24"),
        (datetime(2026, 10, 24, 6, 15, tzinfo=UTC), "2026-10-23"),
    ],
)
def test_the_day_that_is_due_is_the_newest_whose_hour_has_come_where_the_domain_is(now: datetime, due: str) -> None:
    assert str(due_day(LENDING, CALENDAR, now)) == due


def test_a_day_that_readers_have_passes_and_says_by_which_run() -> None:
    verdict = judge_due(LENDING, DAY, Shown("r1 attempt 0", datetime(2026, 11, 22, 6, 40, tzinfo=UTC)), now=LATE)
    assert (verdict.passed, verdict.expected, verdict.found, verdict.numbers) == (
        True,
        "2026-11-21, due since 2026-11-22 08:15 Berlin",
        "2026-11-21 by run r1 attempt 0, since 2026-11-22 07:40 Berlin",
        {"hours_late": 0.0},
    )


def test_a_day_that_came_late_passes_with_its_hours() -> None:
    verdict = judge_due(LENDING, DAY, Shown("r1 attempt 0", datetime(2026, 11, 22, 7, 45, tzinfo=UTC)), now=LATE)
    assert (verdict.passed, verdict.numbers) == (True, {"hours_late": 0.5})


def test_a_day_of_which_the_time_is_not_on_record_has_no_hours() -> None:
    assert judge_due(LENDING, DAY, Shown("r1 attempt 0", None), now=LATE).numbers == {}


def test_a_day_that_nobody_can_read_fails_and_says_what_to_type() -> None:
    verdict = judge_due(LENDING, DAY, None, now=LATE)
    assert (verdict.passed, verdict.numbers) == (False, {"hours_late": 2.0})
    said = result(LENDING, "day_that_is_due", verdict, partition=str(DAY), place=PRODUCTION).description
    assert said == (
        "expected 2026-11-21, due since 2026-11-22 08:15 Berlin, found nothing of 2026-11-21 that can be read. "
        "See whether its run failed or still runs. To run it again: pipeline trigger --partition 2026-11-21 --rerun"
    )


def test_before_the_first_day_nothing_is_due() -> None:
    before = CALENDAR.of(date.fromordinal(CALENDAR.start.toordinal() - 1))
    assert judge_due(LENDING, before, None, now=LATE).passed


def test_readers_have_a_day_since_its_first_publication_however_often_it_was_run_again() -> None:
    def published(number: int, day: str, at: datetime) -> dict[str, object]:
        summary = {"published-wap-id": f"{day}.r{number}.0.x"}
        at_ms = int(at.timestamp() * 1000)
        return {"snapshot-id": number, "parent-snapshot-id": number - 1, "timestamp-ms": at_ms, "summary": summary}

    first = datetime(2026, 11, 22, 6, 40, tzinfo=UTC)
    snapshots = [published(1, str(DAY), first), published(2, "2026-11-20", LATE), published(3, str(DAY), LATE)]
    metadata = {"current-snapshot-id": 3, "snapshots": snapshots}
    assert versions.first_published(metadata, DAY) == first
    assert versions.first_published(metadata, CALENDAR.partition("2026-11-19")) is None


def test_a_run_of_the_day_that_is_due_has_it_judged_anew_and_one_of_an_older_day_does_not() -> None:
    settings = settings_module.load(str(LOCAL))
    defs = definitions(str(LOCAL))
    daily, due = defs.resolve_job_def("daily"), defs.resolve_job_def("days_that_are_due")
    sensor = late_days_sensor(settings, daily=daily, due=due)  # type: ignore[arg-type]
    now = due_day(LENDING, CALENDAR, datetime.now(UTC))
    with dg.DagsterInstance.ephemeral() as instance:

        def answered(day: str) -> dg.RunRequest | dg.SkipReason:
            run = create_run_for_test(instance, tags={"dagster/partition": day}, status=dg.DagsterRunStatus.SUCCESS)
            event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "daily")
            return sensor(build_run_status_sensor_context("late_days", event, instance, run))  # type: ignore[no-any-return]

        assert isinstance(answered(str(now)), dg.RunRequest)
        assert isinstance(answered(str(DAY)), dg.SkipReason) or str(DAY) == str(now)
