"""The verbs as a user types them, on a published day."""

import csv
import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emr_jobs.catalog import JOBS
from local_stack.sample_data import REJECT_RATES
from pipeline_assets.home import ROOT
from tests.running import Day, pipeline, readers_see

SQL = "SELECT status, count(*) AS orders FROM final.order_facts GROUP BY status ORDER BY status"


def test_run_prints_a_row_for_every_dataset(published_day: Day) -> None:
    rows = {line.split()[0]: line for line in published_day.said.splitlines() if re.match(r"\w+\.\w+ +\d", line)}
    assert set(rows) == {dataset for job in JOBS for dataset in job.outputs}
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
    found = json.loads(pipeline("query", SQL, "--json", home=published_day.home).output)
    assert sum(row["orders"] for row in found) == published_day.truth["orders"]
    for name in ("out.parquet", "out.csv", "out.json"):
        ended = pipeline("query", SQL, "--output", str(tmp_path / name), home=published_day.home)
        assert ended.output == f"wrote {tmp_path / name}\n"
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
    ended = pipeline("query", sql, "--json", home=published_day.home)
    assert ended.code == 0, ended.output
    assert json.loads(ended.output) == [{"n": published_day.truth["orders"]}]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["query", "SELEC 1"], 1, r"query: Parser Error: syntax error at or near \"SELEC\""),
        (
            ["query", "SELECT * FROM final.nothing"],
            1,
            r"query: Catalog Error: .*final\.nothing(.|\n)*\ndatasets: final\.daily_sales, ",
        ),
        (["query", "DROP TABLE final.order_facts"], 2, r"Misconfigured: the lake is read only: expected one SELECT"),
        (
            ["query", "CREATE TABLE mine AS SELECT 1"],
            2,
            r"Misconfigured: the lake is read only: expected one SELECT, found .*CREATE",
        ),
        (["query", SQL, "--output", "/tmp/out.xlsx"], 2, r"\.xlsx.*\.parquet"),
        (
            ["run", "--partition", "2026-11-21", "--launcher", "emr"],
            2,
            r"Misconfigured: launcher emr needs .*stack up --aws",
        ),
        (
            ["run", "--partition", "2026-11-21", "--cluster", "j-1"],
            2,
            r"Misconfigured: --cluster j-1 needs --launcher emr",
        ),
        (["run", "--partition", "2999-01-01"], 2, r"Misconfigured: partition 2999-01-01: the New York day has not"),
        (["run", "--partition", "today"], 2, r"Misconfigured: partition 'today': expected a New York calendar day"),
        (
            ["run", "--partition", "2026-11-21", "--select", "final.sales"],
            2,
            r"Misconfigured: --select final\.sales: no such dataset or job; there are .*final\.order_facts, .*master",
        ),
        (["run", "--partition", "2026-11-21", "--settings", "/nope.toml"], 2, r"Misconfigured: settings /nope\.toml: "),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_wrong_call_is_one_line(published_day: Day, arguments: list[str], code: int, message: str) -> None:
    ended = pipeline(*arguments, home=published_day.home)
    assert re.search(message, ended.output), ended.output
    assert "Traceback" not in ended.output
    assert ended.code == code


@pytest.mark.usefixtures("processes")
def test_without_a_stack_and_settings_run_says_how_to_get_them(tmp_path: Path) -> None:
    ended = pipeline("run", "--partition", "2026-11-21", home=tmp_path)
    assert ended.last_line == (
        "Misconfigured: no stack is running and no settings are named. Start one: pipeline stack up; "
        "or name yours: --settings"
    )
    assert ended.code == 2


def test_find_shows_the_published_document(published_day: Day) -> None:
    facts = json.loads(
        pipeline(
            "query",
            "SELECT order_id, customer_name, net_amount FROM final.order_facts "
            "WHERE customer_name IS NOT NULL ORDER BY order_id LIMIT 1",
            "--json",
            home=published_day.home,
        ).output
    )[0]
    answer = json.loads(pipeline("search", "find", facts["order_id"], "--json", home=published_day.home).output)
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
    up = json.loads(pipeline("stack", "status", "--json", home=published_day.home).output)
    assert up["running"] is True
    assert up["settings"] == published_day.settings_uri
    down = pipeline("stack", "status", "--json", home=tmp_path)
    assert (json.loads(down.output), down.code) == ({"running": False}, 3)


@pytest.mark.usefixtures("processes")
def test_the_contracts_are_valid(tmp_path: Path) -> None:
    ended = pipeline("contracts", "check", "--json", home=tmp_path)
    assert ended.code == 0, ended.output
    assert json.loads(ended.output)["faults"] == []


@pytest.mark.usefixtures("processes")
def test_every_fault_of_the_contracts_is_named_with_file_and_path(tmp_path: Path) -> None:
    folder = tmp_path / "contracts"
    shutil.copytree(ROOT / "contracts", folder)
    for name, old, new in (
        ("intermediate.orders", "required: true", "requred: true"),
        ("final.daily_sales", "logicalType: integer", "logicalType: int"),
        ("search.orders", "classification:", "clasification:"),
    ):
        path = folder / f"{name}.odcs.yaml"
        text = path.read_text()
        assert old in text, (name, old)
        path.write_text(text.replace(old, new, 1))
    ended = pipeline("contracts", "check", str(folder), home=tmp_path)
    assert ended.code == 1
    for file in ("intermediate.orders", "final.daily_sales", "search.orders"):
        assert re.search(rf"{file}\.odcs\.yaml.*schema", ended.output), ended.output
