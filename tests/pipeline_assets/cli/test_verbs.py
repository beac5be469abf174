"""The verbs as a user types them, on a published day: once in a process of their own, otherwise in this one."""

import csv
import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.domains import LIBRARY
from tests.running import Day, pipeline, readers_see, typed

SQL = "SELECT kind, count(*) AS lent FROM marts.lending GROUP BY kind ORDER BY kind"


def test_run_prints_a_row_for_every_dataset(published_day: Day) -> None:
    rows = {line.split()[0]: line for line in published_day.said.splitlines() if re.match(r"\w+\.\w+ +\d", line)}
    assert set(rows) == {dataset for job in LIBRARY.jobs for dataset in job.outputs}
    loans = published_day.truth["loans"]
    assert re.match(rf"staged\.loans +{loans} +0 +7 passed +\d{{15,}} +\d+\.\d$", rows["staged.loans"])
    assert re.match(rf"marts\.lending +{loans} +7 passed +\d{{15,}} +\d+\.\d$", rows["marts.lending"])
    assert "marts.lending row_count_drift: not enough history to compare with" in published_day.said
    assert re.match(
        rf"find\.lending +{loans} +3 passed +lendings-{published_day.partition}-\w{{12}}-0 +", rows["find.lending"]
    )


def test_query_shows_a_table_json_and_files(published_day: Day, tmp_path: Path) -> None:
    shown = pipeline("query", SQL, home=published_day.home)
    assert shown.code == 0, shown.output
    assert shown.output.splitlines()[0].split() == ["kind", "lent"]
    found = typed("query", SQL, "--json", home=published_day.home).json
    assert [row["kind"] for row in found] == ["book", "film", "game"]
    assert sum(row["lent"] for row in found) == published_day.truth["loans"]
    for name in ("out.parquet", "out.csv", "out.json"):
        ended = typed("query", SQL, "--output", str(tmp_path / name), home=published_day.home)
        assert (ended.code, ended.out, ended.err) == (0, "", f"wrote {tmp_path / name}\n")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == found
    with (tmp_path / "out.csv").open() as file:
        assert [{**row, "lent": int(row["lent"])} for row in csv.DictReader(file)] == found
    assert json.loads((tmp_path / "out.json").read_text()) == found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(m.loan_id) AS n FROM marts.lending m",
        "WITH a AS (SELECT * FROM marts.lending) SELECT count(*) AS n FROM a, staged.loans l "
        "WHERE l.loan_id = a.loan_id",
        'SELECT (SELECT count(*) FROM "marts"."lending") AS n',
        "select COUNT(*) as n from MARTS.Lending -- staged.loans",
    ],
)
def test_tables_are_found_however_they_are_named(published_day: Day, sql: str) -> None:
    ended = typed("query", sql, "--json", home=published_day.home)
    assert ended.code == 0, ended.err
    assert ended.json == [{"n": published_day.truth["loans"]}]


def test_find_shows_the_published_document(published_day: Day) -> None:
    (lent,) = typed(
        "query",
        "SELECT loan_id, member_name, fee FROM marts.lending WHERE fee IS NOT NULL AND member_name IS NOT NULL "
        "ORDER BY loan_id LIMIT 1",
        "--json",
        home=published_day.home,
    ).json
    answer = typed("search", "find", lent["loan_id"], "--json", home=published_day.home).json
    assert answer["total"] == 1
    (hit,) = answer["hits"]
    assert (hit["loan_id"], hit["member_name"]) == (lent["loan_id"], lent["member_name"])
    assert re.fullmatch(r"\d+\.\d\d", lent["fee"])
    assert hit["fee"] == lent["fee"], "a decimal is the same text, whoever prints it"
    shown = pipeline("search", "find", lent["loan_id"], home=published_day.home)
    assert lent["loan_id"] in shown.output
    assert shown.last_line == "1 lending match"


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
    shutil.copytree(LIBRARY.folder / "contracts", folder)
    for name, old, new in (
        ("staged.loans", "required: true", "requred: true"),
        ("marts.branch_days", "logicalType: integer", "logicalType: int"),
        ("find.lending", "classification:", "clasification:"),
    ):
        path = folder / f"{name}.odcs.yaml"
        text = path.read_text()
        assert old in text, (name, old)
        path.write_text(text.replace(old, new, 1))
    ended = typed("contracts", "check", str(folder), home=tmp_path)
    assert (ended.code, ended.out) == (1, "")
    for file in ("staged.loans", "marts.branch_days", "find.lending"):
        assert re.search(rf"{file}\.odcs\.yaml.*schema", ended.err), ended.err
