"""A Spark session beside Dagster, for a step that reads what is published."""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Settings, Spark
from emr_jobs.frame.session import session_conf

from pipeline_assets.command import local_environment, local_submit, scratch_folder
from pipeline_assets.process import end_with_starter

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def spark_session(settings: Settings, *, name: str) -> Iterator["SparkSession"]:
    """dagster-pyspark's session, started with a local job's command line and session settings, stopped after use.

    Raises Misconfigured where the process has a session already: it may read another lake, and is not ours to stop.
    """
    from dagster_pyspark import PySparkResource
    from pyspark import SparkContext

    end_with_starter()
    if SparkContext._active_spark_context is not None:
        raise Misconfigured(
            f"{name}: a Spark session runs in this process. Give the step one of its own (multiprocess)"
        )
    resource = PySparkResource(spark_config={"spark.app.name": name, **session_conf(settings)})
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder())
        submit = {"PYSPARK_SUBMIT_ARGS": _submit_arguments(settings.spark, scratch)}
        stack.enter_context(_environment({**local_environment(scratch), **submit}))
        with _no_child_after_failure():
            spark = stack.enter_context(resource.process_config_and_initialize_cm()).spark_session
        stack.callback(spark.stop)  # which dagster-pyspark never does
        yield spark


def _submit_arguments(spark: Spark, scratch: Path) -> str:
    """The options of a local job's spark-submit: what must be known before the JVM starts."""
    if spark.jars is None:
        raise Misconfigured(
            "spark.jars is not set: a check in Spark runs beside Dagster and needs Iceberg's jars there. "
            "Fetch them (make setup) and set spark.jars to their folder."
        )
    _, *options, _script = local_submit("", [], spark, scratch)
    return shlex.join([*options, "pyspark-shell"])


@contextmanager
def _no_child_after_failure() -> Iterator[None]:
    """Kills what was started when the start fails or is interrupted.

    PySpark then removes the folder in which its JVM is about to write its port; the JVM's main thread ends with that
    error, another one waits for connections, and the process stays for good.
    """
    this = psutil.Process()
    before = this.children(recursive=True)
    try:
        yield
    except BaseException:
        for child in this.children(recursive=True):
            if child not in before:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        raise


@contextmanager
def _environment(changed: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changed)
    try:
        yield
    finally:
        for name in changed.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
