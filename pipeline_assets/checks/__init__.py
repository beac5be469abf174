"""Stand-alone checks of what is published, each reading as the readers do.

A job's own checks judge what it staged, once. These ask what is there now: tables through pyiceberg, the index
through its alias, tables together in Spark. So they find a day that was changed, lost or run again in part since.
They are built from the contracts: a new dataset has its check at once. A failed one is told wherever it was started,
also on an asset's page, which runs no job of ours. Does not own: the rules (contracts), who is told (alerts).
"""

from collections.abc import Iterable
from typing import cast

import dagster as dg
from emr_jobs.core.settings import Settings

from pipeline_assets.alerts import alert_hook
from pipeline_assets.checks.indices import index_checks
from pipeline_assets.checks.joins import AGREES, join_checks
from pipeline_assets.checks.runs import run_checks
from pipeline_assets.checks.tables import table_checks


def all_checks(settings: Settings, partitions: dg.PartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """One step for all tables, one for the index, one for versions, one for Spark: each opens what it reads once."""
    alert = alert_hook(settings)
    checks = (build(settings, partitions) for build in (table_checks, index_checks, run_checks, join_checks))
    return [cast("dg.AssetChecksDefinition", each.with_hooks({alert})) for each in checks]  # it keeps its class


def runnable(settings: Settings, checks: Iterable[dg.AssetChecksDefinition]) -> list[dg.AssetCheckKey]:
    """Those that can run beside Dagster: a session in Spark needs Iceberg's jars there."""
    keys = [key for each in checks for key in each.check_keys]
    return [key for key in keys if settings.spark.jars or key.name != AGREES]
