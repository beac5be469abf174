"""The sources: external assets, observed but never made here.

Observing asks each source how much it holds: a listing of the day's files, a count per table, the API's total.
Secrets are resolved inside the step that uses them.
"""

import hashlib
from collections.abc import Iterator
from fnmatch import fnmatch

import dagster as dg
from emr_jobs.contracts import Contract
from emr_jobs.partition import Partition
from emr_jobs.secret_ref import resolve
from emr_jobs.settings import Settings, SnowflakeSource
from emr_jobs.sources import web_api

from pipeline_assets.assets.specs import asset_spec, sources

BY_DAY = ("s3", "web_api")  # the tables of Snowflake are not kept by day


def source_assets(settings: Settings, partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    specs = {contract.id: _spec(contract, partitions) for contract in sources()}
    return [
        _observed_orders(settings, specs["s3.orders"]),
        _observed_tables(settings, [contract for contract in sources() if contract.layer == "snowflake"], specs),
        _observed_shipments(settings, specs["web_api.shipments"]),
    ]


def _spec(contract: Contract, partitions: dg.PartitionsDefinition) -> dg.AssetSpec:
    return asset_spec(contract, partitions if contract.layer in BY_DAY else None)


def _observed_orders(settings: Settings, spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(name="observe_orders", specs=[spec])
    def observe_orders(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        pattern = settings.sources.orders.of(context.partition_key)
        files = listing(pattern)
        version = hashlib.sha256(repr(files).encode()).hexdigest()[:16]
        yield dg.ObserveResult(
            asset_key=spec.key,
            data_version=dg.DataVersion(version),
            metadata={"pattern": pattern, "files": len(files), "size_bytes": sum(size for _, size in files)},
        )

    return observe_orders


def listing(pattern: str) -> list[tuple[str, int]]:
    """Names and sizes of the files that a pattern matches, on S3 or on a local path."""
    from pyarrow import fs

    folder, _, names = pattern.rpartition("/")
    system, path = fs.FileSystem.from_uri(folder) if "://" in folder else (fs.LocalFileSystem(), folder)
    found = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
    return sorted((info.base_name, info.size) for info in found if info.is_file and fnmatch(info.base_name, names))


def _observed_tables(settings: Settings, tables: list[Contract], specs: dict[str, dg.AssetSpec]) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(name="observe_tables", specs=[specs[table.id] for table in tables])
    def observe_tables(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        with _snowflake(settings.sources.snowflake).get_connection() as connection:
            for table in tables:
                # The name stands in a contract of this repository; a table name cannot be bound.
                (rows,) = connection.cursor().execute(f"SELECT COUNT(*) FROM {table.physical_name}").fetchone()  # noqa: S608
                yield dg.ObserveResult(
                    asset_key=specs[table.id].key,
                    data_version=dg.DataVersion(str(rows)),
                    metadata={"dagster/row_count": rows, "table": table.physical_name},
                )

    return observe_tables


def _snowflake(settings: SnowflakeSource):  # type: ignore[no-untyped-def]  # importing the type costs five seconds
    from dagster_snowflake import SnowflakeResource

    address = {"host": settings.host, "port": settings.port, "protocol": settings.protocol}
    return SnowflakeResource(
        account=settings.account,
        user=settings.user,
        private_key=resolve(settings.private_key),
        database=settings.database,
        role=settings.role,
        warehouse=settings.warehouse,
        additional_snowflake_connection_args={key: value for key, value in address.items() if value is not None},
    )


def _observed_shipments(settings: Settings, spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(name="observe_shipments", specs=[spec])
    def observe_shipments(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        partition = Partition.parse(context.partition_key)
        client = web_api.ApiClient(settings.sources.shipments, dataset="web_api.shipments", partition=partition)
        total = client.total(web_api.Slice(partition.start, partition.end))
        yield dg.ObserveResult(
            asset_key=spec.key, data_version=dg.DataVersion(str(total)), metadata={"dagster/row_count": total}
        )

    return observe_shipments
