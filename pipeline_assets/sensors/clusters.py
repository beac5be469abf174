"""What ends clusters that nobody needs any more: at once after the last run of a lease, and whatever is forgotten.

The second catches a run worker that was killed: a step that is waited for touches its lease every minute, and a
cluster whose lease nobody touched for five minutes goes, unless a run of it is still queued. Behind both stands EMR's
own idle time-out. Only clusters of this Dagster instance are looked at.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from emr_jobs.core.settings import Settings

from pipeline_assets.emr import clusters
from pipeline_assets.emr.clusters import LEASE_TAG
from pipeline_assets.emr.lease import has_cluster_of_its_own, instance_id, lease, lease_key
from pipeline_assets.tags import BACKFILL_TAG, ROOT_RUN_TAG

FORGOTTEN_AFTER = timedelta(minutes=5)
_Status = dg.DagsterRunStatus
_WAITING = (_Status.QUEUED, _Status.NOT_STARTED, _Status.STARTING)
_UNFINISHED = (*_WAITING, _Status.STARTED, _Status.CANCELING)


def cluster_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """None without a section [emr]: nothing makes clusters then."""
    if settings.emr is None:
        return []
    return [*_after_each_run(settings), _forgotten_clusters(settings)]


def _after_each_run(settings: Settings) -> list[dg.SensorDefinition]:
    def end_cluster(context: dg.RunStatusSensorContext) -> dg.SkipReason:
        run = context.dagster_run
        if not has_cluster_of_its_own(run):
            return dg.SkipReason("the run had no cluster of its own")
        return dg.SkipReason(end_when_last(settings, context.instance, lease_key(run.run_id, run.tags)))

    return [
        dg.run_status_sensor(
            name=f"end_cluster_after_{status.value.lower()}",
            run_status=status,
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="Ends the EMR cluster when the last run that shares it has ended.",
        )(end_cluster)
        for status in (_Status.SUCCESS, _Status.FAILURE, _Status.CANCELED)
    ]


def _forgotten_clusters(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        name="end_forgotten_clusters",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends EMR clusters that nobody has waited for during five minutes.",
    )
    def end_forgotten_clusters(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        ended = end_forgotten(settings, context.instance, now=datetime.now(UTC))
        return dg.SkipReason(f"ended {', '.join(ended)}" if ended else "every cluster is needed")

    return end_forgotten_clusters


def end_when_last(settings: Settings, instance: dg.DagsterInstance, key: str) -> str:
    """End the clusters of this lease unless a run of it goes on; says what was done."""
    backfill = instance.get_backfill(key)
    if backfill is not None and not backfill.status.value.startswith(("COMPLETED", "FAILED", "CANCELED")):
        return f"backfill {key} goes on"
    if unfinished := _runs_of(instance, key, _UNFINISHED):
        return f"{len(unfinished)} runs of {key} go on"
    ended = lease(settings, instance, key).terminate()
    return f"ended {', '.join(ended)}" if ended else f"{key} has no cluster left"


def end_forgotten(settings: Settings, instance: dg.DagsterInstance, *, now: datetime) -> list[str]:
    """End every cluster of this instance that nobody waits for; returns their ids."""
    emr = clusters.client()
    forgotten = []
    for cluster in clusters.alive(emr, instance_id=instance_id(instance)):
        key = cluster.tags[LEASE_TAG]
        seen = lease(settings, instance, key).last_seen() or cluster.created_at
        if now - max(seen, cluster.created_at) > FORGOTTEN_AFTER and not _runs_of(instance, key, _WAITING):
            forgotten.append(cluster.id)
    if forgotten:
        emr.terminate_job_flows(JobFlowIds=forgotten)
    return forgotten


def _runs_of(
    instance: dg.DagsterInstance, key: str, statuses: Sequence[dg.DagsterRunStatus]
) -> Sequence[dg.DagsterRun]:
    """Runs that share this lease: those of a backfill, or a run and those that repeat it."""
    return [
        *instance.get_runs(dg.RunsFilter(tags={BACKFILL_TAG: key}, statuses=statuses)),
        *instance.get_runs(dg.RunsFilter(tags={ROOT_RUN_TAG: key}, statuses=statuses)),
        *instance.get_runs(dg.RunsFilter(run_ids=[key], statuses=statuses)),
    ]
