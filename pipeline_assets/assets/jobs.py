"""One multi-asset per job of the domain: its datasets, their checks, and the launcher that runs it."""

from collections.abc import Iterable, Iterator, Mapping

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError  # has no public name
from emr_jobs.catalog import Job
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import DeploymentSettings, Settings, of_a_deployment
from emr_jobs.domain import Domain, domain_of

from pipeline_assets.alerts import alert_hook
from pipeline_assets.assets.specs import asset_spec, check_spec
from pipeline_assets.launchers.emr import EmrStepLauncher
from pipeline_assets.launchers.follow import FollowLauncher
from pipeline_assets.launchers.local import LocalLauncher
from pipeline_assets.launchers.outcome import Result
from pipeline_assets.lineage.emit import told
from pipeline_assets.lineage.events import Occurrence
from pipeline_assets.process import end_with_starter
from pipeline_assets.production.running.executions import Executions
from pipeline_assets.tags import ALLOW_EMPTY_TAG, EXECUTION_TAG, LAUNCHER_TAG, LOCAL

RETRY_DELAY_S = 30

Launcher = LocalLauncher | EmrStepLauncher | FollowLauncher


def all_jobs(settings: Settings, settings_uri: str, partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    launchers: dict[str, Launcher] = {
        LOCAL: LocalLauncher(settings, settings_uri),
        "emr": EmrStepLauncher(settings, settings_uri),
    }
    return [job_assets(job, launchers, settings, partitions) for job in domain_of(settings).jobs]


def selection(found: Domain, jobs: Iterable[str]) -> tuple[list[dg.AssetKey], list[dg.AssetCheckKey]]:
    """What a run of these jobs selects: their datasets, and their own checks only.

    Left to itself Dagster would add the stand-alone checks, which are a job of their own.
    """
    chosen = [found.job(name) for name in jobs]
    assets = [dg.AssetKey(dataset.split(".", 1)) for job in chosen for dataset in job.outputs]
    checks = [
        dg.AssetCheckKey(dg.AssetKey(dataset.split(".", 1)), check.name)
        for job in chosen
        for dataset, check in found.checks_of(job)
    ]
    return assets, checks


def job_assets(
    job: Job, launchers: dict[str, Launcher], settings: Settings, partitions: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    """Not subsettable: asking for one dataset runs its whole job."""
    follow, found = FollowLauncher(settings), domain_of(settings)

    @dg.multi_asset(
        name=job.name,
        specs=[asset_spec(found, found.contracts[dataset], partitions) for dataset in job.outputs],
        check_specs=[check_spec(dataset, check, partitions) for dataset, check in found.checks_of(job)],
        retry_policy=dg.RetryPolicy(max_retries=job.max_retries, delay=RETRY_DELAY_S),
        op_tags={"pipeline/job": job.name},
        hooks={alert_hook(settings)},
    )
    def run_job(context: dg.AssetExecutionContext) -> Iterator[Result]:
        end_with_starter()
        launcher = follow if EXECUTION_TAG in context.run.tags else _chosen(launchers, context.run.tags)
        if launcher is not follow and settings.production is not None:
            warn_of_production(context, of_a_deployment(settings))
        allow_empty = context.run.tags.get(ALLOW_EMPTY_TAG, "false").lower() == "true"
        try:
            results = launcher.run(context=context, job=job, allow_empty=allow_empty)
            if launcher is not follow:  # which tells by itself when, and as which attempt, production ran the job
                results = told(settings, context.log, _occurrence(context, found, job), results)
            yield from results
        except Misconfigured as error:
            raise dg.Failure(f"{job.name}: {error}", allow_retries=False) from error
        except DagsterExecutionInterruptedError as interrupted:
            # Dagster's retry policy would take it for a failure to be repeated.
            raise dg.Failure(f"{job.name}: cancelled", allow_retries=False) from interrupted

    return run_job


def _occurrence(context: dg.AssetExecutionContext, found: Domain, job: Job) -> Occurrence:
    return Occurrence(
        job, found.calendar.partition(context.partition_key), context.run.run_id, attempt=context.retry_number
    )


def _chosen(launchers: Mapping[str, Launcher], tags: Mapping[str, str]) -> Launcher:
    name = tags.get(LAUNCHER_TAG, LOCAL)
    if name not in launchers:
        raise dg.Failure(f"tag {LAUNCHER_TAG}={name}: expected one of {', '.join(launchers)}", allow_retries=False)
    return launchers[name]


def warn_of_production(context: dg.AssetExecutionContext, settings: DeploymentSettings) -> None:
    """Two runs of a day at once lose nothing: the later one wins, or ends with a Conflict. Somebody should know."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        executions = Executions(settings)
        running = executions.running(executions.domain.calendar.partition(context.partition_key))
    except (Misconfigured, BotoCoreError, ClientError) as error:
        context.log.info(f"whether production runs {context.partition_key} is not known: {error}")
        return
    if running is not None:
        link = executions.console(executions.arn(running))
        context.log.warning(f"production runs {context.partition_key} right now: execution {running}, {link}")
