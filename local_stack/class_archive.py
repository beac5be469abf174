"""AppCDS archives: classes of a Spark job and of OpenSearch, loaded and verified once instead of at every start.

    python -m local_stack.class_archive      nothing to do when they are current

Halves the start of a local session (docs/decisions.md). Made by one run of the real thing: the local stack and
every job over fifty rows. Rebuilt when the jars or Java change, or the checkout was moved: Java ignores an archive
whose jars lie elsewhere. Local profile only.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from emr_jobs.core.settings import load
from emr_jobs.domain import domain_of
from emr_jobs.job import parser, run
from local_stack import jars
from local_stack.jars import archive
from local_stack.sample import generate, local_domain
from local_stack.services import services
from pipeline_assets.command import job_arguments, local_environment, local_submit

_DAY = "2026-01-15"


def build() -> bool:
    """Build what is missing; True when something was built."""
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    current = f"{jars.LOCK.read_text()}{jars.JARS}\n{java}"
    stamp = jars.JARS / "archive-stamp"
    if stamp.exists() and stamp.read_text() == current:
        return False
    print("running every job once, so that the next ones start in half the time: a minute", flush=True)  # noqa: T201
    for kind in jars.KINDS:
        archive(kind).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        _train(Path(folder))
    stamp.write_text(current)
    return True


def _train(folder: Path) -> None:
    """Everything once: the node and a Spark process note which classes they load, and write them when they end."""
    generate(folder / "data", partition=local_domain().calendar.partition(_DAY), rows=50)
    node_options = [f"-XX:ArchiveClassesAtExit={archive('opensearch')}"]
    with services(folder / "home", folder / "data", node_options=node_options) as running:
        spark = running.settings.spark
        options = (*spark.jvm_options, f'"-XX:ArchiveClassesAtExit={archive("spark")}"')
        command = local_submit(
            "local_stack/class_archive.py",
            [str(running.settings_file)],
            spark.model_copy(update={"jvm_options": options, "class_archive": None}),
        )
        done = subprocess.run(command, env=local_environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"class archive: the run that should fill it failed:\n{done.stderr[-3000:]}")
        running.node.end_gently()


def _run_every_job(settings: str) -> None:
    """In one process, so that one archive serves all jobs."""
    for job in domain_of(load(settings)).jobs:
        arguments = job_arguments(
            job, partition=("--partition", _DAY), settings=settings, run_id="archive", attempt="0"
        )
        run(parser(job.script).parse_args(arguments))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _run_every_job(sys.argv[1])
    else:
        build()
