"""A job that says too little fails, with what it did report on record. Real Pipes, no Spark."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from emr_jobs.catalog import Job
from emr_jobs.frame.report import asset_key
from pipeline_assets.launchers.outcome import Result, results
from pipeline_assets.remedies import EMR
from tests.domains import LIBRARY

pytestmark = pytest.mark.usefixtures("processes")

JOB = Job("extract_members", outputs=("staged.rejected_members", "staged.members"), timeout_s=60, max_retries=0)

SCRIPT = """
import sys
from dagster_pipes import PipesCliArgsParamsLoader, open_dagster_pipes
keys, checks, custom, close = {keys!r}, {checks!r}, {custom!r}, {close!r}
pipes = open_dagster_pipes(params_loader=PipesCliArgsParamsLoader())
for key in keys:
    pipes.report_asset_materialization(asset_key=key, metadata={{}})
for key, name in checks:
    pipes.report_asset_check(asset_key=key, check_name=name, passed=True)
for message in custom:
    pipes.report_custom_message(message)
if close:
    pipes.close()
"""


def outcome(folder: Path, **said: object) -> tuple[list[Result], str | None]:
    """Results and failure of a process that says these things and nothing else."""
    script = folder / "job.py"
    script.write_text(SCRIPT.format(**{"keys": [], "checks": [], "custom": [], "close": True, **said}))
    collected: list[Result] = []
    failure: list[str] = []

    @dg.multi_asset(
        specs=[dg.AssetSpec(asset_key(dataset).split("/")) for dataset in JOB.outputs],
        check_specs=[
            dg.AssetCheckSpec(check.name, asset=asset_key(name).split("/")) for name, check in LIBRARY.checks_of(JOB)
        ],
    )
    def job(context: dg.AssetExecutionContext) -> Iterator[Result]:
        import subprocess

        with dg.open_pipes_session(
            context=context,
            context_injector=dg.PipesEnvContextInjector(),
            message_reader=dg.PipesTempFileMessageReader(),
        ) as session:
            arguments = [part for pair in session.get_bootstrap_cli_arguments().items() for part in pair]
            subprocess.run([sys.executable, str(script), *arguments], check=True)
        try:
            for result in results(
                session.message_handler, LIBRARY, JOB, partition="2026-11-22", place=EMR, metadata={"origin": "test"}
            ):
                collected.append(result)
                yield result
        except dg.Failure as error:
            failure.append(error.description or "")
            raise

    dg.materialize([job], raise_on_error=False, instance=dg.DagsterInstance.ephemeral())
    return collected, failure[0] if failure else None


KEYS = [asset_key(dataset) for dataset in JOB.outputs]
NO_DAY = {"kind": "BadInput", "message": "no day", "retryable": False}
CHECKS = [(asset_key(dataset), check.name) for dataset, check in LIBRARY.checks_of(JOB)]


def test_a_job_that_reported_everything_succeeds(tmp_path: Path) -> None:
    reported, failure = outcome(tmp_path, keys=KEYS, checks=CHECKS)
    assert failure is None
    assert len(reported) == len(KEYS) + len(CHECKS)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"keys": KEYS[:1], "checks": CHECKS},
            "extract_members: reported success, but not staged.members",
        ),
        (
            {"keys": KEYS, "checks": CHECKS[1:]},
            f"extract_members: reported success, but not staged.rejected_members {CHECKS[0][1]}",
        ),
        (
            {"keys": KEYS, "checks": CHECKS, "close": False},
            "extract_members: the job ended without its closing message",
        ),
        (
            {"keys": [], "custom": [{"failed": NO_DAY}]},
            "BadInput: no day",
        ),
        (
            {"custom": [{"failed": {**NO_DAY, "dataset": "staged.members", "remedy": "rerun"}}]},
            f"BadInput: no day To run it again: {EMR.command('2026-11-22', 'staged.members')}",
        ),
        (
            {"custom": [{"failed": {**NO_DAY, "dataset": "snowflake.members", "remedy": "rerun, or allow empty"}}]},
            f"BadInput: no day To run it again: {EMR.command('2026-11-22', 'extract_members')}",
        ),
        (
            {"custom": [{"failed": {**NO_DAY, "dataset": "staged.members", "remedy": ""}}]},
            "BadInput: no day",
        ),
    ],
    ids=[
        "an output is missing",
        "a check is missing",
        "no closing message",
        "it said why",
        "it said what to start",
        "of a source",
        "nothing to start",
    ],
)
def test_a_job_that_said_too_little_fails_after_its_results(
    tmp_path: Path, said: dict[str, object], message: str
) -> None:
    reported, failure = outcome(tmp_path, **said)
    assert failure == message
    assert len(reported) == len(said.get("keys", [])) + len(said.get("checks", []))  # type: ignore[arg-type]
