"""Tags of a run: what is asked for with it, and Dagster's own that say which runs belong together."""

LAUNCHER_TAG = "pipeline/launcher"
ORIGIN_TAG = "pipeline/origin"
ALLOW_EMPTY_TAG = "pipeline/allow_empty"
CLUSTER_TAG = "pipeline/cluster"  # launcher emr: attach to this cluster, and never end it
INVOCATION_TAG = "pipeline/invocation"  # one `pipeline run`
EXECUTION_TAG = "pipeline/execution"  # follow this execution of the deployed daily run; starts nothing
# Links of a followed run.
EXECUTION_URL_TAG = "pipeline/execution_url"
CLUSTER_URL_TAG = "pipeline/cluster_url"
LOGS_TAG = "pipeline/logs"

PARTITION_TAG = "dagster/partition"
PRIORITY_TAG = "dagster/priority"
BACKFILL_TAG = "dagster/backfill"
ROOT_RUN_TAG = "dagster/root_run_id"
MAX_RUNTIME_TAG = "dagster/max_runtime"  # seconds
MAX_RETRIES_TAG = "dagster/max_retries"
RETRY_FAILED_STEPS_TAG = "dagster/retry_on_asset_or_op_failure"
RETRY_STRATEGY_TAG = "dagster/retry_strategy"
WILL_RETRY_TAG = "dagster/will_retry"
