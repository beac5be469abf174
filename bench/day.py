"""A whole day of the shop, from its sources to lake and search index: this project beside scripts that do the same.

Every run is cold: no process of the one before is there. All sides read the same running services. Equal are facts,
sales, rejected lines with their reasons, and the documents; this project has checked, published atomically and kept
history meanwhile, and the scripts have not.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
from opensearchpy.helpers import scan

from bench.environment import python
from bench.measure import measured
from bench.results import Bench, Side
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Settings, load
from emr_jobs.domain import domain_of
from emr_jobs.publish.search import SearchIndex
from local_stack import sample, stack
from pipeline_assets import lake
from pipeline_assets.search import index_of

PARTITION = "2026-11-20"
PEERS = {"DuckDB and helpers.bulk": "duckdb_day", "one PySpark script and helpers.bulk": "pyspark_day"}
OURS = "this project"
_TABLES = {
    "order_facts": "final.order_facts",
    "daily_sales": "final.daily_sales",
    "rejected": "intermediate.rejected_orders",
}


class Different(Exception):
    """Two sides have other results; says which, and how many rows."""


@dataclass(frozen=True)
class Day:
    home: Path
    settings: Settings
    partition: Partition

    @property
    def index(self) -> SearchIndex:
        return SearchIndex(self.settings.search, index_of(self.settings))

    def addresses(self, out: Path) -> dict[str, Any]:
        """What a script is told."""
        connections: dict[str, Any] = self.settings.connections
        warehouse, carrier = connections["warehouse"], connections["carrier"]
        (ours,) = self.index.published(self.partition)
        body = self.index.client.indices.get(index=ours.name)[ours.name]
        return {
            "partition": str(self.partition),
            "start": self.partition.start.isoformat().replace("+00:00", "Z"),
            "end": self.partition.end.isoformat().replace("+00:00", "Z"),
            "as_of": self.partition.as_of.isoformat(),
            "orders": str(self.home / "data" / "orders" / f"dt={self.partition}"),
            "snowflake": {
                **{name: getattr(warehouse, name) for name in ("account", "user", "host", "port", "protocol")},
                "database": warehouse.database,
            },
            "private_key": warehouse.private_key.removeprefix("file:"),
            "api": carrier.url,
            "token": carrier.auth.token.removeprefix("file:"),
            "search": self.settings.search.url,
            "index": f"peer-{self.partition}",
            "index_body": {
                "settings": {"number_of_replicas": 0, "number_of_shards": 1},
                "mappings": {"dynamic": "strict", "properties": body["mappings"]["properties"]},
            },
            "out": str(out),
        }


def bench(rows: int, times: int) -> Bench:
    """Each side `times` times after one run that is checked and not counted."""
    with _served(rows) as day, TemporaryDirectory() as folder:
        out = Path(folder)
        env = {"PIPELINE_HOME": str(day.home)}
        pipeline = str(Path(sys.executable).with_name("pipeline"))
        commands = {OURS: [pipeline, "run", "--partition", str(day.partition)]}
        first = measured(commands[OURS], env=env, log=out / "log")
        print(f"{OURS}: {first.wall_s:.1f} s, not counted", flush=True)
        addresses = out / "addresses.json"
        addresses.write_text(json.dumps(day.addresses(out)))
        for name, script in PEERS.items():
            commands[name] = [python(), str(Path(__file__).parent / "peers" / f"{script}.py"), str(addresses)]
            measured(commands[name], env={}, log=out / "log")
            _require_equal(day, out, name)
            print(f"{name}: equal", flush=True)
        sides = {name: Side(name, []) for name in commands}
        for number in range(times):
            order = list(commands) if number % 2 == 0 else list(reversed(commands))
            for name in order:
                figures = measured(commands[name], env=env if name == OURS else {}, log=out / "log")
                sides[name].runs.append(figures)
                print(f"{name}: {figures.wall_s:.1f} s, {figures.cpu_s:.1f} s of CPU", flush=True)
        return Bench(f"day of {rows:,} orders, cold", list(sides.values()))


@contextmanager
def _served(rows: int) -> Iterator[Day]:
    with TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder) / "home"
        partition = sample.local_domain().calendar.partition(PARTITION)
        sample.generate(home / "data", partition=partition, rows=rows)
        addresses = stack.up(home, home / "data")
        try:
            settings = load(addresses.settings)
            yield Day(home, settings, domain_of(settings).calendar.partition(PARTITION))
        finally:
            stack.down(home)


def _require_equal(day: Day, out: Path, side: str) -> None:
    catalog, filter_ = lake.catalog(day.settings), f"partition_date == '{day.partition}'"
    for file, dataset in _TABLES.items():
        theirs = duckdb.read_parquet(str(out / f"{file}.parquet")).to_arrow_table()
        ours = catalog.load_table(dataset).scan(row_filter=filter_).to_arrow()
        _require_same_rows(_as_text(ours), _as_text(theirs), of=f"{side}: {dataset}")
    _require_same_rows(
        _documents(day, day.index.alias), _documents(day, f"peer-{day.partition}"), of=f"{side}: documents"
    )


def _as_text(table: pa.Table) -> pa.Table:
    """Sides may have other types of the same values."""
    names = [name for name in table.column_names if name != "partition_date"]
    columns = ", ".join(f'"{name}"::VARCHAR AS "{name}"' for name in sorted(names))
    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        duck.register("side", table)
        return duck.execute(f"SELECT {columns} FROM side").to_arrow_table()


def _documents(day: Day, index: str) -> pa.Table:
    query = {"query": {"term": {"partition_date": str(day.partition)}}}
    hits = scan(day.index.client, index=index, query=query, size=2000)
    return pa.table({"document": [json.dumps([hit["_id"], hit["_source"]], sort_keys=True) for hit in hits]})


def _require_same_rows(ours: pa.Table, theirs: pa.Table, *, of: str) -> None:
    with duckdb.connect() as duck:
        duck.register("ours", ours)
        duck.register("theirs", theirs)
        only = {
            one: duck.execute(f"FROM {one} EXCEPT ALL FROM {other} ORDER BY ALL").fetchmany(2)
            for one, other in (("ours", "theirs"), ("theirs", "ours"))
        }
    if any(only.values()):
        raise Different(f"{of}: {only}")
