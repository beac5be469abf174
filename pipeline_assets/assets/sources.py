"""The sources: external assets, observed but never made here.

Observing asks each source how much it holds, by the kind that its contract declares: a listing of the day's files,
Snowflake's own record of its tables, the API's total of the day. Secrets are resolved inside the step that uses them.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from emr_jobs.contracts import Contract
from emr_jobs.contracts.read import Files, Rest, Snowflake
from emr_jobs.core.errors import BadInput, Unavailable
from emr_jobs.core.partition import Partition
from emr_jobs.core.secret_ref import resolve
from emr_jobs.core.settings import RestConnection, Settings, SnowflakeConnection
from emr_jobs.domain import Domain, domain_of
from emr_jobs.sources import snowflake
from emr_jobs.sources.files.listing import listing, pattern_of

from pipeline_assets.assets.specs import asset_spec

if TYPE_CHECKING:
    from dagster_snowflake import SnowflakeResource

_ALL_DAYS = "all days"
_ROW_COUNT = "dagster/row_count"
_UPDATED = "dagster/last_updated_timestamp"
_FIRST = 20  # records that stand for a day of which the API tells no total


def source_assets(settings: Settings, partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Observations of what is kept by day carry the partition of their run; those of tables have none."""
    domain = domain_of(settings)
    observed: list[dg.AssetsDefinition] = []
    tables: dict[str, list[Contract]] = {}
    for contract in domain.sources:
        match contract.read:
            case Files():
                observed.append(_observed_files(settings, contract, asset_spec(domain, contract, partitions)))
            case Rest() as declared:
                observed.append(_observed_api(settings, contract, declared, asset_spec(domain, contract, partitions)))
            case Snowflake():
                tables.setdefault(contract.connection, []).append(contract)
            case _:
                raise AssertionError(f"{contract.id} is a source, and its contract says how it is read")
    return observed + [_observed_tables(settings, name, each, domain) for name, each in tables.items()]


def _observed_files(settings: Settings, contract: Contract, spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(name=f"observe_{contract.name}", specs=[spec])
    def observe_files(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        pattern = pattern_of(settings, contract, _partition(settings, context))
        with _listing_errors_named(contract, pattern, context.partition_key):
            files = listing(pattern)
        version = hashlib.sha256(repr([(file.name, file.size_bytes, file.version) for file in files]).encode())
        size_bytes = sum(file.size_bytes for file in files)
        metadata: dict[str, Any] = {"pattern": pattern, "files": len(files), "size_bytes": size_bytes}
        if files:
            metadata[_UPDATED] = dg.MetadataValue.timestamp(max(file.changed_at for file in files))
        yield dg.ObserveResult(
            asset_key=spec.key, data_version=dg.DataVersion(version.hexdigest()[:16]), metadata=metadata
        )

    return observe_files


def _partition(settings: Settings, context: dg.AssetExecutionContext) -> Partition:
    return domain_of(settings).calendar.partition(context.partition_key)


@contextmanager
def _listing_errors_named(contract: Contract, pattern: str, partition: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(
            dataset=contract.id,
            partition=partition,
            expected=f"{pattern} to be listed",
            found=str(error),
            fix="Check the bucket's name in the settings, and that this role may s3:ListBucket it.",
        ) from error


def _observed_tables(settings: Settings, name: str, tables: list[Contract], domain: Domain) -> dg.AssetsDefinition:
    """All that are read through one connection, by one query."""
    specs = {table.id: asset_spec(domain, table, None) for table in tables}
    op = f"observe_{name}"

    @dg.multi_observable_source_asset(name=op, specs=list(specs.values()))
    def observe_tables(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        connection = settings.connection(name, SnowflakeConnection, source=tables[0].id)
        states = _table_states(connection, tables, {"job": op, "run_id": context.run.run_id})
        for table in (each for each in tables if each.physical_name in states):
            yield _observed_table(specs[table.id].key, table.physical_name, *states[table.physical_name])
        if missing := [table for table in tables if table.physical_name not in states]:
            raise BadInput(
                dataset=missing[0].id,
                partition=_ALL_DAYS,
                expected=", ".join(table.physical_name for table in missing),
                found="no such table, or no right to see it",
                fix="Bring the table back, or give this role the right; a new name goes into its contract.",
            )

    return observe_tables


def _observed_table(key: dg.AssetKey, name: str, rows: int | None, altered_at: datetime) -> dg.ObserveResult:
    metadata: dict[str, Any] = {"dagster/table_name": name, _UPDATED: dg.MetadataValue.timestamp(altered_at)}
    if rows is not None:  # of a view
        metadata[_ROW_COUNT] = rows
    # Rows that were changed in place leave the count as it was.
    version = dg.DataVersion(f"{rows} rows, altered {altered_at.isoformat()}")
    return dg.ObserveResult(asset_key=key, data_version=version, metadata=metadata)


def _table_states(
    settings: SnowflakeConnection, tables: list[Contract], tag: dict[str, str]
) -> dict[str, tuple[int | None, datetime]]:
    """Rows and last change of each table that there is, by physical name, as Snowflake keeps them: nothing is read."""
    from snowflake.connector.errors import Error

    marks = ", ".join(["%s"] * len(tables))
    try:
        with _snowflake(settings, tag).get_connection() as connection:
            cursor = connection.cursor().execute(
                "SELECT table_schema || '.' || table_name, row_count, last_altered FROM information_schema.tables "  # noqa: S608
                f"WHERE table_schema || '.' || table_name IN ({marks})",
                [table.physical_name for table in tables],
            )
            return {name: (rows, altered_at) for name, rows, altered_at in cursor.fetchall()}
    except Error as error:
        raise Unavailable(
            dataset=tables[0].id,
            partition=_ALL_DAYS,
            expected=f"Snowflake account {settings.account} to tell {settings.user} of its tables",
            found=str(error).splitlines()[0],
            fix=f"Check account, user and the key {settings.private_key}, then https://status.snowflake.com.",
        ) from error


def _snowflake(settings: SnowflakeConnection, tag: dict[str, str]) -> "SnowflakeResource":
    from dagster_snowflake import SnowflakeResource

    given = snowflake.options(settings, tag)
    own = {key: given.pop(key) for key in list(given) if key in SnowflakeResource.model_fields}
    return SnowflakeResource(
        private_key=resolve(settings.private_key), additional_snowflake_connection_args=given, **own
    )


def _observed_api(settings: Settings, contract: Contract, declared: Rest, spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(name=f"observe_{contract.name}", specs=[spec])
    def observe_api(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        from emr_jobs.sources import rest  # with Arrow

        partition = _partition(settings, context)
        connection = settings.connection(declared.connection, RestConnection, source=contract.id)
        client = rest.Client(connection, declared, source=contract.id, partition=partition)
        total = client.total(rest.Slice(partition.start, partition.end))
        if total is None:
            first = rest.first_records(connection, declared, source=contract.id, partition=partition, limit=_FIRST)
            version = hashlib.sha256(repr(first).encode()).hexdigest()[:16]
            yield dg.ObserveResult(asset_key=spec.key, data_version=dg.DataVersion(version))
            return
        yield dg.ObserveResult(
            asset_key=spec.key, data_version=dg.DataVersion(str(total)), metadata={_ROW_COUNT: total}
        )

    return observe_api
