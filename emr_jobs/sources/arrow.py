"""Arrow batches that executors make, as a DataFrame: the Python Data Source that the other sources share.

`batches_as_frame` pickles the parts to the executors, where `read` turns each into record batches. Invariant:
a batch has exactly the declared columns in the declared order; Spark checks the names of the first one only.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

Part = TypeVar("Part")


def batches_as_frame(
    spark: "SparkSession",
    *,
    name: str,
    schema: str,
    parts: Sequence[Part],
    read: Callable[[Part], Iterator["pa.RecordBatch"]],
) -> "DataFrame":
    """One Spark partition a part. `schema` is DDL; `read` runs on the executors, where it resolves secrets."""
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

        def schema(self) -> str:
            return schema

        def reader(self, schema: object) -> DataSourceReader:
            return Reader()

    spark.dataSource.register(Source)
    return spark.read.format(name).load()
