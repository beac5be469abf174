"""The shop's rules that only a join can see, on a published day and on one that was changed by hand."""

import shutil
from pathlib import Path

from pyspark.sql import SparkSession

from emr_jobs.core import settings as settings_module
from pipeline_assets import lake
from pipeline_assets.checks.joins import answers_of, judge_rules
from tests.running import Day, session_for
from tests.shop import SHOP

FACTS = SHOP.contracts["final.order_facts"]


def test_facts_agree_with_their_inputs(shop_day: Day, spark: SparkSession) -> None:
    verdict = judge_rules(answers_of(session_for(spark, shop_day.settings), SHOP, FACTS, shop_day.partition))
    assert (verdict.passed, verdict.found) == (True, "fx_rate_known 0, same_orders 0, net_matches_items 0")


def test_an_order_that_is_missing_is_found_by_its_id_and_by_its_amount(
    shop_day: Day, spark: SparkSession, tmp_path: Path
) -> None:
    """In a copy of the lake's catalogue: what is committed through it, nobody else sees."""
    shutil.copy(str(shop_day.settings.lake.uri), tmp_path / "catalog.db")
    settings = settings_module.load(shop_day.settings_with(tmp_path, lake={"uri": str(tmp_path / "catalog.db")}))
    facts = lake.catalog(settings).load_table(FACTS.id)
    first = facts.scan(selected_fields=("order_id", "net_amount"), row_filter="net_amount > 0").to_arrow().slice(0, 1)
    (lost,) = first.to_pylist()
    facts.delete(f"order_id == '{lost['order_id']}'")
    verdict = judge_rules(answers_of(session_for(spark, settings), SHOP, FACTS, shop_day.partition))
    assert verdict.expected == "fx_rate_known 0, same_orders 0, net_matches_items 0"
    amount = f"-{lost['net_amount'].normalize():f}"
    assert verdict.found == f"same_orders 1 ({lost['order_id']}), net_matches_items {amount}"


def test_an_amount_in_usd_comes_from_lines_and_rates() -> None:
    (column,) = [column for column in FACTS.columns if column.name == "net_amount_usd"]
    assert set(column.lineage) == {
        ("intermediate.order_items", "line_gross"),
        ("intermediate.order_items", "discount"),
        ("intermediate.fx_rates", "usd_rate"),
    }
