"""Every source that a domain declares, from sample rows through the local stack to the jobs' reader: no row is lost.

The rows follow from the contracts. Does not own: how a record becomes a row of a dataset (tests/emr_jobs), the dialects
of files and APIs one by one (test_sample_files, rest/).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from emr_jobs.contracts import Contract
from emr_jobs.contracts.read import Files, Rest, Snowflake
from emr_jobs.core import settings as settings_module
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Connection, FilesConnection, RestConnection, Settings, SnowflakeConnection
from emr_jobs.domain import Domain
from emr_jobs.sources import files, rest, snowflake
from emr_jobs.sources.statement import Statement, statement_of
from local_stack import derived_sample, sample_files
from local_stack.rest_api import RestApi
from local_stack.sample_files import Row
from local_stack.snowflake import ACCOUNT, USER, key_pair
from local_stack.snowflake import snowflake as served_tables
from pipeline_assets.home import ROOT
from tests.domains import LIBRARY, LOCAL, settings_domain

COUNT = 250  # more than a page of the library's API
DOMAINS = {settings_domain(): ROOT / "settings" / "local.toml", LIBRARY: LOCAL}
SOURCES = [
    pytest.param(domain, profile, source, id=f"{domain.package} {source.id}")
    for domain, profile in DOMAINS.items()
    for source in domain.sources
]
RECORDS = pa.schema({"record": pa.string()})


@pytest.mark.parametrize(("domain", "profile", "source"), SOURCES)
def test_rows_in_are_rows_out(
    spark: SparkSession, tmp_path: Path, domain: Domain, profile: Path, source: Contract
) -> None:
    day = domain.calendar.partition("2026-11-21")
    rows = derived_sample.rows(source, partition=day, count=COUNT)
    sample_files.write(source, rows, tmp_path / "data", partition=day)
    settings = settings_module.load(str(profile))
    with _served(domain, source, settings.connections[source.connection], tmp_path) as connection:
        reached = settings.model_copy(update={"connections": {source.connection: connection}})
        found = _read(spark, domain, source, reached, day)
    assert len(rows) == COUNT
    assert sorted(found) == sorted(map(_as_delivered(source), rows))


def _read(spark: SparkSession, domain: Domain, source: Contract, settings: Settings, day: Partition) -> list[str]:
    """Each record as JSON, as a job's workers have it."""
    match source.read:
        case Rest() as declared:
            connection = settings.connection(source.connection, RestConnection, source=source.id)
            by = {"source": source.id, "partition": day}
            fetched = rest.fetch(spark, connection, declared, **by, schema=RECORDS, read=_texts()).persist()
            assert rest.require_whole(fetched, **by) == COUNT
            return _collected(fetched)
        case Files() as declared:
            listed = files.listed(
                files.pattern_of(settings, source, day), dataset=source.id, partition=day, allow_empty=False
            )
            columns = [column.name for column in source.columns]
            by = {"source": source.id, "partition": day}
            return _collected(
                files.fetch(spark, listed, declared, **by, schema=RECORDS, read=_texts(), columns=columns)
            )
    return [_json(row) for row in _table(domain, source, settings, day)]


def _texts() -> Any:
    schema = RECORDS  # by value, as the function itself: a worker does not know this module

    def read(records: list[Any]) -> pa.RecordBatch:
        texts = [orjson.dumps(each, default=float, option=orjson.OPT_SORT_KEYS).decode() for each in records]
        return pa.RecordBatch.from_pydict({"record": texts}, schema=schema)

    return read


def _collected(fetched: DataFrame) -> list[str]:
    """Without the reports of files."""
    return [row.record for row in fetched.collect() if row.record is not None]


def _table(domain: Domain, source: Contract, settings: Settings, day: Partition) -> Sequence[Row]:
    connection = settings.connection(source.connection, SnowflakeConnection, source=source.id)
    assert isinstance(source.read, Snowflake)
    if source.read.sql or source.read.day_column:
        statement = statement_of(source, source, day, folder=domain.folder)
    else:  # a job's own statement reads it
        columns = ", ".join(column.name for column in source.columns)
        statement = Statement(source, day, f"SELECT {columns} FROM {source.physical_name}", source.id)
    with snowflake.connection(connection, tag={}, dataset=source.id, partition=day) as opened:
        snowflake.require_columns(opened, [source], partition=day)
        batches, rows = snowflake.run_statement(opened, statement)
        found = [row for batch in batches if batch.rowcount for row in snowflake.fetch(batch).to_pylist()]
    assert rows == COUNT
    return found


@contextmanager
def _served(domain: Domain, source: Contract, connection: Connection, folder: Path) -> Iterator[Connection]:
    """How it is reached, and with which secret."""
    match connection:
        case FilesConnection():
            yield connection.model_copy(update={"uri": str(folder / "data")})
        case RestConnection(auth=auth):
            kept = _kept(folder, "s3cr3t")
            zone = domain.calendar.timezone
            with RestApi([source], folder / "data", auth, lambda: "s3cr3t", timezone=zone).served() as url:
                ours = auth.model_copy(update=dict.fromkeys(auth.secret_fields, kept))
                yield connection.model_copy(update={"url": url, "auth": ours})
        case SnowflakeConnection(database=database):
            private, public = key_pair()
            with served_tables(folder / "data" / "snowflake", database, public) as url:
                address = {"host": urlsplit(url).hostname, "port": urlsplit(url).port, "protocol": "http"}
                who = {"account": ACCOUNT, "user": USER, "private_key": _kept(folder, private.decode())}
                yield connection.model_copy(update=address | who)


def _kept(folder: Path, secret: str) -> str:
    """The environment of a worker is its own, a file is everybody's."""
    file = folder / "secret"
    file.touch(0o600)
    file.write_text(secret)
    return f"file:{file}"


def _as_delivered(source: Contract) -> Any:
    is_text = isinstance(source.read, Files) and source.read.format == "csv"
    return lambda row: _json({name: _text(value) for name, value in row.items()} if is_text else row)


def _text(value: Any) -> str | None:
    """In a field of CSV."""
    return value if value is None or isinstance(value, str) else _json(value, default=str).strip('"')


def _json(value: Any, default: Any = float) -> str:
    """Snowflake's instants are UTC, without saying so."""
    option = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
    return orjson.dumps(value, default=default, option=option).decode()
