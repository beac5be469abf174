"""What every check here has in common: its spec, its verdict, and the result that Dagster keeps."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from emr_jobs.contracts import Contract
from emr_jobs.core.errors import Remedy

from pipeline_assets.remedies import Place

PUBLISHED = "published"

Results = Iterator[dg.AssetCheckResult]


@dataclass(frozen=True)
class Verdict:
    """For a person: `fix` and `remedy` are what to do when the check failed. `numbers` by name, to be plotted."""

    passed: bool
    expected: str
    found: str
    fix: str
    remedy: Remedy = Remedy.NONE
    numbers: Mapping[str, float] = field(default_factory=dict)


def asset_key(contract: Contract) -> dg.AssetKey:
    return dg.AssetKey([contract.layer, contract.name])


def check_spec(
    contract: Contract, name: str, description: str, partitions: dg.PartitionsDefinition | None
) -> dg.AssetCheckSpec:
    """Not blocking: the day is published already, and what is downstream has its own checks."""
    return dg.AssetCheckSpec(
        name=name,
        asset=asset_key(contract),
        description=description,
        partitions_def=partitions,
    )


def selected(context: dg.AssetCheckExecutionContext, among: Iterable[Contract]) -> list[Contract]:
    wanted = {key.asset_key for key in context.selected_asset_check_keys}
    return [contract for contract in among if asset_key(contract) in wanted]


def result(
    contract: Contract, name: str, verdict: Verdict, *, partition: str, place: Place, **more: dg.MetadataValue[Any]
) -> dg.AssetCheckResult:
    facts: dict[str, Any] = {"expected": verdict.expected, "found": verdict.found, **verdict.numbers, **more}
    sentence = None
    if not verdict.passed:
        again = place.then(verdict.remedy, partition=partition, select=contract.id)
        facts["what_to_do"] = f"{verdict.fix}{again}".strip()
        sentence = f"expected {verdict.expected}, found {verdict.found}. {facts['what_to_do']}"
    return dg.AssetCheckResult(
        asset_key=asset_key(contract),
        check_name=name,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=facts,
        description=sentence,
    )
