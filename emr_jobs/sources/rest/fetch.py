"""A day through Spark: one Spark partition a core, within it a thread a slice, under one budget for all of them.

A page is parsed once, where it was fetched, and its records are read there by the caller's function. Workers hand
errors back as rows: an exception would reach the driver as the text of a stack trace.
"""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from emr_jobs.contracts.read import Rest
from emr_jobs.core.errors import PipelineError
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import RestConnection
from emr_jobs.sources.arrow import batches_as_frame, packed, unpacked
from emr_jobs.sources.rest.client import Client
from emr_jobs.sources.rest.window import Slice, slices

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Read = Callable[[list[Any]], pa.RecordBatch]  # a page's records, typed; pickled to the workers


@dataclass(frozen=True)
class Part:
    """What one Spark partition fetches. Names the secret, never holds it."""

    slices: tuple[Slice, ...]
    connection: RestConnection
    declared: Rest
    source: str
    partition: Partition
    share: int
    schema: pa.Schema
    read: Read


def fetch(
    spark: "SparkSession",
    connection: RestConnection,
    declared: Rest,
    *,
    source: str,
    partition: Partition,
    schema: pa.Schema,
    read: Read,
) -> "DataFrame":
    """The day's records, a column more than `schema` has: error. Fetch it once, then `require_whole`.

    Raises Misconfigured where the driver does not find the secret.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    Client(connection, declared, source=source, partition=partition)
    wanted = slices(declared, partition)
    share = max(1, min(spark.sparkContext.defaultParallelism, connection.concurrency, len(wanted)))
    parts = [
        Part(tuple(wanted[number::share]), connection, declared, source, partition, share, schema, read)
        for number in range(share)
    ]
    columns = from_arrow_schema(schema.append(pa.field("error", pa.string())))
    name = "rest_" + re.sub(r"\W", "_", source)
    return batches_as_frame(spark, name=name, schema=columns, parts=parts, read=read_part)


def read_part(part: Part) -> Iterator[pa.RecordBatch]:
    """A batch a page, or one row with the first error. The other slices of the part stop with it."""
    stop = threading.Event()
    client = Client(part.connection, part.declared, source=part.source, partition=part.partition, share=part.share)

    def chain(slice_: Slice) -> list[pa.RecordBatch]:
        try:
            return client.chain(slice_, read=part.read, stop=stop)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(client.concurrency) as pool:
        for future in [pool.submit(chain, slice_) for slice_ in part.slices]:
            try:
                batches = future.result()
            except PipelineError as error:
                yield _failure(part.schema, error)
                return
            for batch in batches:
                yield batch.append_column("error", pa.nulls(len(batch), pa.string()))


def _failure(schema: pa.Schema, error: PipelineError) -> pa.RecordBatch:
    columns = {name: pa.nulls(1, type_) for name, type_ in zip(schema.names, schema.types, strict=True)}
    return pa.RecordBatch.from_pydict({**columns, "error": pa.array([packed(error)], pa.string())})


def require_whole(fetched: "DataFrame", *, source: str, partition: Partition) -> int:
    """How many records there are. The first action on them: raises what the workers met."""
    from pyspark.sql import functions as F

    row = fetched.agg(F.count("*").alias("rows"), F.min("error").alias("error")).first()
    assert row is not None, "an aggregate without groups has one row"
    if row.error is not None:
        raise unpacked(row.error, dataset=source, partition=partition)
    return row.rows
