"""JSON Lines in files, as raw lines: on S3 or on this machine, in gzip where the name ends in .gz.

Python workers open each listed file once, by its exact name; Spark would hide names that begin with `_` or `.` and
take `[` for a pattern. A file ends with a row that reports it: how many lines it gave, 0 included, or the error that
a person reads. `require_whole` compares these reports with the listing.
Does not own: which files match (listing), what a line says (transforms.order_line). Invariant: a missing or empty
folder, an empty object, a truncated gzip and a file that was not read once are errors, never fewer rows.
"""

import gzip
import heapq
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from emr_jobs.errors import AccessDenied, BadInput, PipelineError, Remedy, Unavailable, samples
from emr_jobs.partition import Partition
from emr_jobs.s3_uri import bucket_and_key
from emr_jobs.sources.arrow import batches_as_frame, packed, unpacked
from emr_jobs.sources.listing import File, listing

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, Row, SparkSession

# A row a line that is not blank (value), and a row a file: its place in the listing, with its lines or its error.
LINES_SCHEMA = "value binary, file int, lines bigint, error string"

CHUNK_BYTES = 4 * 2**20
LONGEST_LINE_BYTES = 64 * 2**20
IN_MEMORY_BYTES = 16 * 2**20  # of a packed file from S3; a larger one waits on disk

_JSON_SPACE = b" \t\r"  # a line ends at \n, so this is all the white space that JSON allows in it


def listed(pattern: str, *, dataset: str, partition: Partition, allow_empty: bool) -> list[File]:
    """The files that match; none has 0 bytes."""
    with _refusals(pattern, dataset=dataset, partition=partition):
        files = listing(pattern)
    hollow = [file.name.rpartition("/")[2] for file in files if file.size_bytes == 0]
    if hollow:
        raise BadInput(
            dataset=dataset,
            partition=partition,
            expected=f"no empty object in {pattern}",
            found=f"{len(hollow)} of {len(files)} with 0 bytes{samples(hollow)}",
            fix="Deliver them again.",
            remedy=Remedy.RERUN,
        )
    if not files and not allow_empty:
        raise nothing_delivered(pattern, dataset=dataset, partition=partition)
    return files


def nothing_delivered(pattern: str, *, dataset: str, partition: Partition) -> BadInput:
    return BadInput(
        dataset=dataset,
        partition=partition,
        expected=f"files in {pattern}",
        found="none (the folder is missing or empty)",
        fix="Deliver the day.",
        remedy=Remedy.ALLOW_EMPTY,
    )


def lines(spark: "SparkSession", files: Sequence[File], *, dataset: str, partition: Partition) -> "DataFrame":
    """LINES_SCHEMA. Few large files are spread over the cores after reading: a gzip has one reader."""
    if not files:
        return spark.createDataFrame([], LINES_SCHEMA)
    cores = int(str(spark.conf.get("spark.sql.shuffle.partitions")))
    shares = _shares(files, min(cores, len(files)))
    parts = [_Part(tuple((number, files[number]) for number in share), dataset, partition) for share in shares]
    frame = batches_as_frame(spark, name="json_lines", schema=LINES_SCHEMA, parts=parts, read=_read)
    heaviest = max(sum(files[number].size_bytes for number in share) for share in shares)
    is_even = heaviest * cores <= 1.5 * sum(file.size_bytes for file in files)
    return frame if is_even else frame.repartition(cores)


def _shares(files: Sequence[File], count: int) -> list[list[int]]:
    """The places of the files in so many shares of about the same size."""
    shares: list[tuple[int, list[int]]] = [(0, []) for _ in range(count)]
    for number in sorted(range(len(files)), key=lambda each: -files[each].size_bytes):
        size_bytes, share = heapq.heappop(shares)
        heapq.heappush(shares, (size_bytes + files[number].size_bytes, [*share, number]))
    return [share for _, share in shares]


def require_whole(
    reports: Sequence["Row"], files: Sequence[File], rows: int, *, dataset: str, partition: Partition
) -> dict[str, int]:
    """Lines by file, all `rows` of them. `reports`: the rows of files. Raises what the workers met."""
    for report in reports:
        if report["error"] is not None:
            raise unpacked(report["error"], dataset=dataset, partition=partition)
    read = sorted(report["file"] for report in reports)
    found = sum(report["lines"] for report in reports)
    if read != list(range(len(files))) or found != rows:
        raise Unavailable(
            dataset=dataset,
            partition=partition,
            expected=f"each of {len(files)} files to be read once",
            found=f"reports of {len(read)} with {found} lines, and {rows} lines",
            fix="If it happens again, it is a fault of the pipeline.",
            remedy=Remedy.RERUN,
        )
    return {files[report["file"]].name: report["lines"] for report in reports}


