"""Result batches that executors fetch: several, without rows, expired, broken; of stubs, and of the local server.

The stub is the connector's ResultBatch as far as it is used: picklable, fetched without a connection, and, like
the real one, with its presigned address in the text of its errors.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession

from emr_jobs.errors import BadInput, PipelineError, Unavailable
from emr_jobs.settings import SnowflakeConnection
from emr_jobs.sources import snowflake
from emr_jobs.sources.statement import Statement
from local_stack.snowflake import ACCOUNT, USER, key_pair
from local_stack.snowflake import snowflake as server
from pipeline_assets.home import ROOT
from tests.shop import SHOP

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection as Session

DAY = SHOP.calendar.partition("2026-11-21")
STATEMENT = Statement.in_file(ROOT / "shop" / "sql" / "fx_rates.sql", SHOP.contracts["intermediate.fx_rates"], DAY)
ADDRESS = "https://stage.example/part?X-Amz-Signature=s3cr3t"


@dataclass(frozen=True)
class StubBatch:
    currencies: tuple[str, ...]
    compressed_size: int | None = 1000
    fails_with: str = ""
    rate: object = 1.25

    @property
    def rowcount(self) -> int:
        return len(self.currencies)

    def to_arrow(self, *, force_microsecond_precision: bool) -> pa.Table:
        assert force_microsecond_precision
        if self.fails_with:
            raise RuntimeError(f"{self.fails_with} for {ADDRESS}")
        assert self.currencies, "of a batch without rows the connector makes a table by pandas, which is not there"
        size = len(self.currencies)
        columns = {
            "PARTITION_DATE": pa.array([date(2026, 11, 21)] * size),
            "CURRENCY": pa.array(self.currencies, pa.string()),
            "RATE_DATE": pa.array([date(2026, 11, 20)] * size),
            "USD_RATE": pa.array([self.rate] * size),
        }
        return pa.table(columns)


@pytest.fixture(autouse=True)
def _executors_know_the_stub() -> Iterator[None]:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def extract(spark: SparkSession, *answers: list[StubBatch], counted: int | None = None) -> list[tuple[object, ...]]:
    """What arrives when Snowflake answers the statement with these batches, one list a time that it is asked."""
    asked = iter(answers)

    def execute() -> tuple[list[StubBatch], int]:
        batches = next(asked)
        return batches, counted if counted is not None else sum(len(batch.currencies) for batch in batches)

    def collect(rows: DataFrame) -> list[tuple[object, ...]]:
        return sorted(tuple(row) for row in rows.collect())

    return snowflake.extract(
        spark, STATEMENT, snowflake.shape_of(STATEMENT.contract), execute=execute, consume=collect, rows_of=len
    )  # type: ignore[arg-type]


def rates(*currencies: str) -> list[tuple[object, ...]]:
    return [(date(2026, 11, 21), each, date(2026, 11, 20), Decimal("1.25000000")) for each in currencies]


def failure(spark: SparkSession, *answers: list[StubBatch], counted: int | None = None) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        extract(spark, *answers, counted=counted)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_inline_and_remote_batches_arrive_together(spark: SparkSession) -> None:
    batches = [StubBatch(("AUD",), None), StubBatch(("CAD", "EUR")), StubBatch(("GBP",)), StubBatch(("JPY", "USD"))]
    assert extract(spark, batches) == rates("AUD", "CAD", "EUR", "GBP", "JPY", "USD")


def test_batches_without_rows_are_skipped(spark: SparkSession) -> None:
    batches = [StubBatch((), None), StubBatch(("CAD", "EUR")), StubBatch(()), StubBatch(("GBP",))]
    assert extract(spark, batches) == rates("CAD", "EUR", "GBP")
    assert extract(spark, [StubBatch((), None)]) == []
    assert extract(spark, [StubBatch((), None), StubBatch(())]) == []


class InChunks(StubBatch):
    """Its table has an empty chunk among others."""

    def to_arrow(self, *, force_microsecond_precision: bool) -> pa.Table:
        table = super().to_arrow(force_microsecond_precision=force_microsecond_precision)
        return pa.concat_tables([table.slice(0, 1), table.slice(0, 0), table.slice(1)])


@pytest.mark.parametrize("size", [None, 1000])
def test_rows_after_an_empty_chunk_arrive(spark: SparkSession, size: int | None) -> None:
    assert extract(spark, [InChunks(("EUR", "GBP", "USD"), size)]) == rates("EUR", "GBP", "USD")


def test_an_expired_batch_makes_the_statement_run_again(spark: SparkSession) -> None:
    expired = [StubBatch(("EUR",), None), StubBatch(("USD",), fails_with="403 Forbidden")]
    assert extract(spark, expired, [StubBatch(("EUR",)), StubBatch(("USD",))]) == rates("EUR", "USD")


def test_a_batch_that_expires_again_is_unavailable(spark: SparkSession) -> None:
    expired = [StubBatch(("USD",), fails_with="403 Forbidden")]
    error = failure(spark, expired, expired)
    assert isinstance(error, Unavailable)
    assert (error.expected, error.found) == (
        "the executors to fetch every result batch",
        "a result batch answered 403",
    )


def test_a_batch_that_cannot_be_fetched_is_unavailable(spark: SparkSession) -> None:
    error = failure(spark, [StubBatch(("USD",), fails_with="connection reset")])
    assert isinstance(error, Unavailable)
    assert error.found == "RuntimeError"


@pytest.mark.parametrize("size", [None, 1000], ids=["inline", "remote"])
def test_a_batch_that_does_not_fit_the_contract_is_refused(spark: SparkSession, size: int | None) -> None:
    error = failure(spark, [StubBatch(("USD",), size, rate="much")])
    assert isinstance(error, BadInput)
    assert error.expected == "a result as in the contract intermediate.fx_rates"
    assert error.found == "columns differ: usd_rate is string and does not fit decimal128(18, 8) in row 1"


def test_fewer_rows_than_snowflake_counted_are_refused(spark: SparkSession) -> None:
    error = failure(spark, [StubBatch(("EUR", "USD"))], counted=3)
    assert isinstance(error, Unavailable)
    assert (error.expected, error.found) == ("the 3 rows that Snowflake counted", "2")


# -- the local server -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Session"]:
    """A session of the local server, in a database of its own."""
    folder = tmp_path_factory.mktemp("snowflake")
    private_key, public_key = key_pair()
    (folder / "key").touch(mode=0o600)
    (folder / "key").write_bytes(private_key)
    pq.write_table(pa.table({"X": [1]}), folder / "TEST.X.parquet")
    with server(folder, "TEST", public_key) as url:
        settings = SnowflakeConnection(
            kind="snowflake",
            account=ACCOUNT,
            user=USER,
            database="TEST",
            private_key=f"file:{folder / 'key'}",
            host="127.0.0.1",
            port=int(url.rpartition(":")[2]),
            protocol="http",
        )
        with snowflake.connection(settings, tag={}, dataset=STATEMENT.contract.id, partition=DAY) as opened:
            opened.cursor().execute("CREATE SCHEMA FINANCE")
            yield opened


def asked(spark: SparkSession, opened: "Session", rates: Mapping[str, Decimal]) -> tuple[list[int], dict[str, Decimal]]:
    """The rows of each batch and the rates that arrive, of a table with these rates."""
    cursor = opened.cursor()
    cursor.execute("CREATE OR REPLACE TABLE FINANCE.FX_RATES (CURRENCY TEXT, RATE_DATE DATE, USD_RATE NUMBER(18, 8))")
    if rates:
        rows = [(currency, "2026-11-20", str(rate)) for currency, rate in rates.items()]
        cursor.executemany("INSERT INTO FINANCE.FX_RATES VALUES (?, ?, ?)", rows)
    batches, counted = snowflake.run_statement(opened, STATEMENT)
    assert counted == len(rates)
    arrived = snowflake.as_frame(spark, "rates", snowflake.shape_of(STATEMENT.contract), batches).collect()
    return [batch.rowcount for batch in batches], {row.currency: row.usd_rate for row in arrived}


def test_a_week_without_rates_is_no_rows(spark: SparkSession, opened: "Session") -> None:
    assert asked(spark, opened, {}) == ([0], {})


def test_numbers_arrive_with_all_their_digits(spark: SparkSession, opened: "Session") -> None:
    digits = {"AAA": "1234567890.12345678", "BBB": "0.00000001", "CCC": "-9999999999.99999999"}
    exact = {currency: Decimal(rate) for currency, rate in digits.items()}
    assert asked(spark, opened, exact) == ([3], exact)


def test_a_larger_result_has_an_empty_first_batch_and_several_others(spark: SparkSession, opened: "Session") -> None:
    many = {f"{number:03}": Decimal(f"{number**5}.00000001") for number in range(100)}
    assert asked(spark, opened, many) == ([0, 34, 34, 32], many)
