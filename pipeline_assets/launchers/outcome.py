"""What a job reported, judged: the same in every launcher.

A job succeeds when it reported every output and check that it owes, closed its stream, and said nothing of a
failure. Dagster by itself would invent the materializations that are missing. Results come first, the failure
after them, so that a failed check is on record.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from emr_jobs.catalog import Job
from emr_jobs.core.errors import Remedy
from emr_jobs.domain import Domain
from emr_jobs.frame.report import asset_key

from pipeline_assets.remedies import Place, what_to_select

Reported = dg.MaterializeResult[Any] | dg.AssetCheckResult
Result = Reported | dg.Output[None]


@dataclass(frozen=True)
class Owed:
    """Outputs and checks that a job has to report: asset keys as Pipes writes them, and `<key>:<check>`."""

    outputs: tuple[str, ...]
    checks: tuple[str, ...]

    @classmethod
    def by(cls, found: Domain, job: Job) -> "Owed":
        """Under today's definitions."""
        checks = tuple(f"{asset_key(dataset)}:{check.name}" for dataset, check in found.checks_of(job))
        return cls(tuple(map(asset_key, job.outputs)), checks)

    @classmethod
    def recorded(cls, messages: dg.PipesMessageHandler) -> "Owed | None":
        """As the job itself said in its first message."""
        said = next((each["declares"] for each in messages.get_custom_messages() if "declares" in each), None)
        return said and cls(tuple(said["outputs"]), tuple(said["checks"]))

    def knows(self, result: Reported) -> bool:
        return _key(result) in (self.outputs if isinstance(result, dg.MaterializeResult) else self.checks)

    def missing(self, reported: Sequence[Reported]) -> list[str]:
        """As `layer.name` and `layer.name check`."""
        there = {_key(result) for result in reported}
        return [_said(key) for key in (*self.outputs, *self.checks) if key not in there]


def results(
    messages: dg.PipesMessageHandler,
    found: Domain,
    job: Job,
    *,
    partition: str,
    place: Place,
    metadata: Mapping[str, Any],
    failure: str | None = None,
    lost: str | None = None,
) -> Iterator[Result]:
    """Every reported result, with the launcher's metadata; then raises dg.Failure unless the job is complete.

    `failure`: what the launcher itself saw go wrong, such as an exit code; `lost`: that what ran the job went away
    under it, of which whatever the job said last is a consequence.
    """
    reported = messages.get_reported_results()
    yield from (_completed(found, result, metadata) for result in reported)
    if lost is not None:
        raise dg.Failure(f"{job.name}: {lost}", metadata=metadata)
    said = failure_said(messages)
    if said is not None:
        sentence = _sentence(said, found, job, partition, place)
        raise dg.Failure(sentence, metadata=metadata, allow_retries=said["retryable"])
    if failure is not None:
        raise dg.Failure(f"{job.name}: {failure}", metadata=metadata)
    _require_complete(messages, job, Owed.by(found, job), reported, metadata)


def replayed_results(
    messages: dg.PipesMessageHandler,
    found: Domain,
    job: Job,
    *,
    partition: str,
    place: Place,
    log: dg.DagsterLogManager,
    metadata: Mapping[str, Any],
    failure: str | None,
) -> Iterator[Result]:
    """The same of a stream that production recorded, perhaps with another version of the code; never retried.

    What that version owed decides what is missing. What today's definitions do not know is logged and dropped; for
    a check that they have and it had not, an output without an evaluation is given, which Dagster insists on.
    """
    today, then = Owed.by(found, job), Owed.recorded(messages)
    reported = messages.get_reported_results()
    for result in reported:
        if today.knows(result):
            yield _completed(found, result, metadata)
        else:
            log.warning(f"{_said(_key(result))} was recorded and is not defined any more: left out")
    said = failure_said(messages)
    if said is not None:
        raise dg.Failure(_sentence(said, found, job, partition, place), metadata=metadata, allow_retries=False)
    if failure is not None:
        raise dg.Failure(f"{job.name}: {failure}", metadata=metadata, allow_retries=False)
    _require_complete(messages, job, then or today, reported, metadata, allow_retries=False)
    yield from left_out(found, job, reported, log=log)


def left_out(found: Domain, job: Job, reported: Sequence[Reported], *, log: dg.DagsterLogManager) -> Iterator[Result]:
    """What today's definitions have and an older version had not."""
    today = Owed.by(found, job)
    for key in today.missing(reported):
        log.warning(f"{key} is newer than what was recorded: left out")
    for key in set(today.checks) - {_key(result) for result in reported}:
        dataset, name = key.split(":")
        spec = dg.AssetCheckSpec(name, asset=dg.AssetKey.from_user_string(dataset))
        yield dg.Output(None, output_name=spec.get_python_identifier())


def failure_said(messages: dg.PipesMessageHandler) -> Mapping[str, Any] | None:
    """What the job itself said went wrong: kind, message, retryable, and of an error of ours dataset and remedy."""
    return next((message["failed"] for message in messages.get_custom_messages() if "failed" in message), None)


def _sentence(said: Mapping[str, Any], found: Domain, job: Job, partition: str, place: Place) -> str:
    remedy = Remedy(said.get("remedy", ""))
    select = what_to_select(found, remedy, said.get("dataset"), otherwise=job.name)
    return f"{said['kind']}: {said['message']}{place.then(remedy, partition=partition, select=select)}"


def _require_complete(
    messages: dg.PipesMessageHandler,
    job: Job,
    owed: Owed,
    reported: Sequence[Reported],
    metadata: Mapping[str, Any],
    *,
    allow_retries: bool = True,
) -> None:
    if not messages.received_closed_message:
        said = f"{job.name}: the job ended without its closing message"
        raise dg.Failure(said, metadata=metadata, allow_retries=allow_retries)
    if missing := owed.missing(reported):
        raise dg.Failure(
            f"{job.name}: reported success, but not {', '.join(missing)}", metadata=metadata, allow_retries=False
        )


def _completed(found: Domain, result: Reported, metadata: Mapping[str, Any]) -> Reported:
    together: dict[str, Any] = {**(result.metadata or {}), **metadata, **_lineage(found, result)}
    return result._replace(metadata=together)


def _key(result: Reported) -> str:
    assert result.asset_key is not None, "Pipes results name theirs"
    key = dg.AssetKey.from_coercible(result.asset_key).to_user_string()
    return key if isinstance(result, dg.MaterializeResult) else f"{key}:{result.check_name}"


def _said(key: str) -> str:
    return key.replace("/", ".").replace(":", " ")


def _lineage(found: Domain, result: Reported) -> dict[str, Any]:
    """Where each column comes from: Dagster shows it with the materialization."""
    if not isinstance(result, dg.MaterializeResult):
        return {}
    contract = found.contracts[_said(_key(result))]
    deps = {
        column.name: [
            dg.TableColumnDep(asset_key=dg.AssetKey.from_user_string(asset_key(dataset)), column_name=source)
            for dataset, source in column.lineage
            if source is not None
        ]
        for column in contract.columns
    }
    lineage = dg.TableColumnLineage({column: upstream for column, upstream in deps.items() if upstream})
    return {"dagster/column_lineage": lineage}
