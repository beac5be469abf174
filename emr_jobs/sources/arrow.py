"""Arrow batches that executors make, as a DataFrame: the Python Data Source that the other sources share.

`batches_as_frame` pickles the parts to the executors, where `read` turns each into record batches. Invariant:
a batch has exactly the declared columns in the declared order; Spark checks the names of the first one only.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from emr_jobs.core.errors import AccessDenied, BadInput, PipelineError, Remedy, Unavailable
from emr_jobs.core.partition import Partition

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

Part = TypeVar("Part")


def batches_as_frame(
    spark: "SparkSession",
    *,
    name: str,
    schema: "str | StructType",
    parts: Sequence[Part],
    read: Callable[[Part], Iterator["pa.RecordBatch"]],
) -> "DataFrame":
    """One Spark partition a part. Text as `schema` is DDL; `read` runs on the executors, where it resolves secrets."""
    from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

    class Reader(DataSourceReader):
        def partitions(self) -> list[InputPartition]:
            return [InputPartition(number) for number in range(len(parts))]

        def read(self, partition: InputPartition) -> Iterator["pa.RecordBatch"]:
            return read(parts[partition.value])

    class Source(DataSource):
        @classmethod
        def name(cls) -> str:
            return name

        def schema(self) -> "str | StructType":
            return schema

        def reader(self, schema: object) -> DataSourceReader:
            return Reader()

    spark.dataSource.register(Source)
    return spark.read.format(name).load()


def packed(error: PipelineError) -> str:
    """As a value of a row: an exception in a worker would reach the driver as the text of a stack trace."""
    import orjson

    facts = {"expected": error.expected, "found": error.found, "fix": error.fix, "remedy": error.remedy}
    return orjson.dumps({"kind": type(error).__name__, **facts}).decode()


_KINDS = {kind.__name__: kind for kind in (AccessDenied, BadInput, Unavailable)}


def unpacked(text: str, *, dataset: str, partition: Partition) -> PipelineError:
    import orjson

    facts = orjson.loads(text)
    remedy = Remedy(facts.pop("remedy"))
    return _KINDS[facts.pop("kind")](dataset=dataset, partition=partition, remedy=remedy, **facts)
