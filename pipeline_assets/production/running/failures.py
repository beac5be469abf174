"""Why a job of an execution failed, from whoever knows: the job itself, else the log of its step, else Step Functions.

Does not own: what a job records and where (emr_jobs.frame.recording), an execution's history (executions).
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from emr_jobs.core.errors import cut
from emr_jobs.core.settings import Emr

from pipeline_assets.production.running.executions import JobProgress
from pipeline_assets.s3 import Folder

CAUSE_CHARS = 500  # Step Functions puts the whole step into it
_STEP = re.compile(r"\bs-[A-Z0-9]{5,}\b")


def why(went: JobProgress, *, run: str, cluster: str | None, runs_uri: str, emr: Emr) -> str:
    """Of the last attempt that can be told something of."""
    from pipeline_assets.emr import step_logs

    if sentence := _said(runs_uri, run=run, job=went.job.name, attempts=went.attempts):
        return sentence
    if cluster and (step := _STEP.search(went.cause)):
        return f"step {step[0]} ended without a word of the job. {step_logs.tail(emr, cluster, step[0], went.job)}"
    return cut(went.cause, CAUSE_CHARS)


def _said(runs_uri: str, *, run: str, job: str, attempts: int) -> str | None:
    """The job's own sentence; None when it was killed, or never began."""
    from pipeline_assets.messages_on_s3 import prefix

    for attempt in reversed(range(attempts)):
        for message in _recorded(Folder(f"{runs_uri}/{prefix(run, job, attempt)}")):
            failed = message["params"].get("payload", {}).get("failed")
            if failed is not None:
                return f"{failed['kind']}: {failed['message']}"
    return None


def _recorded(folder: Folder) -> Iterator[Mapping[str, Any]]:
    for name in sorted(folder.names(), key=lambda each: int(each.removesuffix(".json"))):
        for line in (folder.read(name) or b"").decode().splitlines():
            yield json.loads(line)
