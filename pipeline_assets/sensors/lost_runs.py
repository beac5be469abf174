"""Ends the runs that follow production and whose process is gone; Dagster then launches them again.

A container that is lost says nothing, and later executions of its day wait for its run. The run's newest event tells:
a process that follows writes one every two minutes (launchers.heartbeat). Only runs that follow: to end one stops
nothing but the looking. Does not own: that and how often such a run is launched again (sensors.production).
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from pipeline_assets.launchers.follow import ORIGIN
from pipeline_assets.tags import ORIGIN_TAG

LOST_AFTER = timedelta(minutes=10)
INTERVAL_S = 60


def lost_runs_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="end_lost_runs",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends runs that follow production and have given no sign of life for ten minutes.",
    )
    def end_lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        ended = end_lost(context.instance, now=datetime.now(UTC))
        return dg.SkipReason(f"ended {', '.join(ended)}" if ended else "every run that follows is there")

    return end_lost_runs


def end_lost(instance: dg.DagsterInstance, *, now: datetime) -> list[str]:
    """End as failed every started run that follows and is silent for too long; returns their ids."""
    started = instance.get_runs(dg.RunsFilter(tags={ORIGIN_TAG: ORIGIN}, statuses=[dg.DagsterRunStatus.STARTED]))
    lost = [run for run in started if now - _last_sign(instance, run.run_id) > LOST_AFTER]
    for run in lost:
        instance.report_run_failed(
            run,
            f"No sign of life for {LOST_AFTER.seconds // 60} minutes: the container of this run is lost. "
            "It is launched again, at most as often as dagster/max_retries says.",
        )
    return [run.run_id for run in lost]


def _last_sign(instance: dg.DagsterInstance, run_id: str) -> datetime:
    newest = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    return datetime.fromtimestamp(newest[0].event_log_entry.timestamp if newest else 0, UTC)
