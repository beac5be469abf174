"""The records of a day's files over Spark's workers, one pass; and the first of them without Spark.

Python workers open each listed file once, by its exact name; Spark would hide names that begin with `_` or `.` and
take `[` for a pattern. After a file's records comes the row that reports it; `require_whole` compares these rows with
the listing. A worker stops at its first error.
Does not own: how a format is read (json_lines, csv_rows, parquet_rows), what a record says.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from emr_jobs.contracts.read import Files
from emr_jobs.core.errors import Misconfigured, PipelineError
from emr_jobs.core.partition import Partition
from emr_jobs.sources.arrow import batches_as_frame
from emr_jobs.sources.files import csv_rows, json_lines, parquet_rows, reports
from emr_jobs.sources.files.listing import File
from emr_jobs.sources.files.opening import opened, packing_of, unpacked
from emr_jobs.sources.files.refusals import refusals

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

# A row a line that is not blank (value), and a row a file: its place in the listing, with its records or its error.
LINES_SCHEMA = "value binary, file int, records bigint, error string"

Records = Callable[[File], Iterator[list[Any]]]  # of a file, in batches
Read = Callable[[list[Any]], "pa.RecordBatch"]  # one row a record


def fetch(
    spark: "SparkSession",
    files: Sequence[File],
    declared: Files,
    *,
    source: str,
    partition: Partition,
    schema: "pa.Schema",
    read: Read,
    columns: Sequence[str] = (),
) -> "DataFrame":
    """What `read` makes of the records, of `schema`, and the reports' columns: file, records, error.

    `read` is pickled to the workers. `columns`: of a CSV without a header, in the file's order. Raises nothing of what
    is wrong with a file: that is in the reports.
    """
    records = _records_as(declared, columns, source=source, partition=partition)
    return _frame(spark, files, records, read, reports.with_report(schema, source=source), name="files")


def lines(spark: "SparkSession", files: Sequence[File], *, dataset: str, partition: Partition) -> "DataFrame":
    """LINES_SCHEMA: the lines as they are, in gzip or zstd where the file's name ends so."""
    import pyarrow as pa

    schema = reports.with_report(pa.schema({"value": pa.binary()}), source=dataset)
    return _frame(
        spark, files, partial(lines_of, source=dataset, partition=partition), as_lines, schema, name="json_lines"
    )


def first_records(
    files: Sequence[File],
    declared: Files,
    *,
    source: str,
    partition: Partition,
    limit: int,
    columns: Sequence[str] = (),
) -> list[Any]:
    """In the order of the files. Raises what is wrong with one as far as it was read."""
    records = _records_as(declared, columns, source=source, partition=partition)
    return list(islice(chain.from_iterable(chain.from_iterable(map(records, files))), limit))


def _records_as(declared: Files, columns: Sequence[str], *, source: str, partition: Partition) -> Records:
    if declared.format == "csv" and not declared.csv.header and not columns:
        raise Misconfigured(f"{source}: a CSV without a header needs the names of its columns from the contract")
    return partial(records_of, declared=declared, columns=tuple(columns), source=source, partition=partition)


def records_of(
    file: File, *, declared: Files, columns: Sequence[str], source: str, partition: Partition
) -> Iterator[list[Any]]:
    packing = packing_of(file.name) if declared.compression == "by_name" else declared.compression
    with refusals(file.name, dataset=source, partition=partition), opened(file) as raw:
        match declared.format:
            case "json_lines":
                yield from json_lines.records(unpacked(raw, packing))
            case "csv":
                yield from csv_rows.records(unpacked(raw, packing), declared.csv, columns)
            case "parquet":  # its columns are packed, each by itself
                yield from parquet_rows.records(raw)


def lines_of(file: File, *, source: str, partition: Partition) -> Iterator[list[bytes]]:
    with refusals(file.name, dataset=source, partition=partition), opened(file) as raw:
        yield from json_lines.lines(unpacked(raw, packing_of(file.name)))


def as_lines(values: list[Any]) -> "pa.RecordBatch":
    import pyarrow as pa

    return pa.RecordBatch.from_pydict({"value": pa.array(values, pa.binary())})


def _frame(
    spark: "SparkSession", files: Sequence[File], records: Records, read: Read, schema: "pa.Schema", *, name: str
) -> "DataFrame":
    """Few large files are spread over the cores after reading: a packed file has one reader."""
    from pyspark.sql.pandas.types import from_arrow_schema

    columns = from_arrow_schema(schema)
    if not files:
        return spark.createDataFrame([], columns)
    cores = int(str(spark.conf.get("spark.sql.shuffle.partitions")))
    shares = _shares(files, min(cores, len(files)))
    parts = [Part(tuple((number, files[number]) for number in share), records, read, schema) for share in shares]
    frame = batches_as_frame(spark, name=name, schema=columns, parts=parts, read=read_part)
    heaviest = max(sum(files[number].size_bytes for number in share) for share in shares)
    is_even = heaviest * cores <= 1.5 * sum(file.size_bytes for file in files)
    return frame if is_even else frame.repartition(cores)


def _shares(files: Sequence[File], count: int) -> list[list[int]]:
    """The places of the files in so many shares of about the same size."""
    shares: list[list[int]] = [[] for _ in range(count)]
    lightest = [(0, 0, place) for place in range(count)]  # bytes and files of each
    for number in sorted(range(len(files)), key=lambda each: -files[each].size_bytes):
        size_bytes, held, place = heapq.heappop(lightest)
        shares[place].append(number)
        heapq.heappush(lightest, (size_bytes + files[number].size_bytes, held + 1, place))
    return shares


@dataclass(frozen=True)
class Part:
    """What one Spark partition reads: files with their places in the listing."""

    files: tuple[tuple[int, File], ...]
    records: Records
    read: Read
    schema: "pa.Schema"  # with the report


def read_part(part: Part) -> Iterator["pa.RecordBatch"]:
    for number, file in part.files:
        count = 0
        try:
            for records in part.records(file):
                count += len(records)
                yield reports.of_records(part.read(records), part.schema)
        except PipelineError as error:
            yield reports.of_file(part.schema, file=number, error=error)
            return
        yield reports.of_file(part.schema, file=number, records=count)
