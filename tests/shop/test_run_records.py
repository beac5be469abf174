"""What Dagster has on record of the shop's own counts after a run."""

import dagster as dg
import pytest

from tests.lineage_events import assert_whole, read
from tests.running import Day
from tests.shop import SHOP


def test_rejects_duplicates_and_test_orders_are_counted(shop_day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(shop_day.home / "dagster"))
    wanted = dg.AssetRecordsFilter(
        asset_key=dg.AssetKey(["intermediate", "orders"]), asset_partitions=[shop_day.partition]
    )
    with dg.DagsterInstance.get() as instance:
        (event,) = instance.fetch_materializations(wanted, limit=1).records
    assert event.asset_materialization is not None
    counted = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    planted = shop_day.truth["planted"]
    assert counted["lines"] == shop_day.truth["lines"]
    assert counted["dagster/row_count"] == shop_day.truth["orders"]
    assert counted["test_orders"] == planted["test"]
    assert counted["duplicates"] == planted["duplicate"]


def test_openlineage_has_every_dataset_with_columns_lineage_and_checks(shop_day: Day) -> None:
    assert_whole(read(shop_day.home / "lineage"), SHOP)
