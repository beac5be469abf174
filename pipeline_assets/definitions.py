"""The code location: assets, checks, jobs, sensors and a schedule.

Needs no Java to load and, with a settings file on disk, no network and no credentials.
"""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from emr_jobs.core.settings import Settings
from emr_jobs.domain import CONTRACTS, Domain, domain_of

from pipeline_assets.assets.jobs import all_jobs
from pipeline_assets.assets.sources import source_assets
from pipeline_assets.checks import all_checks, runnable
from pipeline_assets.checks.due import due_checks
from pipeline_assets.executor import executor
from pipeline_assets.home import load_settings, settings_uri
from pipeline_assets.partitions import daily
from pipeline_assets.promised import hours
from pipeline_assets.sensors import all_sensors

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

OBSERVED_BEFORE = timedelta(minutes=30)  # the daily run


def definitions(uri: str) -> dg.Definitions:
    """Everything there is, for the settings at this path or address."""
    settings = load_settings(uri)
    partitions = daily(settings)
    sources = source_assets(settings, partitions)
    jobs = all_jobs(settings, uri, partitions)
    checks = all_checks(settings, partitions)
    published = dg.AssetSelection.checks(*checks)
    due = due_checks(settings)
    daily_job = dg.define_asset_job(
        "daily",
        # Selecting assets selects all their checks; the stand-alone ones are a job of their own.
        selection=dg.AssetSelection.assets(*jobs) - published - dg.AssetSelection.checks(*due),
        description="The whole graph for one partition.",
    )
    checks_job = dg.define_asset_job(
        "checks",
        selection=published,
        config=_by_day(partitions),
        description="What readers see of one partition: tables, index and their agreement.",
    )
    due_job = dg.define_asset_job(
        "days_that_are_due",
        selection=dg.AssetSelection.checks(*due),
        description="Whether readers have the day that is due by now, of every dataset that promises an hour.",
    )
    observe_job = dg.define_asset_job(
        "observe_sources",
        selection=dg.AssetSelection.assets(*sources),
        description="How much the sources hold: files and API rows of one partition, tables as they are now.",
    )
    return dg.Definitions(
        assets=[*sources, *jobs] if settings.production else _with_code(domain_of(settings), [*sources, *jobs]),
        asset_checks=[*checks, *due],
        jobs=[daily_job, checks_job, *([due_job] if due else []), observe_job],
        schedules=[_observation(observe_job, settings), *_promises(due_job, settings)],
        sensors=all_sensors(
            settings,
            partitions,
            daily=daily_job,
            checks=checks_job,
            due=due_job if due else None,
            after_production=runnable(settings, checks),
        ),
        executor=executor(settings, uri),
    )


def _with_code(found: Domain, assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """Each asset with the contract's file, for an editor: only where the code location runs beside the checkout."""

    def linked(spec: dg.AssetSpec) -> dg.AssetSpec:
        file = found.folder / CONTRACTS / Path(spec.metadata["contract"]).name
        references = dg.CodeReferencesMetadataValue(
            code_references=[dg.LocalFileCodeReference(file_path=str(file), line_number=1, label=file.name)]
        )
        return spec.merge_attributes(metadata={"dagster/code_references": references})

    return [each.map_asset_specs(linked) for each in assets]


def asset_graph(settings: Settings) -> Any:
    """Of the jobs and sources of this domain, without what looks at it."""
    partitions = daily(settings)
    assets = [*source_assets(settings, partitions), *all_jobs(settings, "", partitions)]
    return dg.Definitions(assets=assets).resolve_asset_graph()


def _observation(job: "AssetJob", settings: Settings) -> Any:
    """Before the daily run: whether the sources have delivered. Off where nothing is deployed, as on a laptop."""
    deployed = settings.production is not None
    observed_at = datetime.combine(date.min, domain_of(settings).calendar.run_at) - OBSERVED_BEFORE
    return dg.build_schedule_from_partitioned_job(
        job,
        hour_of_day=observed_at.hour,
        minute_of_hour=observed_at.minute,
        default_status=dg.DefaultScheduleStatus.RUNNING if deployed else dg.DefaultScheduleStatus.STOPPED,
        description="What the sources hold of the day before, half an hour before the daily run.",
    )


def _promises(job: "AssetJob", settings: Settings) -> list[dg.ScheduleDefinition]:
    """At every hour that a contract promises. Off where nothing is deployed."""
    found = domain_of(settings)
    ticks = [f"{hour.minute} {hour.hour} * * *" for hour in hours(found)]
    if not ticks:
        return []
    deployed = settings.production is not None
    return [
        dg.ScheduleDefinition(
            name="days_that_are_due_schedule",
            job=job,
            cron_schedule=ticks,
            execution_timezone=found.calendar.timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING if deployed else dg.DefaultScheduleStatus.STOPPED,
            description="Whether readers have the day, at each hour that a contract promises.",
        )
    ]


def _by_day(partitions: dg.PartitionsDefinition) -> dg.PartitionedConfig[Any]:
    """Partitions for a job of checks only: Dagster infers a job's partitions from its assets, and it has none."""
    return dg.PartitionedConfig(partitions, run_config_for_partition_key_fn=lambda _: {})


defs = definitions(settings_uri())
