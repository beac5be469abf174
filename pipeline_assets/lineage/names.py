"""What a dataset is called in OpenLineage, by the standard's rules: where it lies, and its name there. Pure.

https://openlineage.io/docs/spec/naming. A table has the place of its files, as Spark's own integration names it; its
name in the catalog is a symlink.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from emr_jobs.contracts import Contract, Medium
from emr_jobs.contracts.read import Files, Rest, Snowflake
from emr_jobs.contracts.table import table_identifier
from emr_jobs.core.settings import FilesConnection, RestConnection, Settings, SnowflakeConnection


@dataclass(frozen=True)
class Name:
    namespace: str
    name: str


def name_of(contract: Contract, settings: Settings) -> Name:
    """Raises Misconfigured where the settings lack the source's connection."""
    match contract.medium, contract.read:
        case Medium.TABLE, _:
            return _table(contract, settings)
        case Medium.INDEX, _:
            address = urlsplit(settings.search.url)
            return Name(f"opensearch://{address.netloc}", contract.physical_name)
        case _, Files(path=path):
            files = settings.connection(contract.connection, FilesConnection, source=contract.id)
            return _folder(f"{files.uri}/{path.partition('{')[0].rpartition('/')[0] or path}")
        case _, Snowflake():
            account = settings.connection(contract.connection, SnowflakeConnection, source=contract.id)
            return Name(f"snowflake://{account.account}", f"{account.database}.{contract.physical_name}")
        case _, Rest(path=path):
            api = urlsplit(settings.connection(contract.connection, RestConnection, source=contract.id).url)
            return Name(f"{api.scheme}://{api.netloc}", f"{api.path.rstrip('/')}{path}")
    raise AssertionError(f"{contract.id}: unknown kind")


def name_in_catalog(contract: Contract, settings: Settings) -> Name:
    """Of a table."""
    return Name(settings.lake.warehouse, ".".join(table_identifier(contract, settings.lake.database_prefix)))


def _table(contract: Contract, settings: Settings) -> Name:
    """Where `pipeline lake apply` puts it: Glue's databases have a suffix, as Hive's."""
    database, table = table_identifier(contract, settings.lake.database_prefix)
    suffix = ".db" if settings.lake.catalog == "glue" else ""
    return _folder(f"{settings.lake.warehouse}/{database}{suffix}/{table}")


def _folder(uri: str) -> Name:
    address = urlsplit(uri)
    if address.netloc:
        return Name(f"{address.scheme}://{address.netloc}", address.path.strip("/"))
    return Name("file", address.path)
