"""What a job says while it runs: log lines, check results, materializations, each over Dagster Pipes.

Also on stderr, one fact a line, for whoever reads the step's log. Knows what the job declared, so that a job
that forgot an output or a check does not end as a success.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dagster_pipes import PipesContext, PipesMetadataValue

from emr_jobs.catalog import Job
from emr_jobs.contracts import Check, Severity
from emr_jobs.core.errors import Outdated, PipelineError, Unavailable

_PIPES_SEVERITY = {Severity.ERROR: "ERROR", Severity.WARNING: "WARN"}


def asset_key(dataset: str) -> str:
    """As Pipes writes it: layer/name."""
    return dataset.replace(".", "/")


def _number(value: float) -> PipesMetadataValue:
    return {"raw_value": value, "type": "int" if isinstance(value, int) else "float"}


MESSAGE_SIZE = 2000


@dataclass(frozen=True)
class Finding:
    """How a check went, for a person: what it expected, what was found; `numbers` by name, to be plotted over days."""

    dataset: str
    check: Check
    passed: bool
    expected: str
    found: str
    note: str | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        return not self.passed and self.check.blocking


class Report:
    def __init__(
        self,
        pipes: PipesContext,
        job: Job,
        *,
        checks: Sequence[tuple[str, Check]],
        partition: object,
        code_version: str,
        attempt: int,
    ) -> None:
        """`checks`: those that the job must report, each with its dataset."""
        self._pipes = pipes
        self._job = job
        self._owed = list(checks)
        self._partition = partition
        self._always = {"code_version": code_version, "attempt": attempt}
        self._phases: dict[str, float] = {}
        self._checked: set[tuple[str, str]] = set()
        self._materialized: set[str] = set()
        # First of all messages: what this version of the job owes, for whoever replays the stream later.
        outputs = [asset_key(dataset) for dataset in job.outputs]
        declared = {
            "job": job.name,
            "outputs": outputs,
            "checks": [f"{asset_key(name)}:{each.name}" for name, each in checks],
        }
        pipes.report_custom_message({"declares": {**declared, "code_version": code_version}})

    def log(self, event: str, **facts: object) -> None:
        line = " ".join([event, *(f"{name}={value}" for name, value in facts.items())])
        self._pipes.log.info(line)
        print(f"{line}\n", end="", file=sys.stderr, flush=True)  # noqa: T201  # the step's log; whole, beside other jobs'

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Times a part of the job; the durations go into every materialization."""
        started = time.monotonic()
        yield
        self._phases[name] = round(self._phases.get(name, 0.0) + time.monotonic() - started, 2)
        self.log(f"phase {name}", partition_date=self._partition, duration_s=self._phases[name])

    def check(self, finding: Finding) -> None:
        facts: dict[str, Any] = {"expected": finding.expected, "found": finding.found}
        if finding.note:
            facts["note"] = finding.note
        self._pipes.report_asset_check(
            asset_key=asset_key(finding.dataset),
            check_name=finding.check.name,
            passed=finding.passed,
            severity=_PIPES_SEVERITY[finding.check.severity],  # type: ignore[arg-type]
            metadata={**facts, **{name: _number(value) for name, value in finding.numbers.items()}},
        )
        self._checked.add((finding.dataset, finding.check.name))
        if not finding.passed:
            level = "check failed" if finding.check.blocking else "warning"
            self.log(level, dataset=finding.dataset, check=finding.check.name, **facts)

    def materialized(self, dataset: str, *, version: str, rows: int, **facts: Any) -> None:
        """Published: `version` is what a reader can name it by, a snapshot id or an index."""
        metadata: dict[str, Any] = {
            "dagster/row_count": {"raw_value": rows, "type": "int"},
            **facts,
            **self._always,
            "seconds": round(sum(self._phases.values()), 2),
            "phases": {"raw_value": dict(self._phases), "type": "json"},
        }
        self._pipes.report_asset_materialization(asset_key=asset_key(dataset), data_version=version, metadata=metadata)
        self._materialized.add(dataset)
        self.log("published", dataset=dataset, partition_date=self._partition, rows=rows, version=version)

    def done(self, facts: Mapping[str, object]) -> None:
        """Of a step that publishes nothing."""
        self._pipes.report_custom_message({"done": facts})

    def failed(self, error: Exception) -> None:
        """Why the job ends without success, for a launcher to fail with; whether another attempt may help, and what."""
        kind, message = type(error).__name__, _without_frames(str(error))
        said = {"kind": kind, "message": message, "retryable": isinstance(error, Unavailable | Outdated)}
        if isinstance(error, PipelineError):
            said |= {"dataset": error.dataset, "remedy": error.remedy}
        self._pipes.report_custom_message({"failed": said})
        self._pipes.log.error(f"{kind}: {message}")

    def runs_as(self, application: str) -> None:
        """Spark's id of this run of the job: what ends it on YARN."""
        self._pipes.report_custom_message({"application": application})

    def missing(self) -> list[str]:
        """Outputs and checks that the job declares and did not report."""
        outputs = [dataset for dataset in self._job.outputs if dataset not in self._materialized]
        checks = [
            f"{dataset} {check.name}" for dataset, check in self._owed if (dataset, check.name) not in self._checked
        ]
        return outputs + checks


def _without_frames(message: str) -> str:
    """Spark's errors carry the JVM's stack, hundreds of lines; it stays in the step's log."""
    lines = [line for line in message.splitlines() if line.strip() and not line.lstrip().startswith(("at ", "..."))]
    return "\n".join(lines)[:MESSAGE_SIZE]
