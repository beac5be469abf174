"""Record batches of executors as a DataFrame."""

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import SparkSession

from emr_jobs.sources.arrow import batches_as_frame


def test_a_batch_without_rows_is_no_end(spark: SparkSession) -> None:
    def read(counts: list[int]) -> Iterator[pa.RecordBatch]:
        for count in counts:
            yield pa.record_batch({"count": pa.array([count] * count, pa.int32())})

    frame = batches_as_frame(spark, name="counts", schema="count int", parts=[[0, 2, 0, 0, 1], [0], [3]], read=read)
    assert sorted(row["count"] for row in frame.collect()) == [1, 2, 2, 3, 3, 3]
