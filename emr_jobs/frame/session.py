"""The Spark session of a job: Iceberg catalog, file systems, time zone.

Does not own: what must be known before the JVM starts (memory, jars, JVM options), which is on the command
line that starts the job.
"""

from typing import TYPE_CHECKING

from emr_jobs.contracts import Contract
from emr_jobs.contracts.table import CATALOG, PREFIX, table_identifier
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Aws, Lake, Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"


def session_conf(settings: Settings) -> dict[str, str]:
    """Pure: the session's settings by name."""
    return {
        "spark.sql.session.timeZone": "UTC",
        # PySpark records where each column was made, at three calls to the JVM each; plans build in half the time.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.sql.shuffle.partitions": str(settings.spark.shuffle_partitions),
        # Of a batch that goes to Python; of ordinary lines the 10,000 that Spark sends at once have a tenth.
        "spark.sql.execution.arrow.maxBytesPerBatch": str(64 * 2**20),
        # EMR 8.x reads s3:// with S3A; so do local runs against real S3 or an emulator.
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.sql.extensions": EXTENSIONS,
        # Executors and their Python are other processes than the one that read the settings.
        **{f"spark.executorEnv.{name}": value for name, value in settings.aws.region_environment.items()},
        **catalog_conf(settings.lake),
        **(endpoint_conf(settings.aws) if settings.aws.endpoint else {}),
    }


def endpoint_conf(aws: Aws) -> dict[str, str]:
    """Spark's and Iceberg's own clients at another AWS than the real one."""
    catalog, endpoint = f"spark.sql.catalog.{CATALOG}", str(aws.endpoint)
    return {
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        f"{catalog}.s3.endpoint": endpoint,
        f"{catalog}.s3.path-style-access": "true",
        f"{catalog}.glue.endpoint": endpoint,
    }


def catalog_conf(lake: Lake) -> dict[str, str]:
    catalog = f"spark.sql.catalog.{CATALOG}"
    conf = {
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": lake.catalog,
        f"{catalog}.warehouse": lake.warehouse,
        f"{catalog}.{PREFIX}": lake.database_prefix,
        # A job reads what another process published a moment ago: never a cached table.
        f"{catalog}.cache-enabled": "false",
    }
    if lake.catalog == "jdbc":
        conf[f"{catalog}.uri"] = f"jdbc:sqlite:file:{lake.uri}?busy_timeout=30000"
        conf[f"{catalog}.jdbc.schema-version"] = "V1"
    return conf


def table_name(spark: "SparkSession", contract: Contract) -> str:
    """Of a dataset in this session: lake.<database>.<name>."""
    prefix = spark.conf.get(f"spark.sql.catalog.{CATALOG}.{PREFIX}")
    assert prefix is not None, "set by catalog_conf"
    return ".".join((CATALOG, *table_identifier(contract, prefix)))


def start(settings: Settings, *, name: str) -> "SparkSession":
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName(name)
    for key, value in session_conf(settings).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    _require_utf8(session)
    session.sparkContext.setLogLevel("WARN")
    return session


def _require_utf8(session: "SparkSession") -> None:
    """Text would be published with question marks in it, by readers in Spark that take the JVM's own charset."""
    assert session._jvm is not None
    charset = session._jvm.java.nio.charset.Charset.defaultCharset().name()
    if charset != "UTF-8":
        raise Misconfigured(
            f"Spark's JVM: expected charset UTF-8, found {charset}. Start it with "
            "--conf spark.driver.extraJavaOptions=-Dfile.encoding=UTF-8, and the executors likewise."
        )
