"""Every execution of the deployed daily run becomes one Dagster run that follows it, live; then its day is looked at.

The cursor is two instants: what started before the first is decided, what started until the second was looked at. It
is only a shortcut. Whether an execution has its run is asked of Dagster each time, by the run's tag, so a cursor that
was lost, a daemon that was killed or a code location that was deployed anew makes no second one. Executions of one day
are followed one after the other: the last one that published it is the last one that Dagster shows. Does not own: what
a followed step does (launchers.follow).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES  # has no public name
from emr_jobs.catalog import MAINTAIN
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.settings import DeploymentSettings, Settings, of_a_deployment
from emr_jobs.domain import Domain, domain_of

from pipeline_assets.assets.jobs import selection
from pipeline_assets.emr import clusters
from pipeline_assets.launchers.follow import ORIGIN
from pipeline_assets.production.generate import guard
from pipeline_assets.production.generate.daily_machine import ALREADY_DONE, NOT_PUBLISHED
from pipeline_assets.production.generate.plan import plan_of
from pipeline_assets.production.running.executions import Execution, Executions, Started
from pipeline_assets.tags import (
    CLUSTER_URL_TAG,
    EXECUTION_TAG,
    EXECUTION_URL_TAG,
    LOGS_TAG,
    MAX_RETRIES_TAG,
    MAX_RUNTIME_TAG,
    ORIGIN_TAG,
    PRIORITY_TAG,
    RETRY_FAILED_STEPS_TAG,
    RETRY_STRATEGY_TAG,
    WILL_RETRY_TAG,
    partition_of,
)

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

MAX_REQUESTS = 25  # a tick: each is a run to be launched, and some calls of AWS
INTERVAL_S = 15
TICK_S = 40  # Dagster gives up on a tick after 60 s, and with it on the cursor
LIST_DELAY = timedelta(minutes=10)  # a list of executions may lack one that has just started
REPLAY_S = 1800  # a run may take once its execution has ended: reading what was recorded takes seconds
RETRIES = 2  # of a run whose process was lost
RETRY_DELAY = timedelta(minutes=5)  # Dagster launches it again within seconds, or not at all


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
    deployed = of_a_deployment(settings)
    return [
        _production_executions(deployed, partitions, daily),
        _checks_after_production(deployed, daily, checks, after_production),
    ]


def _production_executions(
    settings: DeploymentSettings, partitions: dg.PartitionsDefinition, daily: "AssetJob"
) -> dg.SensorDefinition:
    @dg.sensor(
        name="production_executions",
        job=daily,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A run for every execution of the deployed daily run, which follows it.",
    )
    def production_executions(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            executions = Executions(settings)
        except Misconfigured as error:
            return dg.SkipReason(str(error))
        since, seen = _instants(context.cursor)
        tick = offered(executions, context.instance, settings, partitions, since=since, seen=seen)
        for sentence in tick.reports:
            context.log.warning(sentence)
        return dg.SensorResult(
            run_requests=tick.requests,
            skip_reason=None if tick.requests else "; ".join(tick.reports) or "no execution without a run",
            cursor=" ".join(each.isoformat() for each in (tick.cursor, tick.seen) if each is not None) or None,
        )

    return production_executions


def _checks_after_production(
    settings: DeploymentSettings, daily: "AssetJob", checks: "AssetJob", keys: Sequence[dg.AssetCheckKey]
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
        execution, partition_key = run.tags.get(EXECUTION_TAG), partition_of(run.tags)
        if execution is None or partition_key is None:
            return dg.SkipReason(f"run {run.run_id} followed no execution of a day")
        executions = Executions(settings)
        claim = executions.claim_of(executions.domain.calendar.partition(partition_key))
        status = claim.get("status")
        # Its jobs have published before the machine has marked the day, and this run may end in between.
        running, published = guard.DayStatus.RUNNING, guard.DayStatus.PUBLISHED
        soon = status == running and _publishes_the_day(run, context.repository_def, executions.domain)
        if claim.get("execution") != execution or not (status == published or soon):
            return dg.SkipReason(
                f"{partition_key} is {status} by {claim.get('execution')}, not published by {execution}"
            )
        return dg.RunRequest(run_key=run.run_id, partition_key=partition_key, asset_check_keys=list(keys))

    return checks_after_production


def _publishes_the_day(run: dg.DagsterRun, repository: dg.RepositoryDefinition | None, found: Domain) -> bool:
    """Whether the daily machine marks the day as published once these assets are."""
    assert repository is not None, "Dagster gives it to every sensor of a code location"
    last, _ = selection(found, (job.name for job in plan_of(repository.asset_graph, found).last))
    return run.asset_selection is None or set(last) <= run.asset_selection


@dataclass(frozen=True)
class Tick:
    requests: list[dg.RunRequest]
    reports: list[str]  # what cannot be followed, and why
    cursor: datetime | None  # what started before it is decided
    seen: datetime | None  # what started until then was looked at


def offered(
    executions: Executions,
    instance: dg.DagsterInstance,
    settings: DeploymentSettings,
    partitions: dg.PartitionsDefinition,
    *,
    since: datetime | None,
    seen: datetime | None = None,
) -> Tick:
    """Requests for the oldest executions without a run, at most MAX_REQUESTS; the next tick goes on after them.

    One of a day that another run follows waits for its end, and those of other days do not wait for it. What cannot be
    followed is reported when it was not seen before.
    """
    requests: list[dg.RunRequest] = []
    reports: list[str] = []
    undecided: datetime | None = None
    last = reported = seen or since
    followed = _partitions_followed(instance)
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
            partition_key, jobs = _partition_key(execution, settings, partitions), execution.jobs
            if partition_key in followed:
                undecided = undecided or started.at
                continue
            cluster = executions.cluster(started.name)
            if did_work(executions, execution, cluster):
                requests.append(_request(executions, execution, partition_key, jobs, cluster, settings))
                followed.add(partition_key)
            elif execution.is_running:  # not past the guard yet
                undecided = undecided or started.at
            elif execution.error not in ("", ALREADY_DONE):
                raise Misconfigured(f"it did nothing: {execution.error}: {execution.cause}")
        except Misconfigured as error:
            if reported is None or started.at > reported:  # not again and again, for as long as it is listed
                reports.append(f"execution {started.name} cannot be followed: {error}")
    return Tick(requests, reports, undecided or last, last)


def _has_run(instance: dg.DagsterInstance, started: Started) -> bool:
    return bool(instance.get_runs(dg.RunsFilter(tags={EXECUTION_TAG: started.name}), limit=1))


def _partitions_followed(instance: dg.DagsterInstance) -> set[str]:
    """By a run that has not ended, or that is about to be launched again."""
    ours = {ORIGIN_TAG: ORIGIN}
    unfinished = instance.get_runs(dg.RunsFilter(tags=ours, statuses=NOT_FINISHED_STATUSES))
    crashed = instance.get_runs(
        dg.RunsFilter(
            tags={**ours, WILL_RETRY_TAG: "true"},
            statuses=[dg.DagsterRunStatus.FAILURE],
            updated_after=datetime.now(UTC) - RETRY_DELAY,
        )
    )
    again = [run for run in crashed if run.is_complete_and_waiting_to_retry]
    return {followed for run in (*unfinished, *again) if (followed := partition_of(run.tags))}


def did_work(executions: Executions, execution: Execution, cluster: str | None) -> bool:
    """Its day was its own, or it failed to find out; a refused duplicate did nothing."""
    if cluster is not None:
        return True
    if execution.is_running:
        return False
    return execution.error == NOT_PUBLISHED or executions.passed_guard(execution.arn)


def _partition_key(execution: Execution, settings: DeploymentSettings, partitions: dg.PartitionsDefinition) -> str:
    """Of its partition. Raises Misconfigured for an input without one."""
    key = str(execution.partition)
    if not partitions.has_partition_key(key):
        raise Misconfigured(
            f"{key} is no partition; the first one is {domain_of(settings).calendar.start}, the last one yesterday"
        )
    return key


def _request(
    executions: Executions,
    execution: Execution,
    partition_key: str,
    jobs: list[str],
    cluster: str | None,
    settings: DeploymentSettings,
) -> dg.RunRequest:
    assets, checks = selection(executions.domain, jobs)
    running = execution.is_running
    return dg.RunRequest(
        run_key=execution.name,
        partition_key=partition_key,
        asset_selection=assets,
        asset_check_keys=checks,
        tags={
            EXECUTION_TAG: execution.name,
            ORIGIN_TAG: ORIGIN,
            **({PRIORITY_TAG: "1"} if running else {}),  # before those of a backlog
            **supervision(settings, running=running),
            EXECUTION_URL_TAG: executions.console(execution.arn),
            **dict(_links(executions, cluster, settings)),
        },
    )


def supervision(settings: DeploymentSettings, *, running: bool) -> dict[str, str]:
    """Tags for Dagster's daemon: a run whose process is gone is ended in time, and launched again from its start.

    Not one whose step failed: that is production's failure. `running`: its execution has not ended.
    """
    return {
        MAX_RUNTIME_TAG: str(REPLAY_S + (longest_s(settings) if running else 0)),
        MAX_RETRIES_TAG: str(RETRIES),
        RETRY_FAILED_STEPS_TAG: "false",
        RETRY_STRATEGY_TAG: "ALL_STEPS",
    }


def longest_s(settings: DeploymentSettings) -> int:
    """No execution lasts longer: all jobs one after the other, each as often as it is tried."""
    waits = settings.emr.start_allowance_s
    return sum((job.timeout_s + waits) * (job.max_retries + 1) for job in (*domain_of(settings).jobs, MAINTAIN))


def _links(executions: Executions, cluster: str | None, settings: DeploymentSettings) -> Iterator[tuple[str, str]]:
    if cluster is not None:
        yield CLUSTER_URL_TAG, clusters.console(cluster)
        bucket, folder = bucket_and_key(f"{settings.emr.log_uri}/{cluster}/")
        region = executions.machine.split(":")[3]  # of its ARN
        yield (
            LOGS_TAG,
            f"https://{region}.console.aws.amazon.com/s3/buckets/{bucket}?region={region}&prefix={folder}",
        )


def _instants(cursor: str | None) -> tuple[datetime | None, datetime | None]:
    since, seen, *_ = [*map(datetime.fromisoformat, (cursor or "").split()), None, None]
    return since, seen
