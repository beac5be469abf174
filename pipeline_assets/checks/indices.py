"""The search index as its alias shows it: one index a day, mapped as in the contract, a document a row."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from emr_jobs.contracts import PARTITION_COLUMN, Contract
from emr_jobs.contracts.mapping import index_body
from emr_jobs.core.errors import Remedy, samples
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain, domain_of

from pipeline_assets import lake
from pipeline_assets.checks.tables import row_count
from pipeline_assets.checks.verdict import PUBLISHED, Results, Verdict, check_spec, result, selected
from pipeline_assets.remedies import place_of

_PROVES = (
    "The alias shows one index for the day, mapped as in the contract, with a document for every row of {}. "
    "When it fails: `{}`."
)


def index_checks(settings: Settings, partitions: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    found, place = domain_of(settings), place_of(settings)
    indices = found.indices

    @dg.multi_asset_check(
        name="published_indices",
        specs=[
            check_spec(
                each, PUBLISHED, _PROVES.format(rows_in(found, each).id, place.command("<day>", each.id)), partitions
            )
            for each in indices
        ],
        can_subset=True,
    )
    def published_indices(context: dg.AssetCheckExecutionContext) -> Results:
        catalog = lake.catalog(settings)
        for contract in selected(context, indices):
            source = rows_in(found, contract)
            rows = lake.table(catalog, source)
            verdict = _judged_index(
                settings,
                contract,
                source=source,
                partition=found.calendar.partition(context.partition_key),
                rows=0 if rows is None else row_count(rows, context.partition_key),
            )
            yield result(contract, PUBLISHED, verdict, partition=context.partition_key, place=place)

    return published_indices


def rows_in(found: Domain, contract: Contract) -> Contract:
    """The table whose rows are the documents: the one that their key comes from."""
    (dataset,) = {
        dataset for column in contract.columns if column.name in contract.key for dataset, _ in column.lineage
    }
    return found.contracts[dataset]


def _judged_index(
    settings: Settings, contract: Contract, *, source: Contract, partition: Partition, rows: int
) -> Verdict:
    from emr_jobs.publish.search import SearchIndex, errors_named

    with errors_named(settings.search, dataset=contract.id, partition=partition):
        target = SearchIndex(settings.search, contract)
        shown = [index.name for index in target.published(partition)]
        wrong = []
        for name in shown:
            wrong += mapping_differences(contract, target.client.indices.get_mapping(index=name)[name]["mappings"])
        # Asked of the alias, as readers do: an index under any other name would count as well.
        counted = target.client.count(
            index=target.alias,
            body={"query": {"term": {PARTITION_COLUMN: str(partition)}}},
            params={"ignore_unavailable": "true"},
        )
    return judge_index(contract, source=source, shown=shown, wrong=wrong, documents=counted["count"], rows=rows)


def judge_index(
    contract: Contract, *, source: Contract, shown: Sequence[str], wrong: Sequence[str], documents: int, rows: int
) -> Verdict:
    """`source`: whose rows the documents are; `shown`: the day's indices behind the alias; `wrong`: fields that are
    mapped otherwise than the contract says.
    """
    indices = f"{len(shown)} indices{samples(shown)}" if len(shown) != 1 else f"1 index ({shown[0]})"
    found = f"{indices} and {documents} documents behind the alias {contract.physical_name}"
    if wrong:
        found += f"; fields that are mapped otherwise: {len(wrong)}{samples(wrong)}"
    return Verdict(
        passed=len(shown) == 1 and not wrong and documents == rows,
        expected=f"1 index of the day, mapped as in the contract, with {rows} documents: the rows of {source.id}",
        found=found,
        fix="After a rollback on purpose this stays until the day, table and index together, runs again.",
        remedy=Remedy.RERUN,
        numbers={"documents": documents, "rows": rows, "fields_that_differ": len(wrong)},
    )


def mapping_differences(contract: Contract, found: Mapping[str, Any]) -> list[str]:
    expected = index_body(contract, meta={})["mappings"]
    wanted = {**expected["properties"], "dynamic": expected["dynamic"]}
    present = {**found.get("properties", {}), "dynamic": found.get("dynamic")}
    return [
        f"{name} {_compact(present.get(name))} instead of {_compact(wanted.get(name))}"
        for name in {**wanted, **present}
        if present.get(name) != wanted.get(name)
    ]


def _compact(field: object) -> str:
    return "absent" if field is None else json.dumps(field, separators=(",", ":")).replace('"', "")
