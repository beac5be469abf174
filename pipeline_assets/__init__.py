"""The Dagster code location and the `pipeline` command."""

DEFINITIONS = "pipeline_assets.definitions"  # what a step's process needs to have imported
