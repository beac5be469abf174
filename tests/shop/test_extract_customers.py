"""What the statements are asked with."""

from typing import Any

import pytest

from emr_jobs.core import settings
from emr_jobs.frame.job_run import JobRun
from pipeline_assets.home import ROOT
from shop.extract_customers import statements
from tests.shop import SHOP


@pytest.mark.parametrize(
    ("day", "end"),
    [
        ("2026-11-21", "2026-11-22 05:00:00"),
        ("2026-03-08", "2026-03-09 04:00:00"),
        ("2026-11-01", "2026-11-02 05:00:00"),
    ],
)
def test_statements_are_asked_of_the_day_and_its_end_in_utc(day: str, end: str) -> None:
    values: Any = settings.load(str(ROOT / "settings" / "local.toml"))
    unused: Any = None
    job = SHOP.job("extract_customers")
    run = JobRun(
        job, SHOP, SHOP.calendar.partition(day), values, "run", 0, False, unused, unused, wap_id="", replaced=None
    )
    asked = [(each.contract.id, each.parameters, each.sql.count("?")) for each in statements(run)]
    assert asked == [
        ("intermediate.customers", (end, day), 2),
        ("intermediate.fx_rates", (day, day, day), 3),
    ]
