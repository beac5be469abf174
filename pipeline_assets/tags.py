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
