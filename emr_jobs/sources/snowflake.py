"""Rows from Snowflake: the driver runs one statement, the executors fetch its result batches as Arrow.

What a statement says is not read here (statement). What the tables look like is written in the
contracts of the sources and compared before the statement runs. Every batch is cast to the dataset's
contract. The presigned addresses of the batches live six hours: rows are written in the pass that fetches
them, and once a batch has expired the statement is run again, once.
"""

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from emr_jobs.contracts import Contract
from emr_jobs.contracts.table import spark_ddl
from emr_jobs.core.errors import AccessDenied, BadInput, PipelineError, Remedy, Unavailable
from emr_jobs.core.partition import Partition
from emr_jobs.core.secret_ref import resolve
from emr_jobs.core.settings import SnowflakeConnection
from emr_jobs.reading.records import BatchMismatch, Shape
from emr_jobs.sources.arrow import batches_as_frame
from emr_jobs.sources.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from snowflake.connector import SnowflakeConnection as Session

_STATEMENT_TIMEOUT = 604  # Snowflake's error number

Consumed = TypeVar("Consumed")


class ResultBatch(Protocol):
    """What is used of the connector's batch: picklable, fetched without a connection."""

    rowcount: int
    compressed_size: int | None  # None: the rows came with the answer

    def to_arrow(self, *, force_microsecond_precision: bool) -> "pa.Table": ...


class ResultExpired(Exception):
    """The presigned address of a result batch is no longer valid."""


def options(settings: SnowflakeConnection, tag: Mapping[str, object]) -> dict[str, Any]:
    """The connector's arguments but for the key: a session in UTC with this tag, whose statements end after a time.

    Without those that the settings leave to Snowflake.
    """
    import json

    given = {
        **{key: getattr(settings, key) for key in ("account", "user", "database", "role", "warehouse")},
        **{key: getattr(settings, key) for key in ("host", "port", "protocol")},
        "login_timeout": settings.connect_timeout_s,
        "network_timeout": settings.statement_timeout_s + settings.connect_timeout_s,
        "session_parameters": {
            "QUERY_TAG": json.dumps(tag, sort_keys=True),
            "TIMEZONE": "UTC",
            "STATEMENT_TIMEOUT_IN_SECONDS": settings.statement_timeout_s,
            "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
        },
    }
    return {key: value for key, value in given.items() if value is not None}


@contextmanager
def connection(
    settings: SnowflakeConnection, *, tag: Mapping[str, object], dataset: str, partition: Partition
) -> Iterator["Session"]:
    """A session, tagged with run, job and partition."""
    from snowflake import connector
    from snowflake.connector.errors import DatabaseError, Error

    try:
        opened = connector.connect(
            private_key=_private_key(settings),
            paramstyle="qmark",
            arrow_number_to_decimal=True,  # else a NUMBER with a scale is a double
            **options(settings, tag),
        )
    except DatabaseError as error:
        raise _refused(error, settings, dataset=dataset, partition=partition) from None
    except Error as error:
        raise _unreachable(error, settings, dataset=dataset, partition=partition) from None
    with closing(opened):
        yield opened


def _private_key(settings: SnowflakeConnection) -> bytes:
    from cryptography.hazmat.primitives import serialization

    from emr_jobs.core.errors import Misconfigured

    try:
        key = serialization.load_pem_private_key(resolve(settings.private_key).encode(), password=None)
    except (ValueError, TypeError):
        raise Misconfigured(f"secret {settings.private_key}: not a private key in PEM without a passphrase") from None
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _refused(error: Any, settings: SnowflakeConnection, *, dataset: str, partition: Partition) -> PipelineError:
    if "250001" in str(error.errno) and "JWT" not in str(error) and "password" not in str(error):
        return _unreachable(error, settings, dataset=dataset, partition=partition)
    return AccessDenied(
        dataset=dataset,
        partition=partition,
        expected=f"Snowflake to let {settings.user} in with the key {settings.private_key}",
        found=f"{error.errno}: {_first_line(error)}",
        fix=f"Compare the key's public half with what DESC USER {settings.user} says.",
        remedy=Remedy.RERUN,
    )


def _unreachable(error: Any, settings: SnowflakeConnection, *, dataset: str, partition: Partition) -> PipelineError:
    return Unavailable(
        dataset=dataset,
        partition=partition,
        expected=f"Snowflake account {settings.account} to answer within {settings.connect_timeout_s} s",
        found=_first_line(error),
        fix="Check account, network and https://status.snowflake.com first.",
        remedy=Remedy.RERUN,
    )


