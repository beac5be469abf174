"""Runs a job as spark-submit on this machine, a child of the Dagster step.

Messages come over Pipes while the job runs; its stdout and stderr are the step's. Cancelling the step, or
killing it, ends the job's whole process tree.
"""

import subprocess
from collections.abc import Iterator

import dagster as dg
from emr_jobs.catalog import Job
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of

from pipeline_assets import remedies
from pipeline_assets.command import job_arguments, local_environment, local_submit, scratch_folder
from pipeline_assets.launchers.message_file import MessageFile
from pipeline_assets.launchers.outcome import Result, results
from pipeline_assets.process import TiedProcess

ORIGIN = "local"


class LocalLauncher(dg.PipesClient):
    def __init__(self, settings: Settings, settings_uri: str) -> None:
        self._settings = settings
        self._settings_uri = settings_uri

    def run(  # type: ignore[override]  # results are yielded, and a failure raised after them
        self, *, context: dg.AssetExecutionContext, job: Job, allow_empty: bool
    ) -> Iterator[Result]:
        with (
            scratch_folder() as scratch,
            dg.open_pipes_session(
                context=context,
                context_injector=dg.PipesEnvContextInjector(),
                message_reader=MessageFile(),
            ) as session,
        ):
            reports = [part for pair in session.get_bootstrap_cli_arguments().items() for part in pair]
            arguments = job_arguments(
                job,
                partition=("--partition", context.partition_key),
                settings=self._settings_uri,
                run_id=context.run.run_id,
                attempt=str(context.retry_number),
                allow_empty=allow_empty,
                reports=reports,
            )
            command = local_submit(job.script, arguments, self._settings.spark, scratch)
            process = TiedProcess(command, env=local_environment(scratch), scratch=scratch)
            try:
                code = process.wait(job.timeout_s)
                ended = f"spark-submit ended with exit code {code}. Its log is under stderr of this step."
                failure = ended if code else None
            except subprocess.TimeoutExpired:
                failure = f"not done after {job.timeout_s} s, the limit in {job.declared_in}"
            finally:  # also when the run is cancelled
                process.kill()
        yield from results(
            session.message_handler,
            domain_of(self._settings),
            job,
            partition=context.partition_key,
            place=remedies.LOCAL,
            metadata={"origin": ORIGIN},
            failure=failure,
        )
