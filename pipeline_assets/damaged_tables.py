"""Tables that nobody can open, because the catalog names metadata that is not there: found, and set back.

Glue may apply a commit and answer that it did not. Iceberg then deletes the metadata file of that commit, which is
now the table's. What is left are the files of the commits before: the newest whole one is named in the catalog again,
in one step and only while it still names the missing one. The catalogs of pyiceberg open a table before they change
it, so they cannot do this. Does not own: the rows of the lost commit, which the day's next run brings back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from emr_jobs.contracts import Contract
from emr_jobs.core.errors import Damaged
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of
from emr_jobs.publish import versions
from pyarrow.fs import FileSelector
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException, ValidationError
from pyiceberg.io import load_file_io
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata
from sqlalchemy import Engine, select, update

from pipeline_assets import lake

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

_NOT_WHOLE = (FileNotFoundError, ValidationError, ValueError, EOFError)  # absent, or cut off


@dataclass(frozen=True)
class State:
    """Of one table."""

    dataset: str
    damage: Damaged | None
    exists: bool


@dataclass(frozen=True)
class Repaired:
    dataset: str
    missing: str  # location of the metadata that the catalog named
    found: str  # and of that which it names now
    as_of: datetime
    staged_days: list[str]  # staged and not published in what was found: the lost commit was probably of one of them


class _Entry(Protocol):
    """What the catalog says of a table."""

    @property
    def metadata(self) -> str:
        """Its location."""

    @property
    def previous(self) -> str | None:
        """The location of what this one replaced."""

    def name(self, location: str) -> None:
        """Names other metadata, while the catalog still says what it said."""


def check(settings: Settings) -> Iterator[State]:
    """Opens every table, down to the manifests of what readers see."""
    found = lake.catalog(settings)
    for contract in domain_of(settings).tables:
        entry = _entry(found, contract)
        damage = _damage(found, contract, entry) if entry else None
        yield State(contract.id, damage, exists=entry is not None)


def repair(settings: Settings, contract: Contract) -> Repaired | None:
    """None when there is nothing to repair.

    Raises Misconfigured without a table, Damaged without a whole state of it, and the catalog's own error when somebody
    else has changed the table meanwhile.
    """
    found = lake.catalog(settings)
    entry = _entry(found, contract)
    if entry is None:
        raise lake.absent(contract)
    damage = _damage(found, contract, entry)
    if damage is None:
        return None
    for location in _candidates(found, entry):
        try:
            metadata = _read(found, location)
        except _NOT_WHOLE:
            continue
        entry.name(location)
        as_of = datetime.fromtimestamp(metadata.last_updated_ms / 1000, UTC)
        staged = versions.staged_days(lake.as_json(metadata))
        return Repaired(contract.id, entry.metadata, location, as_of, staged)
    raise Damaged(
        dataset=contract.id,
        partition=damage.partition,
        expected=f"a whole state of the table in {_folder(entry.metadata)}",
        found="none",
        fix="Restore that folder from a copy, then repair again",
    )


def _damage(found: Catalog, contract: Contract, entry: _Entry) -> Damaged | None:
    try:
        _read(found, entry.metadata)
    except _NOT_WHOLE as error:
        said, file = str(error).splitlines()[0], PurePosixPath(entry.metadata).name
        return Damaged.of(contract.id, said if file in said else f"{said} (in {entry.metadata})")
    return None


def _read(found: Catalog, location: str) -> TableMetadata:
    """With the manifests of its current snapshot. Raises one of _NOT_WHOLE."""
    io = load_file_io(found.properties, location)
    metadata = FromInputFile.table_metadata(io.new_input(location))
    snapshot = metadata.current_snapshot()
    for manifest in snapshot.manifests(io) if snapshot else ():
        manifest.fetch_manifest_entry(io)
    return metadata


def _candidates(found: Catalog, entry: _Entry) -> Iterator[str]:
    """First what the missing metadata replaced: what is newer than that, no catalog has taken, as of a job that was
    killed. Then the others, newest first.
    """
    if entry.previous:
        yield entry.previous
    yield from sorted(_listed(found, _folder(entry.metadata)), reverse=True)  # names begin with a number, 00007-


def _folder(location: str) -> str:
    return location.rpartition("/")[0]


def _listed(found: Catalog, folder: str) -> list[str]:
    scheme, netloc, path = PyArrowFileIO.parse_location(folder)
    files = PyArrowFileIO(found.properties).fs_by_scheme(scheme, netloc)
    names = [PurePosixPath(each.path).name for each in files.get_file_info(FileSelector(path, allow_not_found=True))]
    return [f"{folder}/{name}" for name in names if name.endswith(".metadata.json")]


def _entry(found: Catalog, contract: Contract) -> _Entry | None:
    if isinstance(found, GlueCatalog):
        return _InGlue.of(found, contract)
    assert isinstance(found, SqlCatalog), "one of the two that lake.catalog makes"
    return _InSql.of(found, contract)


@dataclass(frozen=True)
class _InGlue:
    client: "GlueClient"
    table: Mapping[str, Any]

    @classmethod
    def of(cls, found: GlueCatalog, contract: Contract) -> "_InGlue | None":
        client = found.glue
        database, table = lake.identifier(found, contract)
        try:
            return cls(client, client.get_table(DatabaseName=database, Name=table)["Table"])
        except client.exceptions.EntityNotFoundException:
            return None

    @property
    def metadata(self) -> str:
        return str(self.table["Parameters"]["metadata_location"])

    @property
    def previous(self) -> str | None:
        return self.table["Parameters"].get("previous_metadata_location")

    def name(self, location: str) -> None:
        shape: Any = self.client.meta.service_model.shape_for("TableInput")  # a structure, which has members
        wanted: Any = {name: value for name, value in self.table.items() if name in shape.members}
        wanted["Parameters"] = {**self.table["Parameters"], "metadata_location": location}
        self.client.update_table(
            DatabaseName=self.table["DatabaseName"],
            TableInput=wanted,
            VersionId=self.table["VersionId"],
            SkipArchive=True,
        )


@dataclass(frozen=True)
class _InSql:
    engine: Engine
    key: dict[str, str]
    metadata: str
    previous: str | None

    @classmethod
    def of(cls, found: SqlCatalog, contract: Contract) -> "_InSql | None":
        database, table = lake.identifier(found, contract)
        key = {"catalog_name": found.name, "table_namespace": database, "table_name": table}
        wanted = select(IcebergTables.metadata_location, IcebergTables.previous_metadata_location).filter_by(**key)
        with found.engine.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        return row and cls(found.engine, key, str(row.metadata_location), row.previous_metadata_location)

    def name(self, location: str) -> None:
        change = update(IcebergTables).filter_by(**self.key, metadata_location=self.metadata)
        with self.engine.begin() as connection:
            if not connection.execute(change.values(metadata_location=location)).rowcount:
                raise CommitFailedException(f"{'.'.join(self.key.values())}: another process has changed it meanwhile")
