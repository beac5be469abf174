"""How tests run the pipeline: verbs as a user types them, jobs as processes or in the tests' own Spark.

Also what readers see of a day, as one value that can be compared before and after.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import boto3
import pytest
import tomlkit
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from emr_jobs import job as frame
from emr_jobs.catalog import RUN_JOB
from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain, domain_of
from emr_jobs.frame import session
from emr_jobs.publish.search import SearchIndex
from local_stack import jars
from pipeline_assets import lake
from pipeline_assets.cli import app
from pipeline_assets.command import UTF8, job_arguments, local_environment, local_submit
from pipeline_assets.home import ROOT
from pipeline_assets.search import index_of
from tests.domains import LIBRARY

# The first compiler alone has 48 MB for what it has compiled; the tests' many queries fill them, and everything is
# compiled again and again.
_JVM = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC -Xlog:disable -Xlog:all=off"


PIPELINE = str(Path(sys.executable).with_name("pipeline"))  # the command of this environment


@dataclass(frozen=True)
class Ended:
    code: int
    output: str  # stdout and stderr

    @property
    def last_line(self) -> str:
        return self.output.strip().splitlines()[-1]


@dataclass(frozen=True)
class Typed:
    """What a verb answered in this process."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Day:
    """A running stack and one of its partitions."""

    home: Path
    data: Path
    settings_uri: str
    partition: str
    truth: dict[str, Any] = field(default_factory=dict)
    said: str = ""  # what `pipeline run` printed when it published the day
    history: Path | None = None  # a copy of Dagster's, as that run left it

    @cached_property
    def settings(self) -> Settings:
        return settings_module.load(self.settings_uri)

    def settings_with(self, folder: Path, **sections: dict[str, Any]) -> str:
        """A copy of the settings with some keys changed, `connections_club={"url": ...}`; returns its path."""
        values = tomlkit.parse(Path(self.settings_uri).read_text()).unwrap()
        for path, changes in sections.items():
            section = values
            for name in path.split("_"):
                section = section.setdefault(name, {})
            section.update(changes)
        changed = folder / f"settings-{uuid4().hex[:6]}.toml"
        changed.write_text(tomlkit.dumps(values))
        return str(changed)


def typed(*arguments: str, home: Path, answer: str = "", env: dict[str, str] | None = None) -> Typed:
    """The command as a user types it, in this process; neither its environment nor its AWS clients outlive it.

    Nobody answers unless there is an answer. What a verb does not say in a sentence is raised here.
    """
    with (
        mock.patch.dict(os.environ, command_environment(home, env), clear=True),
        mock.patch.object(boto3, "DEFAULT_SESSION", None),
    ):
        ended = CliRunner().invoke(app, arguments, answer, prog_name="pipeline", catch_exceptions=False)
    return Typed(ended.exit_code, ended.stdout, ended.stderr)


def pipeline(*arguments: str, home: Path, env: dict[str, str] | None = None) -> Ended:
    """The command as a user types it, in a process of its own, without a terminal: nobody answers."""
    return finished(pipeline_process(*arguments, home=home, env=env))


def pipeline_process(*arguments: str, home: Path, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [PIPELINE, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=command_environment(home, env),
    )


def domain_at(settings_uri: str) -> Domain:
    """That these settings name; the library where they are wrong, which the job is to say by itself."""
    try:
        return domain_of(settings_module.load(settings_uri))
    except Misconfigured:
        return LIBRARY


def arguments_of(name: str, *, settings_uri: str, partition: str, run_id: str | None, attempt: int) -> list[str]:
    return job_arguments(
        domain_at(settings_uri).job(name),
        partition=("--partition", partition),
        settings=settings_uri,
        run_id=run_id or uuid4().hex,
        attempt=str(attempt),
    )


def job_process(
    name: str, *, settings_uri: str, partition: str, run_id: str | None = None, attempt: int = 0
) -> "subprocess.Popen[str]":
    """A job as spark-submit starts it."""
    job = domain_at(settings_uri).job(name)
    arguments = arguments_of(name, settings_uri=settings_uri, partition=partition, run_id=run_id, attempt=attempt)
    command = local_submit(job.script, arguments, settings_module.load(settings_uri).spark)
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=local_environment()
    )


def finished(process: "subprocess.Popen[str]") -> Ended:
    output, _ = process.communicate()
    return Ended(process.returncode, output)


