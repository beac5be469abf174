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

from emr_jobs.contracts.model import Column
from emr_jobs.core.errors import BadInput, PipelineError, Unavailable
from emr_jobs.core.settings import SnowflakeConnection
from emr_jobs.sources import snowflake
from emr_jobs.sources.statement import Statement
from local_stack.snowflake import ACCOUNT, USER, key_pair
from local_stack.snowflake import snowflake as server
from tests.domains import LIBRARY
from tests.emr_jobs.library import make_dataset

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection as Session

DAY = LIBRARY.calendar.partition("2026-11-21")
FEES = make_dataset(
    Column("member_id", "string"),
    Column("due_on", "date"),
    Column("fee", "number", "decimal(18,8)"),
    id="raw.fees",
    physical_name="fees",
)
STATEMENT = Statement(
    FEES,
    DAY,
    "SELECT CAST(:partition AS DATE) AS PARTITION_DATE, MEMBER_ID, DUE_ON, FEE FROM OFFICE.FEES "
    "WHERE DUE_ON < CAST(:partition AS DATE)",
    "sql/fees.sql",
)
ADDRESS = "https://stage.example/part?X-Amz-Signature=s3cr3t"


@dataclass(frozen=True)
class StubBatch:
    members: tuple[str, ...]
    compressed_size: int | None = 1000
    fails_with: str = ""
    fee: object = 1.25

    @property
    def rowcount(self) -> int:
        return len(self.members)

    def to_arrow(self, *, force_microsecond_precision: bool) -> pa.Table:
        assert force_microsecond_precision
        if self.fails_with:
            raise RuntimeError(f"{self.fails_with} for {ADDRESS}")
        assert self.members, "of a batch without rows the connector makes a table by pandas, which is not there"
        size = len(self.members)
        columns = {
            "PARTITION_DATE": pa.array([date(2026, 11, 21)] * size),
            "MEMBER_ID": pa.array(self.members, pa.string()),
            "DUE_ON": pa.array([date(2026, 11, 20)] * size),
            "FEE": pa.array([self.fee] * size),
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
        return batches, counted if counted is not None else sum(len(batch.members) for batch in batches)

    def collect(rows: DataFrame) -> list[tuple[object, ...]]:
        return sorted(tuple(row) for row in rows.collect())

    return snowflake.extract(
        spark, STATEMENT, snowflake.shape_of(STATEMENT.contract), execute=execute, consume=collect, rows_of=len
    )  # type: ignore[arg-type]


def fees(*members: str) -> list[tuple[object, ...]]:
    return [(date(2026, 11, 21), each, date(2026, 11, 20), Decimal("1.25000000")) for each in members]


def failure(spark: SparkSession, *answers: list[StubBatch], counted: int | None = None) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        extract(spark, *answers, counted=counted)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_inline_and_remote_batches_arrive_together(spark: SparkSession) -> None:
    batches = [StubBatch(("M-1",), None), StubBatch(("M-2", "M-3")), StubBatch(("M-4",)), StubBatch(("M-5", "M-6"))]
    assert extract(spark, batches) == fees("M-1", "M-2", "M-3", "M-4", "M-5", "M-6")


def test_batches_without_rows_are_skipped(spark: SparkSession) -> None:
    batches = [StubBatch((), None), StubBatch(("M-2", "M-3")), StubBatch(()), StubBatch(("M-4",))]
    assert extract(spark, batches) == fees("M-2", "M-3", "M-4")
    assert extract(spark, [StubBatch((), None)]) == []
    assert extract(spark, [StubBatch((), None), StubBatch(())]) == []


class InChunks(StubBatch):
    """Its table has an empty chunk among others."""

    def to_arrow(self, *, force_microsecond_precision: bool) -> pa.Table:
        table = super().to_arrow(force_microsecond_precision=force_microsecond_precision)
        return pa.concat_tables([table.slice(0, 1), table.slice(0, 0), table.slice(1)])


@pytest.mark.parametrize("size", [None, 1000])
def test_rows_after_an_empty_chunk_arrive(spark: SparkSession, size: int | None) -> None:
    assert extract(spark, [InChunks(("M-3", "M-4", "M-6"), size)]) == fees("M-3", "M-4", "M-6")


def test_an_expired_batch_makes_the_statement_run_again(spark: SparkSession) -> None:
    expired = [StubBatch(("M-3",), None), StubBatch(("M-6",), fails_with="403 Forbidden")]
    assert extract(spark, expired, [StubBatch(("M-3",)), StubBatch(("M-6",))]) == fees("M-3", "M-6")


def test_a_batch_that_expires_again_is_unavailable(spark: SparkSession) -> None:
    expired = [StubBatch(("M-6",), fails_with="403 Forbidden")]
    error = failure(spark, expired, expired)
    assert isinstance(error, Unavailable)
    assert (error.expected, error.found) == (
        "the executors to fetch every result batch",
        "a result batch answered 403",
    )


def test_a_batch_that_cannot_be_fetched_is_unavailable(spark: SparkSession) -> None:
    error = failure(spark, [StubBatch(("M-6",), fails_with="connection reset")])
    assert isinstance(error, Unavailable)
    assert error.found == "RuntimeError"


@pytest.mark.parametrize("size", [None, 1000], ids=["inline", "remote"])
def test_a_batch_that_does_not_fit_the_contract_is_refused(spark: SparkSession, size: int | None) -> None:
    error = failure(spark, [StubBatch(("M-6",), size, fee="much")])
    assert isinstance(error, BadInput)
    assert error.expected == "a result as in the contract raw.fees"
    assert error.found == "columns differ: fee is string and does not fit decimal128(18, 8) in row 1"


def test_fewer_rows_than_snowflake_counted_are_refused(spark: SparkSession) -> None:
    error = failure(spark, [StubBatch(("M-3", "M-6"))], counted=3)
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
            opened.cursor().execute("CREATE SCHEMA OFFICE")
            yield opened


def asked(spark: SparkSession, opened: "Session", fees: Mapping[str, Decimal]) -> tuple[list[int], dict[str, Decimal]]:
    """The rows of each batch and the fees that arrive, of a table with these fees."""
    cursor = opened.cursor()
    cursor.execute("CREATE OR REPLACE TABLE OFFICE.FEES (MEMBER_ID TEXT, DUE_ON DATE, FEE NUMBER(18, 8))")
    if fees:
        rows = [(member, "2026-11-20", str(fee)) for member, fee in fees.items()]
        cursor.executemany("INSERT INTO OFFICE.FEES VALUES (?, ?, ?)", rows)
    batches, counted = snowflake.run_statement(opened, STATEMENT)
    assert counted == len(fees)
    arrived = snowflake.as_frame(spark, "fees", snowflake.shape_of(STATEMENT.contract), batches).collect()
    return [batch.rowcount for batch in batches], {row.member_id: row.fee for row in arrived}


def test_a_day_without_fees_is_no_rows(spark: SparkSession, opened: "Session") -> None:
    assert asked(spark, opened, {}) == ([0], {})


def test_numbers_arrive_with_all_their_digits(spark: SparkSession, opened: "Session") -> None:
    digits = {"AAA": "1234567890.12345678", "BBB": "0.00000001", "CCC": "-9999999999.99999999"}
    exact = {member: Decimal(fee) for member, fee in digits.items()}
    assert asked(spark, opened, exact) == ([3], exact)


def test_a_larger_result_has_an_empty_first_batch_and_several_others(spark: SparkSession, opened: "Session") -> None:
    many = {f"{number:03}": Decimal(f"{number**5}.00000001") for number in range(100)}
    assert asked(spark, opened, many) == ([0, 34, 34, 32], many)
