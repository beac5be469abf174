"""Looks once more at the day that is due when a run of it has succeeded: one that came late passes from then on."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of

from pipeline_assets.promised import due_day, promises
from pipeline_assets.tags import partition_of

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob


def late_days_sensor(settings: Settings, *, daily: "AssetJob", due: "AssetJob") -> dg.SensorDefinition:
    found = domain_of(settings)

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="late_days",
        monitored_jobs=[daily],
        request_job=due,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Judges the day that is due anew, once a run of that very day has succeeded.",
    )
    def late_days(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        now, partition = datetime.now(UTC), partition_of(context.dagster_run.tags)
        days = {str(due_day(each, found.calendar, now)) for each in promises(found)}
        if partition not in days:
            return dg.SkipReason(f"a run of {partition}; due is {', '.join(sorted(days))}")
        return dg.RunRequest(run_key=context.dagster_run.run_id)

    return late_days
