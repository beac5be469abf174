"""The verbs as a user types them, on a published day: once in a process of their own, otherwise in this one."""

import csv
import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline_assets.home import ROOT
from shop.sample import REJECT_RATES
from tests.running import Day, pipeline, readers_see, typed
from tests.shop import SHOP

SQL = "SELECT status, count(*) AS orders FROM final.order_facts GROUP BY status ORDER BY status"


def test_run_prints_a_row_for_every_dataset(published_day: Day) -> None:
    rows = {line.split()[0]: line for line in published_day.said.splitlines() if re.match(r"\w+\.\w+ +\d", line)}
    assert set(rows) == {dataset for job in SHOP.jobs for dataset in job.outputs}
    orders = published_day.truth["orders"]
    rejected = sum(published_day.truth["planted"][reason] for reason in REJECT_RATES)
    assert re.match(rf"intermediate\.orders +{orders} +{rejected} +5 passed +\d{{15,}} ", rows["intermediate.orders"])
    assert re.match(rf"final\.order_facts +{orders} +11 passed +\d{{15,}} +\d+\.\d$", rows["final.order_facts"])
    assert "final.order_facts row_count_drift: not enough history to compare with" in published_day.said
    assert re.match(
        rf"search\.orders +{orders} +3 passed +orders-{published_day.partition}-\w{{12}}-0 +", rows["search.orders"]
    )


def test_query_shows_a_table_json_and_files(published_day: Day, tmp_path: Path) -> None:
    shown = pipeline("query", SQL, home=published_day.home)
    assert shown.code == 0, shown.output
    assert shown.output.splitlines()[0].split() == ["status", "orders"]
    found = typed("query", SQL, "--json", home=published_day.home).json
    assert sum(row["orders"] for row in found) == published_day.truth["orders"]
    for name in ("out.parquet", "out.csv", "out.json"):
        ended = typed("query", SQL, "--output", str(tmp_path / name), home=published_day.home)
        assert (ended.code, ended.out, ended.err) == (0, "", f"wrote {tmp_path / name}\n")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == found
    with (tmp_path / "out.csv").open() as file:
        assert [{**row, "orders": int(row["orders"])} for row in csv.DictReader(file)] == found
    assert json.loads((tmp_path / "out.json").read_text()) == found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(f.order_id) AS n FROM final.order_facts f",
        "WITH a AS (SELECT * FROM final.order_facts) SELECT count(*) AS n FROM a, intermediate.orders o "
        "WHERE o.order_id = a.order_id",
        'SELECT (SELECT count(*) FROM "final"."order_facts") AS n',
        "select COUNT(*) as n from FINAL.Order_Facts -- intermediate.orders",
    ],
)
def test_tables_are_found_however_they_are_named(published_day: Day, sql: str) -> None:
    ended = typed("query", sql, "--json", home=published_day.home)
    assert ended.code == 0, ended.err
    assert ended.json == [{"n": published_day.truth["orders"]}]


def test_find_shows_the_published_document(published_day: Day) -> None:
    (facts,) = typed(
        "query",
        "SELECT order_id, customer_name, net_amount FROM final.order_facts "
        "WHERE customer_name IS NOT NULL ORDER BY order_id LIMIT 1",
        "--json",
        home=published_day.home,
    ).json
    answer = typed("search", "find", facts["order_id"], "--json", home=published_day.home).json
    assert answer["total"] == 1
    (hit,) = answer["hits"]
    assert (hit["order_id"], hit["customer_name"]) == (facts["order_id"], facts["customer_name"])
    assert float(hit["net_amount"]) == float(facts["net_amount"])
    shown = pipeline("search", "find", facts["order_id"], home=published_day.home)
    assert facts["order_id"] in shown.output
    assert shown.last_line == "1 orders match"


def test_applying_the_contracts_twice_changes_nothing(published_day: Day) -> None:
    before = readers_see(published_day.settings, published_day.partition)
    done = json.loads(pipeline("lake", "apply", "--json", home=published_day.home).output)
    assert set(done.values()) == {"unchanged"}
    assert readers_see(published_day.settings, published_day.partition) == before


def test_stack_status_names_the_services(published_day: Day, tmp_path: Path) -> None:
    up = typed("stack", "status", "--json", home=published_day.home).json
    assert up["running"] is True
    assert up["settings"] == published_day.settings_uri
    down = pipeline("stack", "status", "--json", home=tmp_path)
    assert (json.loads(down.output), down.code) == ({"running": False}, 3)


def test_the_contracts_are_valid(processes: None, tmp_path: Path) -> None:
    ended = pipeline("contracts", "check", "--json", home=tmp_path)
    assert ended.code == 0, ended.output
    assert json.loads(ended.output)["faults"] == []


def test_every_fault_of_the_contracts_is_named_with_file_and_path(tmp_path: Path) -> None:
    folder = tmp_path / "contracts"
    shutil.copytree(ROOT / "shop" / "contracts", folder)
    for name, old, new in (
        ("intermediate.orders", "required: true", "requred: true"),
        ("final.daily_sales", "logicalType: integer", "logicalType: int"),
        ("search.orders", "classification:", "clasification:"),
    ):
        path = folder / f"{name}.odcs.yaml"
        text = path.read_text()
        assert old in text, (name, old)
        path.write_text(text.replace(old, new, 1))
    ended = typed("contracts", "check", str(folder), home=tmp_path)
    assert (ended.code, ended.out) == (1, "")
    for file in ("intermediate.orders", "final.daily_sales", "search.orders"):
        assert re.search(rf"{file}\.odcs\.yaml.*schema", ended.err), ended.err