def command_environment(home: Path, changed: dict[str, str] | None = None) -> dict[str, str]:
    """This process's without what its Spark was started with."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYSPARK_", "SPARK_"))}
    return {**own, "PIPELINE_HOME": str(home), "COLUMNS": "250", **(changed or {})}


@contextmanager
def one_spark() -> Iterator[SparkSession]:
    """Two cores, UTC, the jars of the jobs; one a process. Its catalog is set by `session_for`."""
    archive = jars.archive("spark")
    options = f"{UTF8} {_JVM}"
    if archive.exists():
        options += f" -XX:SharedArchiveFile={archive}"
    submit = f'--master local[2] --driver-memory 1g --driver-class-path "{jars.folder("spark")}/*"'
    submit = f'{submit} --driver-java-options "{options}" pyspark-shell'
    wanted = {**local_environment(), "PYSPARK_SUBMIT_ARGS": submit}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in wanted.items() - os.environ.items():  # no more: it outlives what else is set meanwhile
            patch.setenv(name, value)
        builder = SparkSession.builder.appName("tests").config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false")
        builder = builder.config("spark.sql.extensions", session.EXTENSIONS).config("spark.log.level", "ERROR")
        builder = builder.config("spark.python.sql.dataFrameDebugging.enabled", "false")  # asked once a process
        running = builder.getOrCreate()
        yield running
        running.stop()


def session_for(spark: SparkSession, settings: Settings) -> SparkSession:
    """A session of its own, views and catalog included, on the tests' one Spark."""
    own = spark.newSession()
    for key, value in session.session_conf(settings).items():
        with suppress(PySparkException):  # fixed when the session's JVM started
            own.conf.set(key, value)
    assert own._jvm is not None
    own._jvm.org.apache.spark.sql.classic.SparkSession.setActiveSession(own._jsparkSession)  # what Iceberg asks
    return own


@dataclass(frozen=True)
class InProcess:
    """Runs jobs through their `main`, in the tests' Spark: the same code without the start of a JVM."""

    spark: SparkSession

    def __call__(
        self,
        name: str,
        *,
        settings_uri: str,
        partition: str,
        run_id: str | None = None,
        attempt: int = 0,
        more: Sequence[str] = (),
    ) -> Ended:
        arguments = [
            *arguments_of(name, settings_uri=settings_uri, partition=partition, run_id=run_id, attempt=attempt),
            *more,
        ]
        spark = self.spark
        with suppress(Misconfigured):  # which the job is to say by itself
            spark = session_for(spark, settings_module.load(settings_uri))
        output = StringIO()
        try:
            with redirect_stdout(output), redirect_stderr(output):
                frame.main(frame.parser(RUN_JOB).parse_args(arguments), spark=spark)
        except SystemExit as ended:
            return Ended(ended.code if isinstance(ended.code, int) else 1, output.getvalue())


def readers_see(settings: Settings, partition: str) -> dict[str, Any]:
    """Of one day: the rows of every table, and the index behind the alias with its document count."""
    seen: dict[str, Any] = {name: sorted(map(repr, rows)) for name, rows in table_rows(settings, partition).items()}
    index = index_of(settings)
    target = SearchIndex(settings.search, index)
    seen[index.id] = [
        (each.name, target.client.count(index=each.name)["count"])
        for each in target.published(domain_of(settings).calendar.partition(partition))
    ]
    return seen


def table_rows(settings: Settings, partition: str) -> dict[str, list[dict[str, Any]]]:
    """What readers of the lake find of one day."""
    catalog = lake.catalog(settings)
    day = f"partition_date == '{partition}'"
    tables = {each.id: catalog.load_table(lake.identifier(catalog, each)) for each in domain_of(settings).tables}
    return {name: table.scan(row_filter=day).to_arrow().to_pylist() for name, table in tables.items()}


def documents(settings: Settings, partition: str) -> list[dict[str, Any]]:
    """What readers of the search index find of one day."""
    from opensearchpy.helpers import scan

    contract = index_of(settings)
    target, (key,) = SearchIndex(settings.search, contract), contract.key
    hits = list(scan(target.client, index=target.alias, query={"query": {"term": {"partition_date": partition}}}))
    assert all(hit["_id"] == hit["_source"][key] for hit in hits)
    return [hit["_source"] for hit in hits]


def wait_for(condition: Callable[[], object]) -> None:
    """Until it holds; a test that waits in vain ends by its time-out."""
    while not condition():
        time.sleep(0.25)  # each look costs client and service some CPU