def _first_line(error: Any) -> str:
    return (str(getattr(error, "raw_msg", None) or error).strip().splitlines() or ["no reason given"])[0][:200]


def require_columns(opened: "Session", sources: Sequence[Contract], *, partition: Partition) -> None:
    """Raises BadInput naming every column of these tables that is missing or of another type."""
    for source in sources:
        schema, _, table = source.physical_name.partition(".")
        cursor = opened.cursor().execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = ? AND table_name = ?",
            (schema, table),
        )
        found = dict(cursor or ())
        wrong = [
            f"{column.name} {'missing' if column.name not in found else f'is {found[column.name]}'}, "
            f"expected {column.physical_type}"
            for column in source.columns
            if found.get(column.name) != column.physical_type
        ]
        if wrong:
            raise BadInput(
                dataset=source.id,
                partition=partition,
                expected=f"{source.physical_name} as in the contract {source.id}",
                found=f"{len(wrong)} of {len(source.columns)} columns differ: {'; '.join(wrong)}"
                if found
                else "no such table, or no right to see it",
                fix="Mend the table, or accept the change in the contract and in the statement that reads it.",
                remedy=Remedy.RERUN,
            )


def run_statement(opened: "Session", statement: Statement) -> tuple[list[ResultBatch], int]:
    """The batches of the result and the rows in them."""
    from snowflake.connector.errors import Error

    cursor = opened.cursor()
    try:
        cursor.execute(statement.sql, statement.parameters)
        batches = cursor.get_result_batches() or []
    except Error as error:
        kind = Unavailable if error.errno == _STATEMENT_TIMEOUT else BadInput
        raise kind(
            dataset=statement.contract.id,
            partition=statement.partition,
            expected=f"the statement {statement.name} to run",
            found=f"{error.errno}: {_first_line(error)}",
            fix="Query "
            + (f"{error.sfqid} in Snowflake's history has the details." if error.sfqid else "history has the details."),
            remedy=Remedy.RERUN,
        ) from None
    return list(batches), cursor.rowcount or 0


def shape_of(contract: Contract) -> Shape:
    """The contract's columns, by their names."""
    from pyspark.sql.pandas.types import to_arrow_schema
    from pyspark.sql.types import StructType

    schema = to_arrow_schema(StructType.fromDDL(spark_ddl(contract)))
    return Shape(schema, partial(cast_to, schema))


