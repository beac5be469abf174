"""Every execution of the deployed daily run becomes one Dagster run that follows it, live; then its day is looked at.

The cursor is an instant: what started before it is decided. It is only a shortcut. Whether an execution has its run is
asked of Dagster each time, by the run's tag, so a cursor that was lost, a daemon that was killed or a code location
that was deployed anew makes no second one. Does not own: what a followed step does (launchers.follow).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from emr_jobs.errors import Misconfigured
from emr_jobs.partition import Partition
from emr_jobs.settings import Settings

from pipeline_assets.assets.jobs import selection
from pipeline_assets.launchers import emr_cluster
from pipeline_assets.launchers.follow import ORIGIN
from pipeline_assets.production import guard
from pipeline_assets.production.daily_machine import NOT_PUBLISHED
from pipeline_assets.production.executions import Execution, Executions, Started
from pipeline_assets.tags import (
    CLUSTER_URL_TAG,
    EXECUTION_TAG,
    EXECUTION_URL_TAG,
    LOGS_TAG,
    ORIGIN_TAG,
    PARTITION_TAG,
    PRIORITY_TAG,
)

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

MAX_REQUESTS = 25  # a tick: each is a run to be launched, and some calls of AWS
INTERVAL_S = 15
TICK_S = 40  # Dagster gives up on a tick after 60 s, and with it on the cursor
LIST_DELAY = timedelta(minutes=10)  # a list of executions may lack one that has just started


def production_sensors(
    settings: Settings,
    partitions: dg.PartitionsDefinition,
    *,
    daily: "AssetJob",
    checks: "AssetJob",
    after_production: Sequence[dg.AssetCheckKey],
) -> list[dg.SensorDefinition]:
    """`after_production`: the checks of `checks` that are run once a day is published."""
    if settings.production is None:
        return []
    return [
        _production_executions(settings, partitions, daily),
        _checks_after_production(settings.production.name, daily, checks, after_production),
    ]


def _production_executions(
    settings: Settings, partitions: dg.PartitionsDefinition, daily: "AssetJob"
) -> dg.SensorDefinition:
    @dg.sensor(
        name="production_executions",
        job=daily,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A run for every execution of the deployed daily run, which follows it.",
    )
    def production_executions(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        assert settings.production is not None, "checked above"
        try:
            executions = Executions(settings.production.name)
        except Misconfigured as error:
            return dg.SkipReason(str(error))
        tick = offered(executions, context.instance, settings, partitions, since=_instant(context.cursor))
        for sentence in tick.reports:
            context.log.warning(sentence)
        return dg.SensorResult(
            run_requests=tick.requests,
            skip_reason=None if tick.requests else "; ".join(tick.reports) or "no execution without a run",
            cursor=None if tick.cursor is None else tick.cursor.isoformat(),
        )

    return production_executions


def _checks_after_production(
    deployed: str, daily: "AssetJob", checks: "AssetJob", keys: Sequence[dg.AssetCheckKey]
) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="checks_after_production",
        monitored_jobs=[daily],
        request_job=checks,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at what readers see of a day once production has published it.",
    )
    def checks_after_production(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        execution, day = run.tags.get(EXECUTION_TAG), run.tags[PARTITION_TAG]
        if execution is None:
            return dg.SkipReason(f"run {run.run_id} followed no execution")
        has = Executions(deployed).day(Partition.parse(day))
        if (has.get("execution"), has.get("status")) != (execution, guard.PUBLISHED):
            return dg.SkipReason(
                f"{day} is {has.get('status')} by {has.get('execution')}, not published by {execution}"
            )
        return dg.RunRequest(run_key=run.run_id, partition_key=day, asset_check_keys=list(keys))

    return checks_after_production


@dataclass(frozen=True)
class Tick:
    requests: list[dg.RunRequest]
    reports: list[str]  # what cannot be followed, and why
    cursor: datetime | None


def offered(
    executions: Executions,
    instance: dg.DagsterInstance,
    settings: Settings,
    partitions: dg.PartitionsDefinition,
    *,
    since: datetime | None,
) -> Tick:
    """Requests for the oldest executions without a run, at most MAX_REQUESTS; the next tick goes on after them."""
    requests: list[dg.RunRequest] = []
    reports: list[str] = []
    undecided: datetime | None = None
    last = since
    until = time.monotonic() + TICK_S
    for started in executions.since(since and since - LIST_DELAY):
        if len(requests) == MAX_REQUESTS or time.monotonic() > until:
            undecided = undecided or started.at
            break
        last = max(started.at, last or started.at)
        if _has_run(instance, started):
            continue
        try:
            execution = executions.find(started.name)
            day = _day(execution, settings, partitions)
            cluster = executions.cluster(started.name)
            if did_work(executions, execution, cluster):
                requests.append(_request(executions, execution, day, cluster, settings))
            elif execution.status == "RUNNING":  # not past the guard yet
                undecided = undecided or started.at
        except Misconfigured as error:
            if since is None or started.at > since:  # not again and again, for as long as it is listed
                reports.append(f"execution {started.name} cannot be followed: {error}")
    return Tick(requests, reports, undecided or last)


def _has_run(instance: dg.DagsterInstance, started: Started) -> bool:
    return bool(instance.get_runs(dg.RunsFilter(tags={EXECUTION_TAG: started.name}), limit=1))


def did_work(executions: Executions, execution: Execution, cluster: str | None) -> bool:
    """Its day was its own, or it failed to find out; a refused duplicate did nothing."""
    if cluster is not None:
        return True
    if execution.status == "RUNNING":
        return False
    return execution.error == NOT_PUBLISHED or executions.passed_guard(execution.arn)


def _day(execution: Execution, settings: Settings, partitions: dg.PartitionsDefinition) -> str:
    """Its partition. Raises Misconfigured for an input without one."""
    day = str(execution.partition)
    if not partitions.has_partition_key(day):
        raise Misconfigured(f"{day} is no partition; the first one is {settings.start}, the last one yesterday")
    return day


def _request(
    executions: Executions, execution: Execution, day: str, cluster: str | None, settings: Settings
) -> dg.RunRequest:
    assets, checks = selection(execution.jobs)
    return dg.RunRequest(
        run_key=execution.name,
        partition_key=day,
        asset_selection=assets,
        asset_check_keys=checks,
        tags={
            EXECUTION_TAG: execution.name,
            ORIGIN_TAG: ORIGIN,
            **({PRIORITY_TAG: "1"} if execution.status == "RUNNING" else {}),  # before those of a backlog
            EXECUTION_URL_TAG: executions.console(execution.arn),
            **dict(_links(cluster, settings)),
        },
    )


def _links(cluster: str | None, settings: Settings) -> Iterator[tuple[str, str]]:
    if cluster is not None:
        assert settings.emr is not None, "production needs it"
        yield CLUSTER_URL_TAG, emr_cluster.console(cluster)
        yield LOGS_TAG, f"{settings.emr.log_uri}/{cluster}"


def _instant(cursor: str | None) -> datetime | None:
    return datetime.fromisoformat(cursor) if cursor else None
