"""SQL over the lake: DuckDB on the Parquet files of the tables' current snapshots, as pyiceberg lists them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from emr_jobs.contracts import Contract
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of

from pipeline_assets import lake

if TYPE_CHECKING:
    import duckdb
    from pyiceberg.table import Table

_NUMBER = re.compile("(U?(TINY|SMALL|BIG|HUGE)?INT|DECIMAL|FLOAT|DOUBLE)")
_DECIMAL = re.compile(r"DECIMAL\(\d+, ?\d+\)")
_WRITERS = {".parquet": "PARQUET", ".csv": "CSV", ".json": "JSON, ARRAY true"}


def run(settings: Settings, sql: str) -> "duckdb.DuckDBPyRelation":
    """The rows of a SELECT. Only the tables that it names are opened; columns and rows are read as it needs them.

    It reads nothing else: no file, no address, no variable of this program.
    """
    import duckdb

    connection = duckdb.connect(config={"python_enable_replacements": False})
    kinds = [statement.type for statement in connection.extract_statements(sql)]
    if kinds != [duckdb.StatementType.SELECT]:
        raise Misconfigured(f"the lake is read only: expected one SELECT, found {', '.join(map(str, kinds)) or 'none'}")
    found, tables = lake.catalog(settings), datasets(settings)
    for name in _named(sql, tables):
        layer, _, short = name.partition(".")
        table = lake.opened(found, tables[name])
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{layer}"')
        files = f"{layer}__{short}"
        connection.register(files, _dataset(table))
        connection.execute(f'CREATE VIEW "{layer}"."{short}" AS SELECT * FROM {files}')  # noqa: S608  # our own names
    connection.execute("SET enable_external_access = false")
    return connection.sql(sql)


def datasets(settings: Settings) -> dict[str, Contract]:
    """What SQL can name."""
    return {contract.id: contract for contract in domain_of(settings).tables}


def _named(sql: str, datasets: Iterable[str]) -> list[str]:
    """The datasets whose name stands in the text: one in a comment is opened in vain, none is missed."""
    text = sql.lower().replace('"', "")
    return sorted(name for name in datasets if name in text)


def _dataset(table: "Table") -> Any:
    """Rows of the current snapshot, read lazily. Our tables have no delete files: a day is replaced as a whole."""
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyarrow import fs

    schema = table.schema().as_arrow()
    tasks = list(table.scan().plan_files())
    if any(task.delete_files for task in tasks):
        raise Misconfigured(f"{table.name()}: it has delete files, which this pipeline never writes")
    if not tasks:
        return pa.Table.from_batches([], schema)
    opened = [fs.FileSystem.from_uri(quote(task.file.file_path, safe=":/")) for task in tasks]
    return ds.dataset([path for _, path in opened], schema=schema, filesystem=opened[0][0], format="parquet")


def numbers(rows: "duckdb.DuckDBPyRelation") -> list[str]:
    """Its columns of numbers."""
    return [name for name, kind in zip(rows.columns, rows.types, strict=True) if _NUMBER.match(str(kind))]


def write(rows: "duckdb.DuckDBPyRelation", path: Path) -> None:
    """All rows to a file; its ending says the format. JSON has decimals as text, as --json does."""
    import duckdb

    if path.suffix not in _WRITERS:
        raise Misconfigured(f"--output {path}: expected a name that ends in {', '.join(_WRITERS)}")
    if path.suffix == ".json":
        rows = rows.select(*(_whole(name, kind) for name, kind in zip(rows.columns, rows.types, strict=True)))
    with duckdb.connect() as connection:
        connection.register("rows", rows.to_arrow_reader())
        connection.execute(f"COPY rows TO ? (FORMAT {_WRITERS[path.suffix]})", [str(path)])


def _whole(name: str, kind: Any) -> "duckdb.Expression":
    import duckdb

    column, text = duckdb.ColumnExpression(name), _DECIMAL.sub("VARCHAR", str(kind))  # within lists and structs too
    return column if text == str(kind) else column.cast(duckdb.type(text)).alias(name)
