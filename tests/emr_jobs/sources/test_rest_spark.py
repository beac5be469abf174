"""A day of the library's loans through Spark: what the workers read, and what they met."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from emr_jobs.core.errors import Misconfigured, Unavailable
from emr_jobs.sources.rest import fetch, require_whole
from tests.emr_jobs.sources.library_api import DAY, KEY, SOURCE, connection
from tests.emr_jobs.sources.library_server import LOANS, Library, Wire, hourly, library

SCHEMA = pa.schema({"loan_id": pa.string()})


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Library]:
    """Its key is in a file: the environment of a worker is its own."""
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text(KEY)
    with library() as api:
        api.key = f"file:{tmp_path / 'key'}"
        yield api


def day(spark: SparkSession, api: Library, *, source: str = SOURCE, **changes: Any) -> Any:
    schema = SCHEMA  # by value: a worker does not know this module

    def read(records: list[Any]) -> pa.RecordBatch:
        return pa.RecordBatch.from_pydict({"loan_id": [record["loan_id"] for record in records]}, schema=schema)

    settings = {"url": api.url, "auth": {"kind": "bearer", "token": api.key}, "max_retries": 0} | changes
    return fetch(spark, connection(**settings), hourly(), source=source, partition=DAY, schema=SCHEMA, read=read)


def test_a_day_is_read_by_the_workers(spark: SparkSession, api: Library) -> None:
    fetched = day(spark, api).persist()
    assert require_whole(fetched, source=SOURCE, partition=DAY) == LOANS + 1
    rows = sorted((row.loan_id, row.error) for row in fetched.collect())
    assert rows == [(f"L-{number:02}", None) for number in range(LOANS + 1)]
    fetched.unpersist()


def test_what_a_worker_met_is_raised_by_the_driver(spark: SparkSession, api: Library) -> None:
    api.switch(Wire(503), after=9)
    with pytest.raises(Unavailable) as refused:
        require_whole(day(spark, api), source=SOURCE, partition=DAY)
    assert refused.value.found == "503 Service Unavailable after 0 retries"


def test_frames_of_two_sources_stay_their_own(spark: SparkSession, api: Library) -> None:
    one, other = day(spark, api), day(spark, api, source="library.none", url="http://127.0.0.1:9")
    assert require_whole(one, source=SOURCE, partition=DAY) == LOANS + 1
    with pytest.raises(Unavailable):
        require_whole(other, source="library.none", partition=DAY)


def test_a_secret_that_is_not_there_is_missed_before_anything_is_asked(spark: SparkSession, api: Library) -> None:
    with pytest.raises(Misconfigured, match="secret env:NOBODY"):
        day(spark, api, auth={"kind": "bearer", "token": "env:NOBODY"})
    assert api.asked == []
