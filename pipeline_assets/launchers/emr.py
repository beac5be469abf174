"""Runs a job as a step on a shared EMR cluster and reports what it says, live.

Does not own: the cluster (emr.lease), the step (emr.steps), the verdict on what was reported (outcome).
"""

from collections.abc import Callable, Iterator

import dagster as dg
from emr_jobs.catalog import Job
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of

from pipeline_assets import remedies
from pipeline_assets.command import emr_submit, job_arguments
from pipeline_assets.emr import clusters, step_logs
from pipeline_assets.emr.lease import cluster_of_run
from pipeline_assets.emr.steps import RunningStep
from pipeline_assets.launchers.outcome import Result, failure_said, results
from pipeline_assets.messages_on_s3 import messages_on_s3, prefix
from pipeline_assets.shipping import package
from pipeline_assets.shipping.launched import shipped_package, shipped_settings
from pipeline_assets.shipping.package import Package


class EmrStepLauncher(dg.PipesClient):
    def __init__(self, settings: Settings, settings_uri: str, *, build: Callable[..., Package] = package.build) -> None:
        self._settings = settings
        self._settings_uri = settings_uri
        self._build = build

    def run(  # type: ignore[override]  # results are yielded, and a failure raised after them
        self, *, context: dg.AssetExecutionContext, job: Job, allow_empty: bool
    ) -> Iterator[Result]:
        emr = clusters.emr_settings(self._settings)
        if self._settings.production and self._settings.production.runtime_roles:
            raise Misconfigured(
                "with runtime_roles the instances may read no secret: run the day in production, pipeline trigger"
            )
        run = context.run
        messages = prefix(run.run_id, job.name, context.retry_number)
        reader = messages_on_s3(self._settings.runs.uri, messages, interval_s=emr.message_interval_s)
        with dg.open_pipes_session(
            context=context, context_injector=dg.PipesEnvContextInjector(), message_reader=reader
        ) as session:
            arguments = job_arguments(
                job,
                partition=("--partition", context.partition_key),
                settings=shipped_settings(self._settings, self._settings_uri, emr),
                run_id=run.run_id,
                attempt=str(context.retry_number),
                allow_empty=allow_empty,
                reports=[part for pair in session.get_bootstrap_cli_arguments().items() for part in pair],
            )
            submit = emr_submit(
                job,
                arguments,
                shipped_package(self._settings, log=context.log.info, build=self._build),
                self._settings.aws,
            )
            cluster = cluster_of_run(self._settings, context.instance, run, log=context.log.info)
            running = RunningStep.add(f"{job.name} {context.partition_key}", submit, cluster, emr)
            context.log.info(f"{job.name} is step {running.id} on cluster {running.cluster_id}: {running.console()}")
            try:
                failure = running.wait(job)
            finally:  # also when the run is cancelled
                running.cancel_unless_ended(_application(session))
        metadata = running.metadata()
        if failure and failure_said(session.message_handler) is None:
            log = step_logs.tail(emr, running.cluster_id, running.id, job)
            metadata["log"] = dg.MetadataValue.md(f"```\n{log}\n```")
            failure = f"{failure}\n{running.console()}\n{log}"
        yield from results(
            session.message_handler,
            domain_of(self._settings),
            job,
            partition=context.partition_key,
            place=remedies.EMR,
            metadata=metadata,
            failure=failure,
        )


def _application(session: dg.PipesSession) -> str | None:
    """The YARN application that the job said it is; local Spark's ids have no YARN to end them."""
    said = [message["application"] for message in session.get_custom_messages() if "application" in message]
    return said[-1] if said and step_logs.APPLICATION.fullmatch(said[-1]) else None
