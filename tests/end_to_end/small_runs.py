"""Runs of small jobs through the real frame, each in a thread of its own and stopped at named points.

The jobs publish a row or two into the real datasets: `extract` loans and their rejects, `catalogue` what it makes of
both, in the lake and behind the alias. Every row names the run that made it. One run goes on at a time, so the order
in which two of them reach their points is the test's.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest import mock

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from emr_jobs import job as frame
from emr_jobs.catalog import RUN_JOB
from emr_jobs.contracts.table import spark_type
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Settings, load
from emr_jobs.frame.job_run import JobRun
from emr_jobs.frame.report import Finding
from emr_jobs.publish import day as publish_day
from emr_jobs.publish import fence, lake
from emr_jobs.publish.search import SearchIndex
from emr_jobs.rollback import rollback
from pipeline_assets import lake as lake_of_readers
from pipeline_assets.lake import catalog
from tests.domains import LIBRARY
from tests.running import arguments_of, documents, session_for

REJECTED, LOANS = "staged.rejected_loans", "staged.loans"
LENDING, BRANCH_DAYS, INDEX = "marts.lending", "marts.branch_days", "find.lending"
TABLES = (REJECTED, LOANS, LENDING, BRANCH_DAYS)

POINTS: dict[str, tuple[Any, str]] = {
    "inputs": (fence, "read"),
    "stage": (publish_day, "stage"),
    "load": (publish_day, "load"),
    "audit": (publish_day, "audit_staged"),
    "commits": (publish_day, "commit"),
    "publish of a table": (lake, "publish"),
    "commit of a table": (lake, "_replace_day"),  # what it replaces was looked at
    "swap": (publish_day, "swap"),
    "change of the alias": (SearchIndex, "change_alias"),  # tried first; then what it replaces was looked at
    "look at the alias": (SearchIndex, "published"),
}


def extract(label: str) -> Callable[[JobRun], None]:
    def body(run: JobRun) -> None:
        rows = {REJECTED: row(run, REJECTED, raw=label), LOANS: row(run, LOANS, loan_id=label)}
        publish_day.publish_lake(run, rows)

    return body


def catalogue(label: str) -> Callable[[JobRun], None]:
    def body(run: JobRun) -> None:
        read = fence.read(run, [REJECTED, LOANS])
        loan = publish_day.view(run, LOANS, read[LOANS].snapshot_id).first()
        assert loan is not None
        lending = row(run, LENDING, loan_id=loan["loan_id"], title=label)
        days = publish_day.stage(run, {LENDING: lending, BRANCH_DAYS: row(run, BRANCH_DAYS, branch=label)})
        inputs = {dataset: day.version for dataset, day in read.items()}
        document = lending.select("partition_date", "loan_id", "title")
        publish_day.publish_both(run, days, INDEX, document, expected=1, inputs=inputs, measures={})

    return body


def row(run: JobRun, dataset: str, **values: str) -> DataFrame:
    def column(name: str, kind: str) -> Any:
        if name == "partition_date":
            return F.lit(run.partition.date).alias(name)
        if kind.startswith("array"):
            return F.array().cast(kind).alias(name)
        return F.lit(values.get(name)).cast(kind).alias(name)

    columns = [column(each.name, spark_type(each)) for each in run.contract(dataset).columns]
    return run.spark.range(1).select(*columns)


@dataclass
class Run:
    """`until`, `step` and `end` let it go on; between them it stands still."""

    arguments: list[str]
    body: Callable[[JobRun], None]
    spark: SparkSession
    error: Exception | None = None
    _at: tuple[str | None, int] | None = None
    _passed: Counter[str] = field(default_factory=Counter)
    _go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _stands: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _thread: threading.Thread | None = None

    def until(self, point: str, number: int = 1) -> "Run":
        """Before it passes the point for the so-manieth time."""
        self._at = (point, number)
        self._continue()
        assert self._passed[point] == number, f"ended before {point} {number}: {self.error}"
        return self

    def step(self) -> bool:
        """To its next point, whichever that is; False when it has ended instead."""
        passed = self._passed.total()
        self._at = None, 0
        self._continue()
        return self._passed.total() > passed

    def end(self) -> Exception | None:
        self._at = None
        self._continue()
        assert self._thread is not None
        self._thread.join()
        return self.error

    def arrives(self, point: str) -> None:
        self._passed[point] += 1
        if self._at in ((None, 0), (point, self._passed[point])):
            self._stands.release()
            self._go.acquire()

    def _continue(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        else:
            self._go.release()
        self._stands.acquire()

    def _run(self) -> None:
        _here.run = self
        try:
            settings = load(self.arguments[self.arguments.index("--settings") + 1])
            given = frame.parser(RUN_JOB).parse_args(self.arguments)
            frame.run(given, self.body, spark=session_for(self.spark, settings))
        except Exception as error:  # noqa: BLE001  # the test's to judge
            self.error = error
        finally:
            self._stands.release()


_here = threading.local()


@contextmanager
def stoppable() -> Iterator[None]:
    """Every run of this thread's children stops at the points; checks pass unseen."""

    def stopping(point: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def arriving(*arguments: Any, **options: Any) -> Any:
            if run := getattr(_here, "run", None):
                run.arrives(point)
            return original(*arguments, **options)

        return arriving

    def passed(run: JobRun, days: object, *, measures: object) -> list[Finding]:
        findings = [Finding(dataset, check, True, "", "") for dataset, check in run.domain.checks_of(run.job)]
        for finding in findings:
            run.report.check(finding)
        return findings

    def index_passed(run: JobRun, loaded: publish_day.Loaded, check: Any, *, expected: int) -> Finding:
        return Finding(loaded.target.contract.id, check, loaded.documents == expected, "", "")

    with mock.patch.multiple(publish_day, audit_staged=passed, audit_index=index_passed):
        originals = [(owner, name, getattr(owner, name)) for owner, name in POINTS.values()]
        for point, (owner, name) in POINTS.items():
            setattr(owner, name, stopping(point, getattr(owner, name)))
        try:
            yield
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)


