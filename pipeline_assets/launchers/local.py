"""Runs a job in the Spark driver of its run, on this machine.

Messages come over Pipes while the job runs; its stdout and stderr are the step's, Spark's are not. Cancelling the step,
or killing it, ends the job. Does not own: the driver (driver.running), which the run's executor keeps.
"""

import subprocess
from collections.abc import Iterator

import dagster as dg
from emr_jobs.catalog import Job
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of

from pipeline_assets import remedies
from pipeline_assets.command import job_arguments
from pipeline_assets.driver import running as driver
from pipeline_assets.launchers.message_file import MessageFile
from pipeline_assets.launchers.outcome import Result, results

ORIGIN = "local"


class LocalLauncher(dg.PipesClient):
    def __init__(self, settings: Settings, settings_uri: str) -> None:
        self._settings = settings
        self._settings_uri = settings_uri

    def run(  # type: ignore[override]  # results are yielded, and a failure raised after them
        self, *, context: dg.AssetExecutionContext, job: Job, allow_empty: bool
    ) -> Iterator[Result]:
        run = context.run_id
        failure = lost = None
        with (
            driver.kept(run, self._settings, self._settings_uri),  # by the executor, unless the step is run by itself
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
            try:
                if code := driver.run_job(run, arguments, timeout_s=job.timeout_s):
                    its_log = f"Its log is under stderr of this step, Spark's in {driver.where_spark_prints(run)}"
                    failure = f"ended with exit code {code}. {its_log}."
            except subprocess.TimeoutExpired:
                failure = f"not done after {job.timeout_s} s, the limit in {job.declared_in}"
            except driver.DriverEnded as ended:
                lost = str(ended)
            except driver.NotStarted as why:
                raise dg.Failure(f"{job.name}: {why}", allow_retries=False) from why
        yield from results(
            session.message_handler,
            domain_of(self._settings),
            job,
            partition=context.partition_key,
            place=remedies.LOCAL,
            metadata={"origin": ORIGIN},
            failure=failure,
            lost=lost,
        )
