"""Every table of the lake, as pyiceberg shows it: the day's rows and the columns, from metadata alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from emr_jobs.contracts import PARTITION_COLUMN, Contract
from emr_jobs.contracts.model import Bound, RowCount
from emr_jobs.contracts.table import iceberg_type
from emr_jobs.core.errors import Remedy, samples
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of

from pipeline_assets import lake
from pipeline_assets.checks.verdict import PUBLISHED, Results, Verdict, asset_key, check_spec, result, selected
from pipeline_assets.remedies import place_of

if TYPE_CHECKING:
    from pyiceberg.table import Table

_ROW_COUNT = "dagster/row_count"
_PROVES = (
    "Readers of the table see the day with as many rows as the latest run reported, in the contract's columns. "
    "Reads the table's metadata, no data. When it fails: `{}`; "
    "for columns: `pipeline lake apply`."
)


@dataclass(frozen=True)
class Reported:
    """The rows of a partition as its latest materialization has them."""

    rows: int
    run_id: str


def table_checks(settings: Settings, partitions: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    found, place = domain_of(settings), place_of(settings)
    tables = found.tables

    @dg.multi_asset_check(
        name="published_tables",
        specs=[
            check_spec(table, PUBLISHED, _PROVES.format(place.command("<day>", table.id)), partitions)
            for table in tables
        ],
        can_subset=True,
    )
    def published_tables(context: dg.AssetCheckExecutionContext) -> Results:
        catalog = lake.catalog(settings)
        for contract in selected(context, tables):
            table = lake.table(catalog, contract)
            reported = reported_rows(context.instance, contract, context.partition_key)
            verdict = judge_table(
                contract,
                partition=context.partition_key,
                columns=None if table is None else _column_types(table),
                rows=0 if table is None else row_count(table, context.partition_key),
                reported=None if reported is None else reported.rows,
                today=found.calendar.local(datetime.now(UTC)).date(),
            )
            yield result(contract, PUBLISHED, verdict, partition=context.partition_key, place=place, **_who(reported))

    return published_tables


def judge_table(
    contract: Contract,
    *,
    partition: str,
    columns: Mapping[str, str] | None,
    rows: int,
    reported: int | None,
    today: date,
) -> Verdict:
    """`columns`: their Iceberg types by name, None without a table; `reported`: None when no run is on record."""
    bound = _bound(contract)
    if not rows and contract.is_expired(date.fromisoformat(partition), today=today):
        expected, enough = f"no rows: they are kept for {contract.keep_days} days", True
    elif reported is not None:
        expected, enough = f"{reported} rows, as the latest run reported", rows == reported
    elif bound is not None:
        expected, enough = f"rows: {bound} (no run on record to compare with)", bound.allows(rows)
    else:
        expected, enough = "any number of rows (no run on record to compare with)", True
    wrong = [] if columns is None else column_differences(contract, columns)
    found = "no table" if columns is None else f"{rows} rows"
    if wrong:
        found += f"; columns that differ from the contract: {len(wrong)}{samples(wrong)}"
    fix = "" if columns is not None and not wrong else "Bring the table up to its contract: pipeline lake apply."
    remedy = Remedy.NONE if enough else Remedy.RERUN
    passed = enough and columns is not None and not wrong
    return Verdict(passed, expected, found, fix, remedy, {"rows": rows, "columns_that_differ": len(wrong)})


def _bound(contract: Contract) -> Bound | None:
    """Of the day's rows, where the contract sets one that blocks."""
    rules = [check.rule for check in contract.checks if check.blocking]
    return next((rule.bound for rule in rules if isinstance(rule, RowCount)), None)


def column_differences(contract: Contract, found: Mapping[str, str]) -> list[str]:
    expected = {column.name: str(iceberg_type(column)) for column in contract.columns}
    return [
        f"{name} {found.get(name, 'absent')} instead of {expected.get(name, 'absent')}"
        for name in {**expected, **found}
        if found.get(name) != expected.get(name)
    ]


def _column_types(table: "Table") -> dict[str, str]:
    return {field.name: str(field.field_type) for field in table.schema().fields}


def row_count(table: "Table", partition: str) -> int:
    """From the manifests: a day is whole files, and nobody writes delete files, for which pyiceberg would read rows."""
    return table.scan(row_filter=f"{PARTITION_COLUMN} == '{partition}'").count()


def reported_rows(instance: dg.DagsterInstance, contract: Contract, partition: str) -> Reported | None:
    """None when no run is on record, or the latest materialization came without a row count."""
    wanted = dg.AssetRecordsFilter(asset_key=asset_key(contract), asset_partitions=[partition])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        materialization = record.asset_materialization
        if materialization is not None and _ROW_COUNT in materialization.metadata:
            return Reported(int(str(materialization.metadata[_ROW_COUNT].value)), record.run_id)
    return None


def _who(reported: Reported | None) -> dict[str, dg.MetadataValue[Any]]:
    if reported is None or not reported.run_id:  # events that belong to no run have an empty one
        return {}
    return {"reported_by": dg.MetadataValue.dagster_run(reported.run_id)}
