"""The code location: assets, checks and jobs. Needs no network, no Java and no credentials to load."""

import dagster as dg

from pipeline_assets import DEFINITIONS
from pipeline_assets.assets.jobs import all_jobs
from pipeline_assets.assets.sources import source_assets
from pipeline_assets.home import load_settings, settings_uri
from pipeline_assets.partitions import daily

MAX_CONCURRENT_JOBS = 3  # the extractions; each is a JVM of its own


def _definitions() -> dg.Definitions:
    uri = settings_uri()
    settings = load_settings(uri)
    partitions = daily(settings)
    jobs = all_jobs(settings, uri, partitions)
    return dg.Definitions(
        assets=[*source_assets(settings, partitions), *jobs],
        jobs=[
            dg.define_asset_job(
                "daily",
                selection=dg.AssetSelection.assets(*jobs),
                description="The whole graph for one partition.",
            ),
        ],
        executor=dg.multiprocess_executor.configured(
            {
                "max_concurrent": MAX_CONCURRENT_JOBS,
                # A forked step has dagster and this module already; a spawned one would import them for two seconds.
                "start_method": {"forkserver": {"preload_modules": [DEFINITIONS]}},
            }
        ),
    )


defs = _definitions()


def daily_job() -> dg.JobDefinition:
    """For runs that start from the command line."""
    return defs.resolve_job_def("daily")
