"""The lake as seen without Spark: its catalog, its tables brought up to the contracts, its days read.

pyiceberg reads and writes the same catalog as the jobs. Creating a table this way takes a second; a Spark
session for it would take ten.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from emr_jobs.contracts import PARTITION_COLUMN, Contract
from emr_jobs.contracts.table import (
    CATALOG,
    PREFIX,
    TABLE_PROPERTIES,
    column_description,
    iceberg_schema,
    iceberg_type,
    table_identifier,
    table_words,
)
from emr_jobs.core.errors import Damaged, Misconfigured
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Aws, Settings
from emr_jobs.domain import domain_of
from emr_jobs.publish import versions

from pipeline_assets.home import aws_environment

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata


def catalog(settings: Settings) -> "Catalog":
    from pyiceberg.catalog import load_catalog

    lake = settings.lake
    named = {"warehouse": lake.warehouse, PREFIX: lake.database_prefix}
    if lake.catalog == "glue":
        return load_catalog(CATALOG, type="glue", **named, **_addresses(settings.aws))
    assert lake.uri is not None, "checked by the settings"
    Path(lake.uri).parent.mkdir(parents=True, exist_ok=True)
    return load_catalog(CATALOG, type="sql", uri=f"sqlite:///{lake.uri}", **named)


def identifier(found: "Catalog", contract: Contract) -> tuple[str, str]:
    """Database and table of a dataset in this catalog."""
    return table_identifier(contract, found.properties[PREFIX])


def _addresses(aws: Aws) -> dict[str, str]:
    """pyiceberg's clients at another AWS than the real one, and not with real keys."""
    if aws.endpoint is None:
        return {"client.region": aws.region} if aws.region else {}
    environment = aws_environment(aws)
    return {
        "glue.endpoint": aws.endpoint,
        "s3.endpoint": aws.endpoint,
        "client.region": environment["AWS_REGION"],
        "client.access-key-id": environment["AWS_ACCESS_KEY_ID"],
        "client.secret-access-key": environment["AWS_SECRET_ACCESS_KEY"],
    }


def apply(settings: Settings) -> list[tuple[str, str]]:
    """Create namespaces and missing tables, add missing columns. Returns (dataset, what was done).

    Run once before the jobs: several processes that create the catalog's own tables at once race.
    Raises Misconfigured for a difference that adding columns cannot mend.
    """
    found = catalog(settings)
    return [(contract.id, _apply(found, contract)) for contract in domain_of(settings).tables]


def table(found: "Catalog", contract: Contract) -> "Table | None":
    """None when there is none. Raises Damaged for one that does not open."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        return found.load_table(identifier(found, contract))
    except NoSuchTableError:
        return None
    except FileNotFoundError as error:
        raise Damaged.of(contract.id, str(error)) from None


def opened(found: "Catalog", contract: Contract) -> "Table":
    """Raises Misconfigured without a table, Damaged for one that does not open."""
    opens = table(found, contract)
    if opens is None:
        raise absent(contract)
    return opens


def absent(contract: Contract) -> Misconfigured:
    return Misconfigured(f"{contract.id}: expected a table, found none. pipeline lake apply makes it")


def version(table: "Table", partition: Partition) -> versions.Version | None:
    """Of the day that readers see."""
    return versions.of_day(as_json(table.metadata), partition)


def as_json(metadata: "TableMetadata") -> versions.Metadata:
    return json.loads(metadata.model_dump_json())  # type: ignore[no-any-return]


def table_contract(settings: Settings, dataset: str) -> Contract:
    """Raises Misconfigured for what is no table, naming those that there are."""
    found = {contract.id: contract for contract in domain_of(settings).tables}
    if dataset not in found:
        raise Misconfigured(f"{dataset}: expected a table, one of {', '.join(found)}")
    return found[dataset]


def _apply(found: "Catalog", contract: Contract) -> str:
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import IdentityTransform

    schema = iceberg_schema(contract)
    there = table(found, contract)
    if there is None:
        by_day = PartitionField(1, 1000, IdentityTransform(), PARTITION_COLUMN)
        name = identifier(found, contract)
        found.create_namespace_if_not_exists(name[0])
        found.create_table(
            name,
            schema,
            partition_spec=PartitionSpec(by_day),
            properties={**TABLE_PROPERTIES, **table_words(contract)},
        )
        return "created"
    present = {field.name: field for field in there.schema().fields}
    wrong = [
        f"{column.name} is {present[column.name].field_type}, the contract says {iceberg_type(column)}"
        for column in contract.columns
        if column.name in present and str(present[column.name].field_type) != str(iceberg_type(column))
    ]
    extra = [name for name in present if name not in {column.name for column in contract.columns}]
    if wrong or extra:
        differences = "; ".join([*wrong, *(f"{name} is not in the contract" for name in extra)])
        raise Misconfigured(
            f"{contract.id}: expected columns that can be added, found {differences}. "
            "A type or a removed column needs a decision: change the contract back, or migrate the table by hand."
        )
    missing = [column for column in contract.columns if column.name not in present]
    said_otherwise = [
        column
        for column in contract.columns
        if column.name in present and (present[column.name].doc or "") != (column_description(column) or "")
    ]
    words = {name: text for name, text in table_words(contract).items() if there.properties.get(name) != text}
    if not (missing or said_otherwise or words):
        return "unchanged"
    with there.transaction() as change:  # of metadata alone: no file is written anew
        with change.update_schema() as update:
            for column in missing:
                update.add_column(column.name, iceberg_type(column), doc=column_description(column))
            for column in said_otherwise:
                update.update_column(column.name, doc=column_description(column) or "")
        change.set_properties(words)
    return f"added {', '.join(column.name for column in missing)}" if missing else "described as in the contract"
