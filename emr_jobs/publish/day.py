"""The publish of a whole job: stage everything, audit everything, then commit back to back.

Lake first, then one alias swap of the search index, each only while the day is this run's (fence). Readers of either
see the old day or the new one. A crash before the commits leaves staged leftovers that nobody reads; a crash between
them is finished by the retry, which stages the day anew. Does not own: one target's mechanics (lake, search).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emr_jobs.contracts import Check
from emr_jobs.contracts.model import Measure, RowCount, UniqueKey
from emr_jobs.core import storage
from emr_jobs.core.errors import Conflict
from emr_jobs.frame.job_run import JobRun
from emr_jobs.frame.report import Finding
from emr_jobs.publish import audit, bulk, fence, lake, preview, search
from emr_jobs.publish.lake import Staged
from emr_jobs.publish.search import AliasMoved
from emr_jobs.publish.versions import Inputs

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SWAP_TRIES = 20

Measures = Mapping[str, audit.Measures]


def publish_lake(
    run: JobRun,
    outputs: Mapping[str, "DataFrame"],
    *,
    inputs: Inputs | None = None,
    measures: Measures | None = None,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Stage, audit and publish these datasets together, only while the inputs have these versions.

    `facts` go into each materialization.
    """
    audit_then_commit(run, stage(run, outputs), inputs=inputs, measures=measures, facts=facts)
    fence.warn_of_moved(run, inputs or {})


def audit_then_commit(
    run: JobRun,
    days: list[Staged],
    *,
    inputs: Inputs | None = None,
    measures: Measures | None = None,
    facts: Mapping[str, object] | None = None,
) -> None:
    findings = audit_staged(run, days, measures=measures or {})
    audit.require(findings, partition=run.partition)
    commit(run, days, inputs=inputs or {}, facts=facts or {})


def stage(run: JobRun, outputs: Mapping[str, "DataFrame"]) -> list[Staged]:
    days = []
    for dataset, rows in outputs.items():
        contract = run.contract(dataset)
        with run.report.phase(f"stage {dataset}"):
            day = lake.stage(run.spark, rows, contract, partition=run.partition, wap_id=run.wap_id)
            view(run, day.contract.id, day.snapshot_id)
        run.report.log("staged", dataset=dataset, rows=day.rows, files=day.files, size_bytes=day.size_bytes)
        days.append(day)
    return days


def view(run: JobRun, dataset: str, snapshot_id: int) -> "DataFrame":
    """The day of a dataset at one snapshot, also for the contract's SQL."""
    rows = lake.at_snapshot(run.spark, run.contract(dataset), partition=run.partition, snapshot_id=snapshot_id)
    rows.createOrReplaceTempView(audit.view_name(dataset))
    return rows


def audit_staged(run: JobRun, days: list[Staged], *, measures: Measures) -> list[Finding]:
    with run.report.phase("audit"):
        findings = audit.audit(run.spark, days, measures=measures, allow_empty=run.allow_empty)
    for finding in findings:
        run.report.check(finding)
    return findings


def commit(
    run: JobRun, days: list[Staged], *, inputs: Inputs, facts: Mapping[str, object], compared: bool = True
) -> None:
    """`compared`: only while the inputs have these versions; else they are only written down."""
    with run.report.phase("preview"):
        previews = [preview.of(run.spark, day) for day in days]
    with run.report.phase("publish"):
        snapshots = []
        for day in days:
            may = fence.permitted(run, day.contract.id, inputs if compared else {})
            snapshots.append(lake.publish(run.spark, day, inputs=inputs, permitted=may))
        fence.require_ours(run)
    for day, snapshot_id, rows in zip(days, snapshots, previews, strict=True):
        run.report.materialized(
            day.contract.id,
            version=str(snapshot_id),
            rows=day.rows,
            snapshot_id=str(snapshot_id),  # text: a browser's numbers would round it
            files=day.files,
            size_bytes=day.size_bytes,
            contract_version=day.contract.version,
            wap_id=day.version,
            **facts,
            preview={"raw_value": rows, "type": "table"},
        )


@dataclass(frozen=True)
class Loaded:
    """An index that holds the day and that no reader sees yet."""

    target: search.SearchIndex
    index: str
    documents: int
    outcome: bulk.Outcome
    dead_letters: str | None  # where they are


def publish_both(
    run: JobRun,
    days: list[Staged],
    dataset: str,
    documents: "DataFrame",
    *,
    expected: int,
    inputs: Inputs,
    measures: Measures | None = None,
) -> None:
    """Load the search index from what is staged, audit both targets, try the swap, commit both."""
    with search.errors_named(run.settings.search, dataset=dataset, partition=run.partition):
        loaded = load(run, dataset, documents, inputs=inputs)
        publish_loaded(run, days, loaded, expected=expected, inputs=inputs, measures=measures or {})
    fence.warn_of_moved(run, inputs)


