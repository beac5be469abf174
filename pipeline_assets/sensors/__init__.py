"""What Dagster's daemon does by itself. None of it starts production, and none of it publishes anything."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg
from emr_jobs.core.settings import Settings

from pipeline_assets.sensors.clusters import cluster_sensors
from pipeline_assets.sensors.late_days import late_days_sensor
from pipeline_assets.sensors.lost_runs import lost_runs_sensor
from pipeline_assets.sensors.production import production_sensors

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob


def all_sensors(
    settings: Settings,
    partitions: dg.PartitionsDefinition,
    *,
    daily: "AssetJob",
    checks: "AssetJob",
    due: "AssetJob | None",
    after_production: Sequence[dg.AssetCheckKey],
) -> list[dg.SensorDefinition]:
    """Those of clusters need a section [emr] in the settings, those of production a section [production]."""
    return [
        *cluster_sensors(settings),
        *production_sensors(settings, partitions, daily=daily, checks=checks, after_production=after_production),
        *([lost_runs_sensor()] if settings.production else []),
        *([late_days_sensor(settings, daily=daily, due=due)] if settings.production and due else []),
    ]
