"""One multi-asset per job of the catalogue: its datasets, their checks, and the launcher that runs it."""

from collections.abc import Iterator

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError  # has no public name
from emr_jobs.catalog import JOBS, Job
from emr_jobs.contracts import contracts
from emr_jobs.errors import Misconfigured
from emr_jobs.report import checks_of
from emr_jobs.settings import Settings

from pipeline_assets.assets.specs import asset_spec, check_spec
from pipeline_assets.launchers.emr_step import EmrStepLauncher
from pipeline_assets.launchers.local import LocalLauncher
from pipeline_assets.launchers.outcome import Result
from pipeline_assets.tags import ALLOW_EMPTY_TAG, LAUNCHER_TAG

RETRY_DELAY_S = 30

Launcher = LocalLauncher | EmrStepLauncher


def all_jobs(settings: Settings, settings_uri: str, partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    launchers: dict[str, Launcher] = {
        "local": LocalLauncher(settings, settings_uri),
        "emr": EmrStepLauncher(settings, settings_uri),
    }
    return [job_assets(job, launchers, partitions) for job in JOBS]


def job_assets(job: Job, launchers: dict[str, Launcher], partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Not subsettable: asking for one dataset runs its whole job."""

    @dg.multi_asset(
        name=job.name,
        specs=[asset_spec(contracts()[dataset], partitions) for dataset in job.outputs],
        check_specs=[check_spec(dataset, check, partitions) for dataset, check in checks_of(job)],
        retry_policy=dg.RetryPolicy(max_retries=job.max_retries, delay=RETRY_DELAY_S),
        op_tags={"pipeline/job": job.name},
    )
    def run_job(context: dg.AssetExecutionContext) -> Iterator[Result]:
        chosen = context.run.tags.get(LAUNCHER_TAG, "local")
        if chosen not in launchers:
            raise dg.Failure(
                f"tag {LAUNCHER_TAG}={chosen}: expected one of {', '.join(launchers)}", allow_retries=False
            )
        allow_empty = context.run.tags.get(ALLOW_EMPTY_TAG, "false").lower() == "true"
        try:
            yield from launchers[chosen].run(context=context, job=job, allow_empty=allow_empty)
        except Misconfigured as error:
            raise dg.Failure(f"{job.name}: {error}", allow_retries=False) from error
        except DagsterExecutionInterruptedError as interrupted:
            # Dagster's retry policy would take it for a failure to be repeated.
            raise dg.Failure(f"{job.name}: cancelled", allow_retries=False) from interrupted

    return run_job