def publish_loaded(
    run: JobRun,
    days: list[Staged],
    loaded: Loaded,
    *,
    expected: int,
    inputs: Inputs,
    measures: Measures,
    compared: bool = True,
) -> None:
    findings = audit_staged(run, days, measures=measures)
    indexed = [audit_index(run, loaded, check, expected=expected) for check in loaded.target.contract.checks]
    for finding in indexed:
        run.report.check(finding)
    audit.require([*findings, *indexed], partition=run.partition)
    with run.report.phase("try swap"):  # before the lake commits: what refuses it would leave the two apart
        loaded.target.try_swap(loaded.index, run.partition)
    commit(run, days, inputs=inputs, facts={}, compared=compared)
    swap(run, loaded)


def load(run: JobRun, dataset: str, documents: "DataFrame", *, inputs: Inputs) -> Loaded:
    contract, settings = run.contract(dataset), run.settings.search
    target = search.SearchIndex(settings, contract)
    name = target.name(run.partition, run_id=run.run_id, attempt=run.attempt)
    with run.report.phase(f"load {dataset}"):
        target.require_mappings(run.partition)
        meta = {"run_id": run.run_id, "attempt": run.attempt, "contract": contract.version}
        index = target.create(name, meta={**meta, "version": run.wap_id, "inputs": dict(inputs)})
        outcome = bulk.load(documents, contract, index, settings)
        if outcome.error:
            raise search.answered(outcome.status, outcome.error, settings, dataset=dataset, partition=run.partition)
        done = target.finish(index)
    facts = {"documents": done.documents, "refused": outcome.refused, "replicas": done.replicas}
    run.report.log("loaded", dataset=dataset, index=index, **facts, replicas_wanted=settings.replicas)
    return Loaded(target, index, done.documents, outcome, _write_dead_letters(run, outcome))


def _write_dead_letters(run: JobRun, outcome: bulk.Outcome) -> str | None:
    if not outcome.refused:
        return None
    uri = f"{run.settings.runs.uri}/{bulk.DEAD_LETTERS}/{run.run_id}/{run.job.name}/{run.attempt}.jsonl.gz"
    storage.write_gzip(run.spark, uri, bulk.dead_letter_lines(outcome.dead_letters))
    run.report.log("dead letters", uri=uri, refused=outcome.refused, kept=len(outcome.dead_letters))
    return uri


def audit_index(run: JobRun, loaded: Loaded, check: Check, *, expected: int) -> Finding:
    """A check of the search contract. Refused documents within max_refused are known and not missing."""
    contract, outcome = loaded.target.contract, loaded.outcome
    if isinstance(check.rule, RowCount):
        allowed = loaded.documents == 0 and run.allow_empty
        return Finding(
            contract.id,
            check,
            allowed or check.rule.bound.allows(loaded.documents),
            f"documents: {check.rule.bound}",
            f"{loaded.documents}",
            audit.EMPTY_ASKED_FOR if allowed else None,
            {"documents": loaded.documents},
        )
    if isinstance(check.rule, UniqueKey):
        repeated = outcome.sent - outcome.refused - loaded.documents
        found = f"{repeated} repeated ids"
        return Finding(contract.id, check, repeated == 0, "0 repeated ids", found, numbers={"repeated_ids": repeated})
    assert isinstance(check.rule, Measure), check
    known = outcome.refused if outcome.refused <= run.settings.search.max_refused else 0
    finding = audit.measured(contract.id, check, {"missing_documents": float(expected - loaded.documents - known)})
    if not outcome.refused:
        return finding
    reasons = Counter(letter.reason.get("type", "unknown") for letter in outcome.dead_letters)
    why = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(3))
    found = f"{finding.found} missing, {outcome.refused} refused: {why}; {loaded.dead_letters}"
    return replace(finding, found=found, numbers={**finding.numbers, "refused": outcome.refused})


def swap_while_ours(run: JobRun, loaded: Loaded) -> None:
    """Until this run's index is the day's only one. Raises Conflict when the day is another run's, which swaps its own.

    A day's first swap removes nothing, so another one at the same moment goes unnoticed: the alias is read once more.
    """
    target, index, partition = loaded.target, loaded.index, run.partition
    for _ in range(SWAP_TRIES):
        try:
            target.swap(index, partition, permitted=lambda: fence.require_ours(run))
            shown = {each.name for each in target.published(partition)}
            fence.require_ours(run)
        except AliasMoved:
            continue
        except Conflict:
            target.step_back(index, partition)
            raise
        if shown == {index}:
            return
    found = f"an alias that changed {SWAP_TRIES} times"
    raise search.unavailable(found, run.settings.search, dataset=target.contract.id, partition=partition)


def swap(run: JobRun, loaded: Loaded) -> None:
    with run.report.phase("swap"):
        swap_while_ours(run, loaded)
    facts = {"refused": loaded.outcome.refused, "dead_letters": loaded.dead_letters}
    run.report.materialized(
        loaded.target.contract.id,
        version=loaded.index,
        rows=loaded.documents,
        index=loaded.index,
        alias=loaded.target.alias,
        contract_version=loaded.target.contract.version,
        **{name: value for name, value in facts.items() if value is not None},
    )
    retained = loaded.target.retain(now=datetime.now(UTC))
    if retained.deleted:
        run.report.log("retention", deleted=",".join(retained.deleted))
    for trouble in retained.trouble:
        run.report.log("warning", dataset=loaded.target.contract.id, retention=trouble)
