"""What the Dagster UI shows of the graph, of a day that was published and of one that failed."""

import re

import dagster as dg
from playwright.sync_api import Page, expect

from emr_jobs.contracts import Contract
from emr_jobs.publish.preview import is_shown
from pipeline_assets.definitions import defs
from tests.domains import LIBRARY
from tests.running import Day
from tests.ui.browser import Picture, metadata, open_check, open_lineage, open_partition
from tests.ui.conftest import LOANS, FailedDay

KINDS = {
    "files": {"S3"},  # and csv, a sign without a word
    "snowflake": {"Snowflake"},
    "http": {"rest"},
    "staged": {"PySpark", "Iceberg"},
    "marts": {"PySpark", "Iceberg"},
    "find": {"PySpark", "opensearch"},
}


def test_the_lineage_shows_every_dataset_with_its_kinds_and_checks(page: Page, ui: str, picture: Picture) -> None:
    datasets = LIBRARY.contracts.values()
    nodes = open_lineage(page, ui, LIBRARY, settled="branch_days")
    expect(nodes).to_have_count(len(datasets))
    expect(nodes.filter(has_text="Passed")).to_have_count(len([each for each in datasets if each.checks]))
    shown = [node.split("\n") for node in nodes.all_inner_texts()]
    assert sorted((name, sorted(kinds)) for name, _, _, *kinds in shown) == sorted(
        (each.name, sorted(KINDS[each.layer])) for each in datasets
    )
    expect(nodes.get_by_role("img", name="csv", exact=True)).to_have_count(1)
    for name, _, checks, *kinds in shown:
        (contract,) = [each for each in datasets if (each.name, KINDS[each.layer]) == (name, set(kinds))]
        assert checks == verdicts(contract), contract.id
    edges = page.locator("path[marker-end]")
    expect(edges).to_have_count(sum(len(LIBRARY.upstream_of(each)) for each in datasets))
    picture("graph")


def test_a_partition_shows_what_its_run_published(page: Page, ui: str, published_day: Day, picture: Picture) -> None:
    open_partition(page, ui, "marts.lending", published_day.partition)
    expect(metadata(page, "dagster/row_count")).to_contain_text(str(published_day.truth["loans"]))
    expect(metadata(page, "origin")).to_contain_text("local")
    (snapshot,) = re.findall(r"^marts\.lending .* passed +(\d+)", published_day.said, re.MULTILINE)
    expect(metadata(page, "snapshot_id")).to_contain_text(snapshot)

    preview = metadata(page, "preview")
    expect(preview.get_by_text(re.compile(r"^L\d{6}-\d{5}$")).first).to_be_visible()
    columns = LIBRARY.contracts["marts.lending"].columns
    assert not all(is_shown(column) for column in columns)
    for column in columns:
        expect(preview.get_by_text(column.name, exact=True)).to_have_count(1 if is_shown(column) else 0)
    picture("materialization")


def test_a_failed_check_says_what_was_expected_and_found(page: Page, failed_day: FailedDay, picture: Picture) -> None:
    open_check(page, failed_day.ui, "staged.loans", "rejected_share")
    expect(page.get_by_text("This is a blocking asset check.")).to_be_visible()
    expect(page.get_by_text("Failed", exact=True).last).to_be_visible()
    expect(page.get_by_text(failed_day.partition, exact=True)).to_be_visible()
    expect(metadata(page, "expected")).to_contain_text("at most 0.01")
    expect(metadata(page, "found")).to_contain_text(f"{failed_day.rejected / LOANS:g}")
    picture("failed-check")


def verdicts(contract: Contract) -> str:
    """Those of its job passed; the others look at what is published, in a job of their own that did not run."""
    if not contract.checks:
        return "–"  # noqa: RUF001 - Dagster's dash
    key = dg.AssetKey([contract.layer, contract.name])
    known = [check for check in defs.resolve_asset_graph().asset_check_keys if check.asset_key == key]
    of_the_job = len(contract.checks)
    return f"{of_the_job} Passed" if of_the_job == len(known) else f"{of_the_job} / {len(known)} Passed"
