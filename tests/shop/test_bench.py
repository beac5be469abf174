"""The scripts that this project is measured beside do the same: else their figures say nothing."""

import pytest

from bench import day
from pipeline_assets.home import ROOT


@pytest.mark.usefixtures("package_index", "processes")
def test_every_script_gives_the_facts_sales_rejects_and_documents_of_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_PROFILES", str(ROOT / "settings"))
    measured = day.bench(300, times=0)
    assert [side.name for side in measured.sides] == [day.OURS, *day.PEERS]
