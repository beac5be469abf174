"""The sources: external assets, observed but never made here.

Observing asks each source how much it holds: a listing of the day's files, Snowflake's own record of its tables,
the API's total of the day. Secrets are resolved inside the step that uses them.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from emr_jobs.contracts import Contract
from emr_jobs.domain import Domain, domain_of
from emr_jobs.errors import BadInput, Unavailable
from emr_jobs.secret_ref import resolve
from emr_jobs.settings import Settings, SnowflakeSource
from emr_jobs.sources import snowflake, web_api
from emr_jobs.sources.listing import listing

from pipeline_assets.assets.specs import asset_spec

if TYPE_CHECKING:
    from dagster_snowflake import SnowflakeResource

BY_DAY = ("s3", "web_api")  # the tables of Snowflake are not kept by day
_ALL_DAYS = "all days"
_ROW_COUNT = "dagster/row_count"
_UPDATED = "dagster/last_updated_timestamp"


def source_assets(settings: Settings, partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Observations of what is kept by day carry the partition of their run; those of the tables have none."""
    found = domain_of(settings)
    specs = {contract.id: _spec(found, contract, partitions) for contract in found.sources}
    return [
        _observed_orders(settings, specs["s3.orders"]),
        _observed_tables(settings, [contract for contract in found.sources if contract.layer == "snowflake"], specs),
        _observed_shipments(settings, specs["web_api.shipments"]),
    ]


def _spec(found: Domain, contract: Contract, partitions: dg.PartitionsDefinition) -> dg.AssetSpec:
    return asset_spec(found, contract, partitions if contract.layer in BY_DAY else None)


def _observed_orders(settings: Settings, spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(name="observe_orders", specs=[spec])
    def observe_orders(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        pattern = settings.sources.orders.of(context.partition_key)
        with _listing_errors_named(pattern, context.partition_key):
            files = listing(pattern)
        version = hashlib.sha256(repr([(file.name, file.size_bytes, file.version) for file in files]).encode())
        size_bytes = sum(file.size_bytes for file in files)
        metadata: dict[str, Any] = {"pattern": pattern, "files": len(files), "size_bytes": size_bytes}
        if files:
            metadata[_UPDATED] = dg.MetadataValue.timestamp(max(file.changed_at for file in files))
        yield dg.ObserveResult(
            asset_key=spec.key, data_version=dg.DataVersion(version.hexdigest()[:16]), metadata=metadata
        )

    return observe_orders


@contextmanager
def _listing_errors_named(pattern: str, partition: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(
            dataset="s3.orders",
            partition=partition,
            expected=f"{pattern} to be listed",
            found=str(error),
            fix="Check the bucket's name in the settings, and that this role may s3:ListBucket it.",
        ) from error


def _observed_tables(settings: Settings, tables: list[Contract], specs: dict[str, dg.AssetSpec]) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(name="observe_tables", specs=[specs[table.id] for table in tables])
    def observe_tables(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        tag = {"job": "observe_tables", "run_id": context.run.run_id}
        found = _table_states(settings.sources.snowflake, tables, tag)
        for table in (each for each in tables if each.physical_name in found):
            yield _observed_table(specs[table.id].key, table.physical_name, *found[table.physical_name])
        if missing := [table for table in tables if table.physical_name not in found]:
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
    settings: SnowflakeSource, tables: list[Contract], tag: dict[str, str]
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


def _snowflake(settings: SnowflakeSource, tag: dict[str, str]) -> "SnowflakeResource":
    from dagster_snowflake import SnowflakeResource

    given = snowflake.options(settings, tag)
    own = {key: given.pop(key) for key in list(given) if key in SnowflakeResource.model_fields}
    return SnowflakeResource(
        private_key=resolve(settings.private_key), additional_snowflake_connection_args=given, **own
    )


def _observed_shipments(settings: Settings, spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(name="observe_shipments", specs=[spec])
    def observe_shipments(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        partition = domain_of(settings).calendar.partition(context.partition_key)
        client = web_api.ApiClient(settings.sources.shipments, dataset="web_api.shipments", partition=partition)
        total = client.total(web_api.Slice(partition.start, partition.end))
        yield dg.ObserveResult(
            asset_key=spec.key, data_version=dg.DataVersion(str(total)), metadata={_ROW_COUNT: total}
        )

    return observe_shipments