@dataclass(frozen=True)
class _Part:
    """What one Spark partition reads: files with their places in the listing."""

    files: tuple[tuple[int, File], ...]
    dataset: str
    partition: Partition


def _read(part: _Part) -> Iterator["pa.RecordBatch"]:
    for number, file in part.files:
        count = 0
        try:
            with _refusals(file.name, dataset=part.dataset, partition=part.partition), _opened(file) as content:
                for found in _split(content):
                    count += len(found)
                    yield _batch(found)
        except PipelineError as error:
            yield _batch([], file=number, error=packed(error))
            return
        yield _batch([], file=number, lines=count)


def _batch(
    values: Sequence[bytes | None], *, file: int | None = None, lines: int | None = None, error: str | None = None
) -> "pa.RecordBatch":
    """Lines, or the report of a file."""
    import pyarrow as pa

    rows = len(values) or 1
    return pa.RecordBatch.from_pydict(
        {
            "value": pa.array(values or [None], pa.binary()),
            "file": pa.array([file] * rows, pa.int32()),
            "lines": pa.array([lines] * rows, pa.int64()),
            "error": pa.array([error] * rows, pa.string()),
        }
    )


class _Unreadable(Exception):
    """What a file is, in the words of the message."""


def _split(content: IO[bytes]) -> Iterator[list[bytes]]:
    """The lines that are not blank, by chunks. They end at \\n only: a lone \\r is white space inside JSON."""
    begun = b""
    while chunk := content.read(CHUNK_BYTES):
        *ended, begun = (begun + chunk).split(b"\n")
        if len(begun) > LONGEST_LINE_BYTES:
            raise _Unreadable(f"that unpacks to a line of more than {LONGEST_LINE_BYTES >> 20} MiB")
        if found := [line for line in ended if line.strip(_JSON_SPACE)]:
            yield found
    if begun.strip(_JSON_SPACE):
        yield [begun]


@contextmanager
def _opened(file: File) -> Iterator[IO[bytes]]:
    """Unpacked. What is there must be what was listed."""
    with _whole(file.name) as raw:
        size_bytes = raw.seek(0, os.SEEK_END)
        if size_bytes != file.size_bytes:
            raise _Unreadable(f"that has {size_bytes} bytes and had {file.size_bytes} when it was listed")
        raw.seek(0)
        if file.name.endswith(".gz"):
            with gzip.open(raw) as content:
                yield content  # type: ignore[misc]  # it has the read that is used
        else:
            yield raw


@contextmanager
def _whole(name: str) -> Iterator[IO[bytes]]:
    """From S3 as a copy: the client takes up a download that breaks, which a reader of the stream could not do."""
    if not name.startswith("s3://"):
        with open(name, "rb") as file:
            yield file
        return
    import boto3
    from boto3.s3.transfer import TransferConfig

    bucket, key = bucket_and_key(name)
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as copy:
        boto3.client("s3").download_fileobj(bucket, key, copy, Config=TransferConfig(use_threads=False))
        yield copy  # type: ignore[misc]


@contextmanager
def _refusals(name: str, *, dataset: str, partition: Partition) -> Iterator[None]:
    """What the file system, S3 and gzip refuse, as errors that name the file."""
    s3 = _refusals_of_s3(name, dataset=dataset, partition=partition) if name.startswith("s3") else nullcontext()
    try:
        with s3:
            yield
    except EOFError:
        found = "that is cut off"
    except gzip.BadGzipFile as error:
        found = "that is no gzip" if str(error).startswith("Not a gzipped file") else "that is damaged"
    except zlib.error:
        found = "that is damaged"
    except _Unreadable as error:
        found = str(error)
    except OSError as error:
        found = f"that is refused ({error.strerror})"
    else:
        return
    raise BadInput(
        dataset=dataset,
        partition=partition,
        expected="whole files",
        found=f"{name} {found}",
        fix="Deliver the file again.",
        remedy=Remedy.RERUN,
    )


@contextmanager
def _refusals_of_s3(name: str, *, dataset: str, partition: Partition) -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("403", "AccessDenied"):
            raise AccessDenied(
                dataset=dataset,
                partition=partition,
                expected=f"S3 to give {name}",
                found=code,
                fix="Let this role read it (s3:ListBucket, s3:GetObject).",
                remedy=Remedy.RERUN,
            ) from None
        if code in ("404", "NoSuchKey", "NoSuchBucket"):
            raise _Unreadable(f"that is not there ({code})") from None
        found = code
    except (BotoCoreError, Boto3Error) as error:
        found = type(error).__name__
    else:
        return
    raise Unavailable(
        dataset=dataset,
        partition=partition,
        expected=f"S3 to give {name}",
        found=found,
        fix="",
        remedy=Remedy.RERUN,
    )
