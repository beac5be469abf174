"""Contract -> Spark schema and Iceberg table. Pure."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from emr_jobs.contracts.load import PARTITION_COLUMN
from emr_jobs.contracts.model import Column, Contract

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.types import IcebergType

CATALOG = "lake"
PREFIX = "database-prefix"  # property of a catalog: what its databases are called before the layer

_SPARK_TYPES = {
    "string": "string",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "integer": "bigint",
}

# Staged snapshots need write.wap.enabled. The default distribution, hash, would add an exchange on the
# constant partition date and leave one file, so tasks write what they have.
TABLE_PROPERTIES = {
    "format-version": "2",
    "write.wap.enabled": "true",
    "write.distribution-mode": "none",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "50",
    "commit.retry.num-retries": "10",
}


def spark_type(column: Column) -> str:
    if column.logical_type == "array":
        return f"array<{_struct(column.fields)}>" if column.fields else "array<string>"
    if column.logical_type == "number":
        if column.scaling_factor:
            return f"decimal(18,{len(str(column.scaling_factor)) - 1})"
        return column.physical_type or "decimal(18,2)"
    return _SPARK_TYPES[column.logical_type]


def _struct(fields: tuple[Column, ...]) -> str:
    return f"struct<{','.join(f'{field.name}:{spark_type(field)}' for field in fields)}>"


def must_not_be_null(column: Column) -> bool:
    """NOT NULL in the table, so a null fails the write; elsewhere the audit reports nulls by name.

    Arrays have no null counts in a file's metrics, and nothing may be written without its day.
    """
    return column.required and (column.logical_type == "array" or column.name == PARTITION_COLUMN)


def spark_ddl(contract: Contract) -> str:
    """For StructType.fromDDL; every column nullable, as Spark reads and transforms them."""
    return ", ".join(f"`{column.name}` {spark_type(column)}" for column in contract.columns)


def table_identifier(contract: Contract, prefix: str) -> tuple[str, str]:
    """Database and table of a dataset, in a catalog with this prefix. People name it by its layer alone."""
    return f"{prefix}{contract.layer}", contract.name


def column_description(column: Column) -> str | None:
    """What it is, its accepted values with what they stand for, and who may see it."""
    meanings = dict(column.meanings)
    accepted = {value: meanings.get(value) for value in column.accepted}
    return in_sentences(column.description, accepted, column.classification)


def in_sentences(description: str | None, accepted: Mapping[str, str | None], classification: str | None) -> str | None:
    """`accepted`: what each value stands for, where that is known."""
    values = [f"{value} ({meaning})" if meaning else value for value, meaning in accepted.items()]
    said = (
        description,
        f"One of {', '.join(values)}" if values else None,
        f"Classified as {classification}" if classification else None,
    )
    return ". ".join(part.rstrip(".") for part in said if part) or None


def table_words(contract: Contract) -> dict[str, str]:
    """Table properties that say what it is: `comment` is what Spark shows and Iceberg's Java client gives to Glue,
    `Description` what pyiceberg does.
    """
    return {
        "comment": contract.description,
        "Description": contract.description,
        "owner": contract.owner,
        "limitations": contract.limitations or "",
        "contract": f"{contract.id} {contract.version}",
    }


def iceberg_schema(contract: Contract) -> "Schema":
    """What `pipeline lake apply` creates the table with; field ids in column order."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    fields = [
        NestedField(
            field_id=number,
            name=column.name,
            field_type=iceberg_type(column),
            required=must_not_be_null(column),
            doc=column_description(column),
        )
        for number, column in enumerate(contract.columns, start=1)
    ]
    return Schema(*fields)


def iceberg_type(column: Column) -> "IcebergType":
    from pyiceberg import types

    match column.logical_type:
        case "string":
            return types.StringType()
        case "boolean":
            return types.BooleanType()
        case "date":
            return types.DateType()
        case "timestamp":
            return types.TimestamptzType()
        case "integer":
            return types.LongType()
        case "number":
            precision, scale = re.fullmatch(r"decimal\((\d+),(\d+)\)", spark_type(column)).groups()  # type: ignore[union-attr]
            return types.DecimalType(int(precision), int(scale))
        case "array":
            # The catalog gives the element its own id when the table is created.
            return types.ListType(element_id=1000, element_type=types.StringType(), element_required=False)
    raise AssertionError(f"no Iceberg type for {column}")
