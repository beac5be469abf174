"""docs/reading.md: each block as it stands, on a published day of the shop. Blocks of AWS are parsed, and say so."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pytest
import sqlglot
from pyspark.sql import SparkSession
from sqlglot import exp

from emr_jobs.contracts.table import table_identifier
from emr_jobs.core.settings import load
from pipeline_assets import lake
from pipeline_assets.home import ROOT
from tests.running import Day, documents, table_rows, typed
from tests.shop import SHOP

PAGE = (ROOT / "docs" / "reading.md").read_text()
_BLOCK = re.compile(r"(?P<mark><!-- of AWS, not run -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
BLOCKS = [(each["language"], bool(each["mark"]), each["text"]) for each in _BLOCK.finditer(PAGE)]
FACTS = SHOP.contracts["final.order_facts"]
AN_ORDER = "O-261129-0000001"  # of the page
BESIDE = ("to_pandas", "scan_iceberg")  # of the libraries that are beside .venv


def of(language: str, *, on_aws: bool = False) -> list[str]:
    found = [text for kind, mark, text in BLOCKS if (kind, mark) == (language, on_aws)]
    assert found, language
    return found


@pytest.fixture(scope="module")
def order(shop_day: Day) -> str:
    return min(row["order_id"] for row in table_rows(shop_day.settings, shop_day.partition)[FACTS.id])


@pytest.fixture(scope="module")
def here(shop_day: Day, order: str) -> dict[str, str]:
    """What stands on the page, and what is there in its place in the tests."""
    return {
        ".pipeline": str(shop_day.home),
        "http://127.0.0.1:9200": shop_day.settings.search.url,
        AN_ORDER: order,
        "datetime.date(2026, 11, 29)": f'datetime.date.fromisoformat("{shop_day.partition}")',
        "2026-11-29": shop_day.partition,
    }


def put(text: str, here: dict[str, str]) -> str:
    for on_the_page, there in here.items():
        text = text.replace(on_the_page, there)
    return text


def test_every_block_of_the_page_is_of_a_kind_that_is_looked_at_here() -> None:
    assert Counter((language, mark) for language, mark, _ in BLOCKS).keys() == {
        ("", False),
        ("python", False),
        ("python", True),
        ("sh", False),
        ("sql", False),
    }


def test_the_blocks_of_python_read_what_is_published(
    shop_day: Day, here: dict[str, str], order: str, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one namespace, as a reader types them one after the other; Spark in a session of its own."""
    rows = table_rows(shop_day.settings, shop_day.partition)[FACTS.id]
    orders, amounts = by_status(rows)
    monkeypatch.setattr(SparkSession, "_instantiatedSession", spark.newSession())
    found: dict[str, dict[str, Any]] = {}
    namespace: dict[str, Any] = {}
    for text in of("python"):
        if any(words in text for words in BESIDE):
            continue
        exec(compile(put(text, here), "docs/reading.md", "exec"), namespace)
        found[text] = dict(namespace)

    def after(words: str, name: str) -> Any:
        (text,) = [each for each in found if words in each]
        return found[text][name]

    assert after("row_filter=", "rows").num_rows == len(rows)
    assert after("row_filter=", "rows").column_names == ["order_id", "status", "net_amount"]
    assert after("to_duckdb", "rows") == [(status, orders[status], amounts[status]) for status in sorted(orders)]
    assert {row[0]: row[1] for row in after("SparkSession", "by_status").collect()} == amounts
    assert after("counted =", "counted") == after("counted =", "rows").num_rows == len(rows)
    assert after("is_whole", "is_whole") is True
    assert [each["order_id"] for each in after('"ids"', "documents")] == [order]
    assert len(after("documents_of", "orders")) == len(documents(shop_day.settings, shop_day.partition)) == len(rows)
    catalog = lake.catalog(shop_day.settings)
    version = lake.version(lake.opened(catalog, FACTS), SHOP.calendar.partition(shop_day.partition))
    assert version is not None
    assert after("is_whole", "runs") == {version.wap_id} == set(after("get_mapping", "versions"))
    assert after("is_whole", "run_of")(FACTS.id, "2026-01-01") is None


def test_pandas_and_polars_read_what_is_published(shop_day: Day, here: dict[str, str]) -> None:
    """In a process of their own: beside them PySpark and the connector of Snowflake are others than on EMR."""
    libraries = ROOT / ".cache" / "readers"
    assert libraries.is_dir(), f"no {libraries}: make test makes it"
    text = "".join(
        text for text in of("python") if any(words in text for words in ("load_catalog", "row_filter=", *BESIDE))
    )
    by_pandas = "print([(status, str(amount)) for status, amount in by_status.items()])\nprint(type(by_status))\n"
    program = text.replace("import datetime\n", f"{by_pandas}import datetime\n") + (
        "print([(status, orders, str(amount)) for status, orders, amount in by_status.rows()])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", put(program, here)],
        env={**os.environ, "PYTHONPATH": str(libraries), "POLARS_ICEBERG_PLANNER": "pyiceberg"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    pandas, kind, polars = ended.stdout.splitlines()
    orders, amounts = by_status(table_rows(shop_day.settings, shop_day.partition)[FACTS.id])
    assert "pandas" in kind
    assert {status: Decimal(amount) for status, amount in ast.literal_eval(pandas)} == amounts
    assert {status: (number, Decimal(amount)) for status, number, amount in ast.literal_eval(polars)} == {
        status: (orders[status], amounts[status]) for status in orders
    }


def by_status(rows: list[dict[str, Any]]) -> tuple[Counter[str], dict[str, Decimal]]:
    """How many there are of each, and the sum of their amounts."""
    amounts = defaultdict[str, Decimal](Decimal)
    for row in rows:
        amounts[row["status"]] += row["net_amount"]
    return Counter(row["status"] for row in rows), amounts


def test_curl_finds_the_document_by_its_id(shop_day: Day, here: dict[str, str], order: str) -> None:
    (line,) = of("sh")
    answer = subprocess.run(shlex.split(put(line, here)), capture_output=True, check=True, text=True)
    assert [hit["_id"] for hit in json.loads(answer.stdout)["hits"]["hits"]] == [order]


def test_the_commands_answer(shop_day: Day, here: dict[str, str]) -> None:
    (block,) = of("")
    for line in block.splitlines():
        program, *arguments = shlex.split(put(line, here))
        ended = typed(*arguments, home=shop_day.home)
        assert (program, ended.code, ended.err) == ("pipeline", 0, ""), line
        assert "final.order_facts" in ended.out or "paid" in ended.out


@pytest.mark.parametrize("sql", of("sql"))
def test_sql_of_athena_is_valid_and_names_what_the_deployment_has(sql: str) -> None:
    parsed = sqlglot.parse_one(sql, dialect="athena")
    prefix = load(str(ROOT / "settings" / "production.toml")).lake.database_prefix
    tables = [(table.db, table.name) for table in parsed.find_all(exp.Table)]
    assert tables == [table_identifier(FACTS, prefix)]
    assert {column.name for column in parsed.find_all(exp.Column)} <= {column.name for column in FACTS.columns}


@pytest.mark.parametrize("text", of("python", on_aws=True))
def test_python_of_aws_is_python_and_names_what_the_deployment_has(text: str) -> None:
    ast.parse(text)
    values = load(str(ROOT / "settings" / "production.toml"))
    assert values.aws.region in text
    for database, name in re.findall(r'load_table\("(\w+)\.(\w+)"\)', text):
        assert (database, name) == table_identifier(FACTS, values.lake.database_prefix)
