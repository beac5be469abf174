"""Files through Spark's own file systems: local paths and s3:// alike, with the session's credentials."""

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class File:
    uri: str
    size_bytes: int


def find(spark: "SparkSession", pattern: str) -> list[File]:
    """The files that a glob pattern matches, by name. Empty when nothing matches or the folder is missing."""
    path, system = _path(spark, pattern)
    found = system.globStatus(path) or []
    files = [File(each.getPath().toString(), each.getLen()) for each in found if each.isFile()]
    return sorted(files, key=lambda file: file.uri)


def write_gzip(spark: "SparkSession", uri: str, content: bytes) -> None:
    """Replaces the file."""
    path, system = _path(spark, uri)
    stream = system.create(path, True)
    try:
        stream.write(gzip.compress(content))
    finally:
        stream.close()


def _path(spark: "SparkSession", uri: str):  # type: ignore[no-untyped-def]  # objects of the JVM
    jvm, context = spark._jvm, spark.sparkContext._jsc
    path = jvm.org.apache.hadoop.fs.Path(uri)
    return path, path.getFileSystem(context.hadoopConfiguration())