def extract(
    spark: "SparkSession",
    statement: Statement,
    shape: Shape,
    *,
    execute: Callable[[], tuple[list[ResultBatch], int]],
    consume: Callable[["DataFrame"], Consumed],
    rows_of: Callable[[Consumed], int],
) -> Consumed:
    """Hand the rows to `consume`, which writes them; run the statement once more when a batch expired.

    Raises Unavailable when other rows arrived than Snowflake counted.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    for last_try in (False, True):
        batches, expected = execute()
        try:
            consumed = consume(as_frame(spark, statement.contract.name, shape, batches))
        except (ResultExpired, BatchMismatch, BatchNotFetched, Py4JJavaError, PySparkException) as error:
            # What an executor raised arrives as the text of its stack trace, class name included.
            message = f"{type(error).__name__}: {error}"
            if "ResultExpired: " in message and not last_try:
                continue
            named = _not_fetched(message, statement)
            if named is None:
                raise
            raise named from None
        if rows_of(consumed) != expected:
            raise Unavailable(
                dataset=statement.contract.id,
                partition=statement.partition,
                expected=f"the {expected} rows that Snowflake counted",
                found=f"{rows_of(consumed)}",
                fix="Nothing was published.",
                remedy=Remedy.RERUN,
            )
        return consumed
    raise AssertionError("the loop returns or raises")


def _not_fetched(message: str, statement: Statement) -> PipelineError | None:
    """The error of this module that a message carries, as one that says what to do."""

    def after(name: str) -> str:
        return message.partition(f"{name}: ")[2].splitlines()[0]

    if "BatchMismatch: " in message:
        return BadInput(
            dataset=statement.contract.id,
            partition=statement.partition,
            expected=f"a result as in the contract {statement.contract.id}",
            found=after("BatchMismatch"),
            fix=f"Mend the table, or cast in {statement.name}.",
            remedy=Remedy.RERUN,
        )
    found = next((after(name) for name in ("ResultExpired", "BatchNotFetched") if f"{name}: " in message), None)
    if found is None:
        return None
    return Unavailable(
        dataset=statement.contract.id,
        partition=statement.partition,
        expected="the executors to fetch every result batch",
        found=found,
        fix="Check the network from the cluster to Snowflake's stage.",
        remedy=Remedy.RERUN,
    )


class BatchNotFetched(Exception):
    """A result batch could not be downloaded."""


def as_frame(spark: "SparkSession", name: str, shape: Shape, batches: Sequence[ResultBatch]) -> "DataFrame":
    """The first batch comes with the answer; the executors fetch the others, each core its share.

    A batch without rows is skipped: of a large result the first one usually is, and the connector would ask pandas
    for the types of an empty table.
    """
    import pyarrow as pa
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = from_arrow_schema(shape.schema)
    batches = [batch for batch in batches if batch.rowcount]
    here = [shape.make(fetch(batch)) for batch in batches if batch.compressed_size is None]
    # One chunk: Spark 4.1.1 drops what comes after an empty one.
    rows = spark.createDataFrame(pa.concat_tables([shape.schema.empty_table(), *here]).combine_chunks(), schema)
    remote = [batch for batch in batches if batch.compressed_size is not None]
    if not remote:
        return rows
    cores = min(spark.sparkContext.defaultParallelism, len(remote))

    def read(part: list[ResultBatch]) -> Iterator["pa.RecordBatch"]:
        for batch in part:
            yield from shape.make(fetch(batch)).to_batches()

    parts = [remote[number::cores] for number in range(cores)]
    fetched = batches_as_frame(spark, name=f"snowflake_{name}", schema=schema, parts=parts, read=read)
    return rows.unionByName(fetched)


def fetch(batch: ResultBatch) -> "pa.Table":
    """Raises ResultExpired or BatchNotFetched, neither with the presigned address that the cause carries."""
    logging.getLogger("snowflake.connector.result_batch").setLevel(logging.CRITICAL)  # it logs that address
    try:
        return batch.to_arrow(force_microsecond_precision=True)  # nanoseconds end in the year 2262
    except Exception as error:  # noqa: BLE001  # an edge: requests, urllib3, the connector and pyarrow raise through here
        status = str(getattr(error, "errno", "")) + str(error)
        if "403" in status or "Forbidden" in status:
            raise ResultExpired("a result batch answered 403") from None
        raise BatchNotFetched(f"{type(error).__name__}") from None


def cast_to(schema: "pa.Schema", table: "pa.Table") -> "pa.Table":
    """Exactly these columns, in order and type; timestamps to microseconds UTC. Names match in any case.

    Raises BatchMismatch naming every column that is missing, unexpected, there twice or does not fit, with the first
    such row, never its value.
    """
    import pyarrow as pa

    names = [name.lower() for name in table.column_names]
    table = table.rename_columns(names)
    wrong = [f"{name} missing" for name in schema.names if name not in names]
    wrong += [f"{name} not in the contract" for name in dict.fromkeys(names) if name not in schema.names]
    wrong += [f"{name} {times} times" for name, times in Counter(names).items() if times > 1]
    columns = {}
    for field in schema:
        if names.count(field.name) != 1:
            continue
        column = table[field.name]
        try:
            columns[field.name] = _cast(column, field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            row = _first_misfit(column, field.type)
            wrong.append(
                f"{field.name} is {column.type} and does not fit {field.type}{f' in row {row}' if row else ''}"
            )
    if wrong:
        raise BatchMismatch(f"columns differ: {'; '.join(wrong)}")
    return pa.table(columns, schema=schema)


def _first_misfit(column: "pa.ChunkedArray", to: "pa.DataType") -> int:
    """The number of the first row that cannot be cast, from 1; 0 when no value of this type can be."""
    import pyarrow as pa

    def refused(rows: int) -> bool:
        try:
            _cast(column.slice(0, rows), to)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return True
        return False

    return bisect_left(range(len(column)), True, key=refused)


def _cast(column: "pa.ChunkedArray", to: "pa.DataType") -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(to) and not (pa.types.is_string(column.type) or pa.types.is_null(column.type)):
        raise pa.ArrowInvalid("not text")
    if pa.types.is_timestamp(to):
        if not (pa.types.is_timestamp(column.type) or pa.types.is_null(column.type)):
            raise pa.ArrowInvalid("not a timestamp")
        return pc.cast(column, to, safe=False)  # nanoseconds are cut to microseconds, as everywhere
    return pc.cast(column, to)
