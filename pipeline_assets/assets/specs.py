"""Contract -> Dagster: asset spec, column schema, check specs. Pure."""

import dagster as dg
from emr_jobs.contracts import Check, Column, Contract, Medium
from emr_jobs.contracts.read import Files
from emr_jobs.contracts.table import column_description
from emr_jobs.core.code import code_version
from emr_jobs.domain import Domain

from pipeline_assets.description import column_type

_OF_DATASETS = {Medium.TABLE: {"pyspark", "iceberg"}, Medium.INDEX: {"pyspark", "opensearch"}}
_OF_FILES = {"json_lines": "json", "csv": "csv", "parquet": "parquet"}
_SOURCES = "sources"


def kinds(contract: Contract) -> set[str]:
    """What it is, in Dagster's words."""
    match contract.read:
        case None:
            return _OF_DATASETS[contract.medium]
        case Files(format=form):
            return {"s3", _OF_FILES[form]}
    return {contract.read.kind}


def group(contract: Contract) -> str:
    """Where the lineage draws it: by its layer; sources of every system stand together, as the first column."""
    return _SOURCES if contract.medium is Medium.SOURCE else contract.layer


def asset_spec(found: Domain, contract: Contract, partitions: dg.PartitionsDefinition | None) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=[contract.layer, contract.name],
        deps=[dg.AssetKey(dataset.split(".", 1)) for dataset in found.upstream_of(contract)],
        description=description(contract),
        group_name=group(contract),
        kinds=kinds(contract),
        owners=[f"team:{contract.owner}"],
        partitions_def=partitions,
        # Else Dagster invents a materialization where a recorded run is older than the dataset.
        skippable=contract.medium is not Medium.SOURCE,
        code_version=None if contract.medium is Medium.SOURCE else code_version(found.package),
        metadata={
            "dagster/column_schema": column_schema(contract),
            "contract": found.file_of(contract),
            "contract_version": contract.version,
            **({"grain": contract.granularity} if contract.granularity else {}),
        },
    )


def description(contract: Contract) -> str:
    """Markdown: what it is, how to read it, what it is not good for."""
    said = (
        contract.description,
        f"**Usage.** {contract.usage}" if contract.usage else None,
        f"**Limitations.** {contract.limitations}" if contract.limitations else None,
    )
    return "\n\n".join(part for part in said if part)


def column_schema(contract: Contract) -> dg.TableSchema:
    return dg.TableSchema(columns=[_column(column, contract) for column in contract.columns])


def _column(column: Column, contract: Contract) -> dg.TableColumn:
    return dg.TableColumn(
        name=column.name,
        type=column_type(column, contract),
        description=column_description(column),
        constraints=dg.TableColumnConstraints(nullable=not column.required, unique=contract.key == (column.name,)),
    )


def check_spec(dataset: str, check: Check, partitions: dg.PartitionsDefinition) -> dg.AssetCheckSpec:
    """With partitions, or an evaluation would not say which day it is of."""
    return dg.AssetCheckSpec(
        name=check.name,
        asset=dg.AssetKey(dataset.split(".", 1)),
        description=check.description,
        blocking=check.blocking,
        partitions_def=partitions,
    )
