"""What the Dagster UI shows of the graph, of a day that was published and of one that failed."""

import re

import dagster as dg
from playwright.sync_api import Locator, Page, expect

from emr_jobs.contracts import Contract
from emr_jobs.publish.preview import is_shown
from pipeline_assets.definitions import defs
from tests.running import Day
from tests.shop import SHOP
from tests.ui.conftest import FailedDay, Picture

KINDS = {
    "s3": {"S3", "json"},
    "snowflake": {"Snowflake"},
    "web_api": {"rest"},
    "intermediate": {"PySpark", "Iceberg"},
    "final": {"PySpark", "Iceberg"},
    "search": {"PySpark", "opensearch"},
}
FACETS_LEFT_OUT = ("Sync status tags", "Latest event", "Status", "Automation", "Partitions")


def test_the_lineage_shows_every_dataset_with_its_kinds_and_checks(page: Page, ui: str, picture: Picture) -> None:
    datasets = SHOP.contracts.values()
    page.set_viewport_size({"width": 1400, "height": 1180})  # in a smaller window the nodes show their names only
    groups = ",".join(f"global@global:{layer}" for layer in sorted({each.layer for each in datasets}))
    page.goto(f"{ui}/asset-groups?expanded={groups}")
    hide_navigation(page)
    page.get_by_label("panel_show_right").click()
    choose_facets(page)
    fit_into_window(page)

    nodes = page.locator("foreignObject > div").filter(has_text="Asset checks")
    expect(nodes).to_have_count(len(datasets))
    expect(nodes.filter(has_text="Passed")).to_have_count(len([each for each in datasets if each.checks]))
    shown = [node.split("\n") for node in nodes.all_inner_texts()]
    assert sorted((name, sorted(kinds)) for name, _, _, *kinds in shown) == sorted(
        (each.name, sorted(KINDS[each.layer])) for each in datasets
    )
    for name, _, checks, *kinds in shown:
        (contract,) = [each for each in datasets if (each.name, KINDS[each.layer]) == (name, set(kinds))]
        assert checks == verdicts(contract), contract.id
    edges = page.locator("path[marker-end]")
    expect(edges).to_have_count(sum(len(each.upstream) for each in datasets))
    picture("graph")


def test_a_partition_shows_what_its_run_published(page: Page, ui: str, published_day: Day, picture: Picture) -> None:
    page.set_viewport_size({"width": 1400, "height": 1400})  # all of its metadata
    page.goto(f"{ui}/assets/final/order_facts?view=partitions&partition={published_day.partition}")
    hide_navigation(page)
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    expect(metadata(page, "dagster/row_count")).to_contain_text(str(published_day.truth["orders"]))
    expect(metadata(page, "origin")).to_contain_text("local")
    (snapshot,) = re.findall(r"^final\.order_facts .* passed +(\d+)", published_day.said, re.MULTILINE)
    expect(metadata(page, "snapshot_id")).to_contain_text(snapshot)

    preview = metadata(page, "preview")
    expect(preview.get_by_text(re.compile(r"^O-\d{6}-\d{7}$")).first).to_be_visible()
    columns = SHOP.contracts["final.order_facts"].columns
    for column in columns:
        expect(preview.get_by_text(column.name, exact=True)).to_have_count(1 if is_shown(column) else 0)
    picture("materialization")


def test_a_failed_check_says_what_was_expected_and_found(page: Page, failed_day: FailedDay, picture: Picture) -> None:
    page.goto(f"{failed_day.ui}/assets/intermediate/orders?view=checks")
    hide_navigation(page)
    page.get_by_text("rejected_share", exact=True).first.click()
    expect(page.get_by_text("This is a blocking asset check.")).to_be_visible()
    expect(page.get_by_text("Failed", exact=True).last).to_be_visible()
    expect(page.get_by_text(failed_day.partition, exact=True)).to_be_visible()
    expect(metadata(page, "expected")).to_contain_text("at most 0.01")
    expect(metadata(page, "found")).to_contain_text(f"{failed_day.rejected / failed_day.lines:g}")
    page.get_by_text("Plots", exact=True).click()  # of numbers, which it has none of
    picture("failed-check")


def hide_navigation(page: Page) -> None:
    page.get_by_text("Hide navigation").click()


def choose_facets(page: Page) -> None:
    page.get_by_label("config").click()
    dialog = page.get_by_role("dialog")
    for facet in FACETS_LEFT_OUT:
        dialog.get_by_text(facet, exact=True).first.click()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)


def fit_into_window(page: Page) -> None:
    """Dagster fits the width by a double click on the background, and leaves the uppermost line outside."""
    page.mouse.dblclick(760, 1150)
    page.get_by_text("order_facts", exact=True).click(trial=True)  # waits until it stands still
    page.mouse.move(760, 900)
    page.mouse.down()
    page.mouse.move(760, 980)
    page.mouse.up()
    page.get_by_text("order_facts", exact=True).click(trial=True)
    page.mouse.move(0, 0)  # off the node, whose edges are drawn twice


def verdicts(contract: Contract) -> str:
    """Those of its job passed; the others look at what is published, in a job of their own that did not run."""
    if not contract.checks:
        return "–"  # noqa: RUF001 - Dagster's dash
    key = dg.AssetKey([contract.layer, contract.name])
    known = [check for check in defs.resolve_asset_graph().asset_check_keys if check.asset_key == key]
    of_the_job = len(contract.checks)
    return f"{of_the_job} Passed" if of_the_job == len(known) else f"{of_the_job} / {len(known)} Passed"


def metadata(page: Page, name: str) -> Locator:
    """The row of a table of metadata."""
    return page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True)).last
