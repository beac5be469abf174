"""What a job reported, judged: the same in every launcher.

A job succeeds when it reported every output and check that it declares, closed its stream, and said nothing of a
failure. Dagster by itself would invent the materializations that are missing. Results come first, the failure
after them, so that a failed check is on record.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from emr_jobs.catalog import Job
from emr_jobs.contracts import contracts
from emr_jobs.report import asset_key, checks_of

Result = dg.MaterializeResult[Any] | dg.AssetCheckResult


def results(
    session: dg.PipesSession, job: Job, *, metadata: Mapping[str, Any], failure: str | None = None
) -> Iterator[Result]:
    """Every reported result, with the launcher's metadata; then raises dg.Failure unless the job is complete.

    `failure`: what the launcher itself saw go wrong, such as an exit code.
    """
    reported = session.get_results(implicit_materializations=False)
    for result in reported:
        together: dict[str, Any] = {**(result.metadata or {}), **metadata, **_lineage(result)}
        yield result._replace(metadata=together)
    said = failure_said(session)
    missing = _missing(job, reported)
    if said is not None:
        raise dg.Failure(f"{said['kind']}: {said['message']}", metadata=metadata, allow_retries=said["retryable"])
    if failure is not None:
        raise dg.Failure(f"{job.name}: {failure}", metadata=metadata)
    if not session.message_handler.received_closed_message:
        raise dg.Failure(f"{job.name}: the job ended without its closing message", metadata=metadata)
    if missing:
        raise dg.Failure(
            f"{job.name}: reported success, but not {', '.join(missing)}", metadata=metadata, allow_retries=False
        )


def failure_said(session: dg.PipesSession) -> Mapping[str, Any] | None:
    """What the job itself said went wrong: kind, message, retryable."""
    return next((message["failed"] for message in session.get_custom_messages() if "failed" in message), None)


def _missing(job: Job, reported: Any) -> list[str]:
    materialized = {result.asset_key for result in reported if isinstance(result, dg.MaterializeResult)}
    checked = {(result.asset_key, result.check_name) for result in reported if isinstance(result, dg.AssetCheckResult)}
    outputs = [dataset for dataset in job.outputs if _key(dataset) not in materialized]
    checks = [
        f"{dataset} {check.name}" for dataset, check in checks_of(job) if (_key(dataset), check.name) not in checked
    ]
    return outputs + checks


def _key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey.from_user_string(asset_key(dataset))


def _lineage(result: Result) -> dict[str, Any]:
    """Where each column comes from: Dagster shows it with the materialization."""
    if not isinstance(result, dg.MaterializeResult) or result.asset_key is None:
        return {}
    contract = contracts()[".".join(dg.AssetKey.from_coercible(result.asset_key).path)]
    deps = {
        column.name: [
            dg.TableColumnDep(asset_key=_key(dataset), column_name=source)
            for dataset, source in column.lineage
            if source is not None
        ]
        for column in contract.columns
    }
    lineage = dg.TableColumnLineage({column: found for column, found in deps.items() if found})
    return {"dagster/column_lineage": lineage}
