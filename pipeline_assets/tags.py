"""Tags of a run: what is asked for with it, and Dagster's own that say which runs belong together."""

from collections.abc import Mapping

LAUNCHER_TAG = "pipeline/launcher"
LOCAL = "local"  # the launcher of a run that names none
ORIGIN_TAG = "pipeline/origin"
ALLOW_EMPTY_TAG = "pipeline/allow_empty"
CLUSTER_TAG = "pipeline/cluster"  # launcher emr: attach to this cluster, and never end it
EXECUTION_TAG = "pipeline/execution"  # follow this execution of the deployed daily run; starts nothing
# Links of a followed run.
EXECUTION_URL_TAG = "pipeline/execution_url"
CLUSTER_URL_TAG = "pipeline/cluster_url"
LOGS_TAG = "pipeline/logs"

PARTITION_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")  # both inclusive
PRIORITY_TAG = "dagster/priority"
BACKFILL_TAG = "dagster/backfill"
ROOT_RUN_TAG = "dagster/root_run_id"
MAX_RUNTIME_TAG = "dagster/max_runtime"  # seconds
MAX_RETRIES_TAG = "dagster/max_retries"
RETRY_FAILED_STEPS_TAG = "dagster/retry_on_asset_or_op_failure"
RETRY_STRATEGY_TAG = "dagster/retry_strategy"
WILL_RETRY_TAG = "dagster/will_retry"


def partition_of(tags: Mapping[str, str]) -> str | None:
    """The one of a run, also where that is over a range of one; None when it has several or none."""
    first, last = (tags.get(name) for name in RANGE_TAGS)
    return tags.get(PARTITION_TAG) or (first if first == last else None)


def runs_here(tags: Mapping[str, str]) -> bool:
    """Whether the jobs of a run are run on this machine."""
    return EXECUTION_TAG not in tags and tags.get(LAUNCHER_TAG, LOCAL) == LOCAL
