"""The state machines' partition is the jobs' own, on every day that they take."""

from datetime import date, timedelta
from typing import Any

import pytest

from pipeline_assets.deployment import deployment
from pipeline_assets.home import deployment_settings
from pipeline_assets.production.generate.asl import Path
from pipeline_assets.production.generate.day_before import YEARS, calendar, partition_states
from tests.domains import LIBRARY
from tests.pipeline_assets.production.generate.intrinsics import run


@pytest.fixture(scope="module")
def machines() -> dict[str, Any]:
    return deployment(deployment_settings()).definitions


def test_every_day_of_forty_years_is_the_day_that_the_jobs_make() -> None:
    first, states = partition_states(Path("$.day"), 2025, next_state="Done")
    carried = {"calendar": calendar(2025)}
    days = [
        date(2025, 1, 1) + timedelta(days=number)
        for number in range((date(2025 + YEARS, 1, 1) - date(2025, 1, 1)).days)
    ]
    assert len(days) == 14_610
    wrong = {
        str(day): found
        for day in days
        if (found := run(states, first, {**carried, "day": str(day)}, until="Done")["of"]["partition"])
        != str(LIBRARY.calendar.of(day - timedelta(days=1)))
    }
    assert wrong == {}


def test_the_machines_carry_that_calendar_and_these_states(machines: dict[str, Any]) -> None:
    """The same in each, but for where the date stands and what comes after."""
    start = LIBRARY.calendar.start.year
    for name, first in (("daily", "GiveDefaults"), ("reaper", "ReadEvent"), ("watch", "ReadInput")):
        states = machines[name]["States"]
        assert states[first]["Parameters"]["calendar"] == calendar(start), name
        assert {"ReadDate", "IsFirstOfMonth", "MonthBefore", "SameMonth"} <= states.keys(), name
    scheduled = LIBRARY.calendar.partition("2028-02-29").as_of
    data = {"calendar": calendar(start), "run": {"scheduled_time": f"{scheduled:%Y-%m-%dT%H:%M:%SZ}"}}
    found = run(machines["daily"]["States"], "ReadDate", data, until="Select")
    assert found["of"] == {"partition": "2028-02-29"}
