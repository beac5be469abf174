"""Writes a job's OpenLineage events where the settings say, beside its results.

    <folder>/<partition>/<job>/<run id>-<event type>.json    on this machine and on S3; one POST each to an address

An event that is written again replaces itself. What cannot be written is warned of, once a job, and nothing waits for
it longer than the tries take. Does not own: what is in an event (events).
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError  # has no public name
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.secret_ref import resolve
from emr_jobs.core.settings import Lineage, Settings
from emr_jobs.domain import domain_of

from pipeline_assets.lineage import events
from pipeline_assets.lineage.events import Evaluated, Occurrence, Published

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

TRIES = 3

Result = TypeVar("Result")  # what a launcher yields


def told(
    settings: Settings,
    log: dg.DagsterLogManager,
    occurrence: Occurrence,
    results: Iterable[Result],
    *,
    began_at: datetime | None = None,
    ended_at: datetime | None = None,
) -> Iterator[Result]:
    """The results as they come, with events before and after them.

    `began_at`, `ended_at`: of a job that has ended somewhere else; None: now.
    """
    if settings.lineage is None:
        yield from results
        return
    out = _Out(settings.lineage, log, occurrence)
    out.write(lambda: [events.started(settings, occurrence, began_at or datetime.now(UTC))])
    seen: list[Result] = []
    failure, cancelled = None, False
    try:
        for result in results:
            seen.append(result)
            yield result
    except dg.Failure as error:
        failure = error.description or occurrence.job.name
        raise
    except Misconfigured as error:
        failure = str(error)
        raise
    except (DagsterExecutionInterruptedError, GeneratorExit):
        cancelled = True
        raise
    except Exception as error:
        failure = type(error).__name__  # of a library: what it says may hold what it was given
        raise
    finally:
        at = ended_at or datetime.now(UTC)
        how: dict[str, Any] = {"failure": failure, "cancelled": cancelled}
        out.write(lambda: events.ended(settings, occurrence, at, reported_by(settings, seen), **how))


def reported_by(settings: Settings, results: Iterable[object]) -> events.Reported:
    """What these results say, without what today's definitions do not know."""
    found = domain_of(settings)
    published: dict[str, Published] = {}
    checks: list[Evaluated] = []
    for result in results:
        if not isinstance(result, dg.MaterializeResult | dg.AssetCheckResult):
            continue
        assert result.asset_key is not None, "Pipes results name theirs"
        dataset = ".".join(dg.AssetKey.from_coercible(result.asset_key).path)
        facts: dict[str, Any] = {
            name: getattr(value, "value", value) for name, value in (result.metadata or {}).items()
        }
        if isinstance(result, dg.MaterializeResult):
            version = result.data_version.value if result.data_version else str(facts.get("snapshot_id", ""))
            published[dataset] = Published(
                version, facts.get("dagster/row_count"), facts.get("size_bytes"), facts.get("files")
            )
            continue
        (check,) = [each for each in found.contracts[dataset].checks if each.name == result.check_name]
        checks.append(Evaluated(dataset, check, result.passed, _text(facts, "expected"), _text(facts, "found")))
    return events.Reported(published, tuple(checks))


def _text(facts: dict[str, Any], name: str) -> str | None:
    return str(facts[name]) if name in facts else None


class _Out:
    def __init__(self, lineage: Lineage, log: dg.DagsterLogManager, occurrence: Occurrence) -> None:
        self._lineage = lineage
        self._log = log
        self._occurrence = occurrence
        self._failed = False

    def write(self, told: "Callable[[], Iterable[RunEvent]]") -> None:
        """After a failure no more of this job: each would wait as long again."""
        from openlineage.client.serde import Serde

        try:
            for event in () if self._failed else told():
                write(self._lineage, self._path(event), Serde.to_json(event).encode())
        except Exception as error:  # noqa: BLE001  # an edge: events are no reason for a day to fail
            self._failed = True
            job, partition = self._occurrence.job, self._occurrence.partition
            said = str(error) if isinstance(error, Misconfigured) else type(error).__name__
            self._log.warning(
                f"{', '.join(job.outputs)} {partition}: its OpenLineage events were not written to {self._lineage.url} "
                f"({said}). The day is not affected. See that it can be written, or change url in [lineage] of the "
                "settings"
            )

    def _path(self, event: "RunEvent") -> str:
        state = event.eventType.value if event.eventType else "OTHER"
        return f"{self._occurrence.partition}/{event.job.name}/{event.run.runId}-{state}.json"


def write(lineage: Lineage, path: str, content: bytes) -> None:
    """Raises what file system, S3 or HTTP raise; Misconfigured for a token that is not there."""
    match lineage.kind:
        case "file":
            _to_file(Path(lineage.url.removeprefix("file://")) / path, content)
        case "s3":
            _to_s3(lineage, path, content)
        case "http":
            _by_post(lineage, content)


def _to_file(path: Path, content: bytes) -> None:
    """Whole or not at all, whoever reads or writes at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        file.write(content)
    os.replace(file.name, path)


def _to_s3(lineage: Lineage, path: str, content: bytes) -> None:
    import boto3
    from botocore.config import Config

    limits = Config(
        connect_timeout=lineage.timeout_s,
        read_timeout=lineage.timeout_s,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
    )
    bucket, key = bucket_and_key(f"{lineage.url}/{path}")
    boto3.client("s3", config=limits).put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/json")


def _by_post(lineage: Lineage, content: bytes) -> None:
    """Certificates are verified; nothing is sent on to where a redirect leads."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    headers = {"Content-Type": "application/json"}
    if lineage.token:
        headers["Authorization"] = f"Bearer {resolve(lineage.token)}"
    again = Retry(
        total=TRIES - 1,
        backoff_factor=0.5,
        status_forcelist=(429, 502, 503, 504),
        allowed_methods=None,  # an event that arrives twice is one event
        respect_retry_after_header=False,
        redirect=False,
    )
    with requests.Session() as session:
        session.trust_env = False  # else a netrc of this machine would take the token's place
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=again))
        answer = session.post(
            lineage.url, data=content, headers=headers, timeout=lineage.timeout_s, allow_redirects=False
        )
    if not answer.ok or answer.is_redirect:
        raise Misconfigured(f"answered {answer.status_code}")
