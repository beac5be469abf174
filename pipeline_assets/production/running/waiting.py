"""An execution as it goes: a line whenever a job of it changes, until it has ended. Only reads."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline_assets.production.running.executions import Executions, JobProgress, JobStatus
from pipeline_assets.production.running.patience import patiently


@dataclass(frozen=True)
class Line:
    at: str  # time of day here
    job: str
    status: str
    says: str


def progress(executions: Executions, name: str, *, poll_interval_s: float) -> Iterator[Line]:
    """Waits out what AWS refuses to say for a while."""
    before: dict[str, tuple[JobStatus, int]] = {}
    while True:
        execution = patiently(executions.find)(name)  # before its history, which an ended execution has whole
        for went in patiently(executions.steps)(execution):
            now = (went.status, went.attempts)
            if now != before.get(went.job.name, (JobStatus.NOT_RUN, 0)):
                before[went.job.name] = now
                yield Line(f"{datetime.now():%H:%M:%S}", went.job.name, went.status, _says(went))
        if not execution.is_running:
            return
        time.sleep(poll_interval_s)


def _says(went: JobProgress) -> str:
    """With the number of attempts where there were several: a call that EMR refused counts, too."""
    return went.status if went.attempts < 2 else f"{went.status}, {went.attempts} attempts"
