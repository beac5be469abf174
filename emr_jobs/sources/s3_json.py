"""JSON Lines in gzip files, as lines: any path that Spark reads.

Does not own: parsing (transforms.order_lines). Invariant: a missing or empty folder, an empty object and a
truncated gzip are errors naming path and partition, never fewer rows.
"""

import re
from typing import TYPE_CHECKING

from emr_jobs import storage
from emr_jobs.errors import BadInput, samples
from emr_jobs.partition import Partition

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def lines(spark: "SparkSession", pattern: str, *, dataset: str, partition: Partition, allow_empty: bool) -> "DataFrame":
    """The lines of the files that match, undecoded, as one column `value`."""
    files = storage.find(spark, pattern)
    hollow = [file.uri.rpartition("/")[2] for file in files if file.size_bytes == 0]
    if hollow:
        raise BadInput(
            dataset=dataset,
            partition=partition,
            expected=f"no empty object in {pattern}",
            found=f"{len(hollow)} of {len(files)} with 0 bytes{samples(hollow)}",
            fix="Deliver them again, then rerun the partition.",
        )
    if files:
        # \n only: Spark would also end a line at a lone \r, which is white space inside JSON.
        return spark.read.option("lineSep", "\n").text([file.uri for file in files])
    if not allow_empty:
        raise nothing_delivered(pattern, dataset=dataset, partition=partition)
    return spark.createDataFrame([], "value string")


def nothing_delivered(pattern: str, *, dataset: str, partition: Partition) -> BadInput:
    return BadInput(
        dataset=dataset,
        partition=partition,
        expected=f"files in {pattern}",
        found="none (the folder is missing or empty)",
        fix="Deliver the day, or if it really has no orders: --allow-empty.",
    )


def unreadable(error: Exception, *, dataset: str, partition: Partition) -> BadInput | None:
    """What a failed Spark action says about an input file, or None when it failed for another reason."""
    message = str(error)
    file = re.search(r"FAILED_READ_FILE[.\w]*\]?\s*Encountered error while reading file (\S+?)\.?\s", message)
    if not file:
        return None
    cause = re.findall(r"(?:EOFException|ZipException|IOException|DataFormatException): ?([^\n]+)", message)
    return BadInput(
        dataset=dataset,
        partition=partition,
        expected="whole gzip files",
        found=f"{file.group(1)} that does not unpack ({cause[-1].strip() if cause else 'no reason given'})",
        fix="Deliver the file again, then rerun the partition.",
    )