@dataclass(frozen=True)
class SmallDay:
    spark: SparkSession
    settings_uri: str
    partition: Partition

    @property
    def settings(self) -> Settings:
        return load(self.settings_uri)

    def run(self, job: str, label: str, *, run_id: str | None = None, attempt: int = 0) -> Run:
        name, body = {"extract": ("extract_loans", extract), "catalogue": ("catalogue", catalogue)}[job]
        arguments = arguments_of(
            name, settings_uri=self.settings_uri, partition=str(self.partition), run_id=run_id, attempt=attempt
        )
        return Run(arguments, body(label), self.spark)

    def rollback(self, job: str, version: str) -> Run:
        name = {"extract": "extract_loans", "catalogue": "catalogue"}[job]
        arguments = arguments_of(
            name, settings_uri=self.settings_uri, partition=str(self.partition), run_id=None, attempt=0
        )
        return Run(arguments, partial(rollback, version=version), self.spark)

    def published(self, job: str, label: str, *, run_id: str | None = None, attempt: int = 0) -> None:
        error = self.run(job, label, run_id=run_id, attempt=attempt).end()
        assert error is None, error

    def shown(self) -> dict[str, list[tuple[str, ...]]]:
        """What readers find: the run that made it, and before it of loans and documents the one that made the input."""
        tables = {
            dataset: catalog(self.settings).load_table(dataset) for dataset in (REJECTED, LOANS, LENDING, BRANCH_DAYS)
        }
        day = f"partition_date == '{self.partition}'"
        rows = {dataset: table.scan(row_filter=day).to_arrow().to_pylist() for dataset, table in tables.items()}
        rows[INDEX] = documents(self.settings, str(self.partition))
        names = {REJECTED: ["raw"], LOANS: ["loan_id"], BRANCH_DAYS: ["branch"]}
        return {
            dataset: [tuple(each[name] for name in names.get(dataset, ["loan_id", "title"])) for each in found]
            for dataset, found in rows.items()
        }

    def versions(self) -> dict[str, list[tuple[str | None, Any]]]:
        """Of each dataset that is read or made: version and those of its inputs; of the index from its mapping."""
        found: dict[str, list[tuple[str | None, Any]]] = {}
        for dataset in TABLES:
            version = lake_of_readers.version(catalog(self.settings).load_table(dataset), self.partition)
            found[dataset] = [(version.wap_id, version.inputs)] if version else []
        target = SearchIndex(self.settings.search, LIBRARY.contracts[INDEX])
        for index in target.published(self.partition):
            version = target.version(index.name)
            assert version is not None
            found.setdefault(INDEX, []).append((version.wap_id, version.inputs))
        return found
