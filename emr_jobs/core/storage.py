"""Files through Spark's own file systems: local paths and s3:// alike, with the session's credentials."""

import gzip
from typing import TYPE_CHECKING

from emr_jobs.core.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def write_gzip(spark: "SparkSession", uri: str, content: bytes) -> None:
    """Replaces the file."""
    path, system = _path(spark, uri)
    stream = system.create(path, True)
    try:
        stream.write(gzip.compress(content))
    finally:
        stream.close()


def _path(spark: "SparkSession", uri: str):  # type: ignore[no-untyped-def]  # objects of the JVM
    path = java_class(spark._jvm, "org.apache.hadoop.fs.Path")(uri)
    return path, path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
