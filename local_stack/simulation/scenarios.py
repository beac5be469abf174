"""What can happen to a daily run: each scenario brings it about and says what must hold afterwards.

What must hold after every one of them is `World.settle`. Raises Unmet where something does not.
"""

import gzip
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice, takewhile

from emr_jobs.core.partition import Partition
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.sources.files import pattern_of
from local_stack.sample import local_domain
from local_stack.simulation.unmet import Unmet, expect
from local_stack.simulation.world import NOWHERE, Jobs, World
from pipeline_assets.emr.clusters import NAME_PREFIX
from pipeline_assets.production.generate.synth import Deployment
from pipeline_assets.production.running.executions import Execution, progress_of_jobs, refused_calls, to_resume

MESSAGE_LINES = 15  # that the person on call reads


@dataclass(frozen=True)
class Scenario:
    name: str
    says: str
    run: Callable[[World], None]
    days: int
    on: Callable[[Partition], Iterator[Partition]] | None  # of these up to the latest day, rather than of all
    stubs: bool  # stubs can show it too


@dataclass(frozen=True)
class Ended:
    scenario: str
    unmet: str  # empty: all holds
    took_s: float
    said: tuple[str, ...] = ()


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    *, days: int = 1, on: Callable[[Partition], Iterator[Partition]] | None = None, stubs: bool = True
) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    def add(run: Callable[[World], None]) -> Callable[[World], None]:
        name = run.__name__.replace("_", "-")
        SCENARIOS[name] = Scenario(name, (run.__doc__ or "").strip(), run, days, on, stubs)
        return run

    return add


def days_of(names: Sequence[str], *, now: datetime) -> dict[str, list[Partition]]:
    """For each scenario its own, none twice."""
    latest = local_domain().calendar.latest_complete(now)
    chosen = [SCENARIOS[name] for name in names]
    own = {each.name: list(islice(each.on(latest), each.days)) for each in chosen if each.on}
    taken = {day for days in own.values() for day in days}
    recent = (day for day in _back_from(latest) if day not in taken)
    return {each.name: own[each.name] if each.on else list(islice(recent, each.days)) for each in chosen}


def _back_from(latest: Partition) -> Iterator[Partition]:
    return (latest.calendar.of(latest.date - timedelta(days=number)) for number in count())


def _clock_changes(latest: Partition) -> Iterator[Partition]:
    """Whose run comes an hour earlier or later than the day before's, in UTC; of a year and what two may lie apart."""
    for day in takewhile(lambda day: day.date > latest.calendar.start, islice(_back_from(latest), 380)):
        if day.as_of - day.calendar.of(day.date - timedelta(days=1)).as_of != timedelta(days=1):
            yield day


def play(made: World, name: str, days: Sequence[Partition]) -> Ended:
    """Bring it about in this world; nothing of it reaches the next one."""
    made.days, made.told = list(days), []
    started, since = time.monotonic(), datetime.now(UTC)
    made.said()
    unmet = ""
    said: tuple[str, ...] = ()
    try:
        SCENARIOS[name].run(made)
        made.settle()
        said = (*made.told, *made.followed(since))
    except Unmet as error:
        unmet = str(error)
    except Exception as error:  # noqa: BLE001  # a scenario's edge: the others are run all the same
        unmet = f"{type(error).__name__}: {error}"
    if unmet:
        made.calm()
    return Ended(name, unmet, time.monotonic() - started, said)


@scenario()
def happy(world: World) -> None:
    """The schedule fires; the day is published, the cluster ended."""
    day = world.day()
    (started,) = world.strike_eight(day)
    execution = world.ended(started.name)
    expect(execution.status == "SUCCEEDED", f"succeeded, not {execution.status}: {execution.cause}")
    expect(execution.partition == day, f"partition {day}, not {execution.partition}")
    runs = world.executions.jobs(execution)
    went = {run.job.name: (run.status, run.attempts, run.cause) for run in runs}  # of a retry why, too
    expect(all(run.has_succeeded and run.attempts == 1 for run in runs), f"each job once: {went}")
    expect(world.is_published(day), f"{day} is published")
    world.strike_ten(day)
    expect(not world.said(), "nobody is called")


@scenario()
def step_fails_once(world: World) -> None:
    """A step is killed; its retry publishes the day."""
    day = world.day()
    world.switch(kill_step=world.cast.files.name, times=1)
    execution = _succeeded(world, day)
    expect(world.went(execution)[world.cast.files.name] == ("succeeded", 2), f"twice: {world.went(execution)}")
    expect(world.is_published(day), f"{day} is published")


@scenario()
def extraction_fails(world: World) -> None:
    """Nothing is delivered: the other extractions finish, the last job does not run, the person on call is told."""
    day = world.day()
    with no_delivery(world, day):
        execution = _failed(world, day)
    went = world.went(execution)
    job, source = world.cast.files, world.cast.delivered
    expect(went[job.name][0] == "failed", f"{job.name} failed: {went}")
    expect({went[each][0] for each in world.cast.beside(job)} == {"succeeded"}, f"the others finished: {went}")
    expect(went[world.cast.last.name] == ("not run", 0), f"the last job did not run: {went}")
    reason = f"{job.name}: BadInput: {source.id}: expected files in {delivery(world, day)}"
    told = _told(world, execution, reason, f"pipeline trigger --resume {execution.name}")
    expect(told["Message"] == execution.cause, f"pipeline show says the same: {execution.cause}")
    expect(told["Subject"].endswith(f" {day} not published: {job.name}"), f"who and when: {told['Subject']}")
    _told_at_ten(world, day)


@scenario()
def empty_day(world: World) -> None:
    """Nothing is delivered: the day fails and says what to type if it was empty; that publishes the empty day."""
    day = world.day()
    with no_delivery(world, day):
        failed = _failed(world, day)
        _told(world, failed, f"{world.cast.files.name}: ", "If it really is empty: --allow-empty")
        expect(not world.is_published(day), f"{day} is not published yet")
        execution = world.ended(world.executions.start(day, allow_empty=True))
    expect(execution.status == "SUCCEEDED", f"succeeded, not {execution.status}: {execution.cause}")
    world.is_empty(day)
    expect(world.executions.claim_of(day).get("status") == "published", "the guard says published")
    expect(world.is_published(day), f"{day} is published")
    world.strike_ten(day)
    expect(not world.said(), "nobody is called")


@scenario()
def undelivered(world: World) -> None:
    """The Scheduler may not start the day: its start lies in the queue, and at 10:00 the person on call is told."""
    day = world.day()
    world.switch(clock=(day.as_of - timedelta(minutes=5)).isoformat())
    with _authorised(world), _without(world, _role_of_schedules(world), "states:StartExecution"):
        (daily,) = world.switch(advance_to=(day.as_of + timedelta(minutes=1)).isoformat())
    expect(daily["delivered"].startswith("DLQ AccessDenied"), f"refused, not {daily['delivered']}")
    sqs = world.client("sqs")
    (queue,) = sqs.list_queues(QueueNamePrefix=f"{world.deployment.production.name}-Undelivered")["QueueUrls"]
    (lying,) = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"], MaxNumberOfMessages=10)["Messages"]
    at = lying["MessageAttributes"]["SCHEDULED_TIME"]["StringValue"]
    expect(at == daily["at"], f"the start of {daily['at']} lies in the queue, not that of {at}")
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=lying["ReceiptHandle"])
    _told_at_ten(world, day)


@scenario()
def last_job_fails(world: World) -> None:
    """The last job is killed twice: readers keep what they have, the person on call is told."""
    day = world.day()
    world.switch(kill_step=world.cast.last.name, times=2)
    execution = _failed(world, day)
    expect(world.went(execution)[world.cast.last.name] == ("failed", 2), f"twice: {world.went(execution)}")
    expect(not world.is_published(day), f"{day} is not published")
    _told(world, execution, world.cast.last.name)


@scenario()
def step_times_out(world: World) -> None:
    """A step hangs: its time is up, it is cancelled, it is not repeated."""
    day = world.day()
    held = world.cast.api
    world.switch(hold_step=held.name, times=1)
    limits = world.with_jobs(lambda job: replace(job, timeout_s=1) if job == held else job)
    start_s = 30 if world.jobs is Jobs.REAL else 10
    with _deployed(world, lambda deployment: _impatient(limits(deployment), start_s)):
        execution = _failed(world, day)
    expect(world.went(execution)[held.name] == ("failed", 1), f"once: {world.went(execution)}")
    _told(world, execution, f"{held.name}: States.Timeout without a word of the job")


@scenario()
def stopped(world: World) -> None:
    """Somebody stops the execution: no Catch runs, so the reaper ends the cluster, frees the day and tells."""
    day = world.day()
    with _hanging(world, world.cast.files.name):
        (started,) = world.strike_eight(day)
        world.until(lambda: any(status == "running" for status, _ in world.went(started).values()), "a job runs")
        world.client("stepfunctions").stop_execution(executionArn=started.arn)
        execution = world.ended(started.name)
    expect(execution.status == "ABORTED", f"aborted, not {execution.status}")
    _reaped(world, day, execution)


@scenario()
def reaper_is_not_started(world: World) -> None:
    """The rule may not start the reaper: its event lies in the queue, and does the reaper's work when it is given."""
    day = world.day()
    states, sqs = world.client("stepfunctions"), world.client("sqs")
    (queue,) = sqs.list_queues(QueueNamePrefix=f"{world.deployment.production.name}-Unreaped")["QueueUrls"]

    def lying() -> list[dict[str, str]]:
        return list(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []))

    with _hanging(world, world.cast.files.name):
        (started,) = world.strike_eight(day)
        world.until(lambda: any(status == "running" for status, _ in world.went(started).values()), "a job runs")
        with _authorised(world), _without(world, _role_of_reaper_rule(world), "states:StartExecution"):
            states.stop_execution(executionArn=started.arn)
            (event,) = world.until(lying, "the event lies in the queue")
    expect(world.executions.claim_of(day).get("status") == "running", "nothing has freed the day")
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=event["ReceiptHandle"])
    reaper = world.executions.machine.removesuffix("daily") + "reaper"
    states.start_execution(stateMachineArn=reaper, input=event["Body"])
    _reaped(world, day, world.ended(started.name))


@scenario()
def machine_times_out(world: World) -> None:
    """The whole takes too long: no Catch runs, the reaper does its work."""
    day = world.day()
    timeout_s = 12 if world.jobs is Jobs.REAL else 5
    with (
        _hanging(world, world.cast.files.name),
        _deployed(world, lambda deployment: replace(deployment, daily_timeout_s=timeout_s)),
    ):
        (started,) = world.strike_eight(day)
        execution = world.ended(started.name)
    expect(execution.status == "TIMED_OUT", f"timed out, not {execution.status}")
    _reaped(world, day, execution)


@scenario()
def duplicate_trigger(world: World) -> None:
    """The schedule delivers twice, and somebody starts the day by hand as well: it runs once."""
    day = world.day()
    both = [execution.name for execution in world.strike_eight(day, times=2)]

    def ended() -> Execution | None:
        return next((each for each in map(world.executions.find, both) if each.status != "RUNNING"), None)

    again = world.until(ended, "one of both has ended")
    (first,) = set(both) - {again.name}  # whichever had the day
    expect(again.status == "SUCCEEDED" and world.executions.cluster(again.name) is None, f"no work: {again}")
    by_hand = world.ended(world.executions.start(day))
    expect((by_hand.status, by_hand.error) == ("FAILED", "AlreadyDone"), f"refused: {by_hand}")
    expect(world.ended(first).status == "SUCCEEDED", "the first one publishes")
    expect(world.is_published(day), f"{day} is published")


@scenario()
def rerun_after_failure(world: World) -> None:
    """A failed day is started again without more ado; a published one only by --rerun, and no failed one takes it."""
    day = world.day()
    with no_delivery(world, day):
        _failed(world, day)
    world.said()
    execution = world.ended(world.executions.start(day))
    expect(execution.status == "SUCCEEDED", f"succeeded: {execution.cause}")
    expect(world.is_published(day), f"{day} is published")
    repeated = world.ended(world.executions.start(day, only=(world.cast.last.name,), rerun=True))
    expect(repeated.status == "SUCCEEDED", f"repeated: {repeated.cause}")
    expect(world.is_published(day), f"{day} is still published")
    world.switch(kill_step=world.cast.last.name, times=2)
    failed = world.ended(world.executions.start(day, only=(world.cast.last.name,), rerun=True))
    expect(failed.status == "FAILED", f"failed, not {failed.status}")
    _told(world, failed, world.cast.last.name)
    expect(world.is_published(day), f"readers keep {day}")
    world.strike_ten(day)
    expect(not world.said(), f"{day} is not late")


@scenario()
def resume(world: World) -> None:
    """What a failed execution has finished is kept: the next one runs the rest."""
    day = world.day()
    with no_delivery(world, day):
        failed = _failed(world, day)
    jobs = [job.name for job in world.deployment.plan.jobs]
    rest = to_resume(world.executions.jobs(failed), jobs)
    missing = (world.cast.files.name, world.cast.last.name)
    expect(rest == missing, f"{missing} are missing, not {rest}")
    execution = world.ended(world.executions.start(day, only=rest))
    expect(execution.status == "SUCCEEDED", f"succeeded: {execution.cause}")
    went = world.went(execution)
    kept = {went[each] for each in world.cast.beside(world.cast.files)}
    expect(kept == {("not run", 0)}, f"the other extractions are kept: {went}")
    expect(world.is_published(day), f"{day} is published")


@scenario()
def cluster_fails_to_start(world: World) -> None:
    """The cluster does not come up, nor the one that is made once more: the reason is EMR's, and told."""
    day = world.day()
    world.switch(fail_boot=2)
    execution = _failed(world, day)
    _told(world, execution, "BOOTSTRAP_FAILURE")


@scenario()
def cluster_is_made_once_more(world: World) -> None:
    """The cluster does not come up: every job runs on another one."""
    day = world.day()
    world.switch(fail_boot=1)
    execution = _succeeded(world, day)
    went = world.went(execution)
    expect(all(each == ("succeeded", 1) for each in went.values()), f"every job ran once: {went}")
    expect(world.is_published(day), f"{day} is published")


@scenario()
def answer_is_lost(world: World) -> None:
    """EMR makes a cluster and its answer is lost: the day runs on another one, and the reaper ends the first."""
    day = world.day()
    world.switch(lose_cluster=1)
    with _authorised(world), _one_more_succeeds(world, "reaper"):
        execution = _succeeded(world, day)
    expect(world.is_published(day), f"{day} is published")
    name = f"{NAME_PREFIX}{execution.name}"
    made = [each for each in world.client("emr").list_clusters()["Clusters"] if each["Name"] == name]
    expect(len(made) == 2, f"two clusters are made for {execution.name}, not {len(made)}")


@scenario()
def cluster_dies(world: World) -> None:
    """The cluster ends while steps run."""
    day = world.day()
    with _hanging(world, world.cast.files.name):
        (started,) = world.strike_eight(day)
        world.until(lambda: any(status == "running" for status, _ in world.went(started).values()), "a job runs")
        world.client("emr").terminate_job_flows(JobFlowIds=[world.executions.cluster(started.name)])
        execution = world.ended(started.name)
    expect(execution.status == "FAILED", f"failed, not {execution.status}")
    _told(world, execution, "TERMINAT")


@scenario()
def throttled(world: World) -> None:
    """EMR refuses calls for a while: they are repeated."""
    day = world.day()
    for action in ("run_job_flow", "add_job_flow_steps", "terminate_job_flows"):
        world.switch(throttle=action, times=2)
    _succeeded(world, day)
    left = world.switch(clear=True)
    expect(not left, f"each call was refused twice: {left}")
    expect(world.is_published(day), f"{day} is published")


@scenario(stubs=False)
def search_down(world: World) -> None:
    """OpenSearch does not answer: the lake is not published either."""
    day = world.day()
    with _deployed(world, _without_search):
        execution = _failed(world, day)
    expect(world.went(execution)[world.cast.last.name][0] == "failed", f"it failed: {world.went(execution)}")
    _told(world, execution, world.cast.last.name)
    expect(not world.is_published(day), f"{day} is not published")


@scenario(stubs=False)
def api_storm(world: World) -> None:
    """The API answers 429 and 500 for a while: the job's own retries are enough."""
    day = world.day()
    world.api_fault(kind="status", status=[429, 500], times=6)
    try:
        execution = _succeeded(world, day)
    finally:
        left = world.api_well()
    expect(left["times"] == 0, f"six answers were 429 or 500: {left}")
    expect(world.went(execution)[world.cast.api.name] == ("succeeded", 1), f"once: {world.went(execution)}")
    expect(world.is_published(day), f"{day} is published")


@scenario(days=2, on=_clock_changes)
def clock_change(world: World) -> None:
    """Both clock changes of a year: the run of the day comes once, at the same local time and another one of UTC."""
    calendar = world.domain.calendar
    expect(len(world.days) == 2, f"the clocks of {calendar.timezone} changed twice since {calendar.start}")
    in_utc = []
    for _ in range(2):
        day = world.day()
        execution = _succeeded(world, day)
        at = datetime.fromisoformat(execution.given["scheduled_time"])
        local = calendar.local(at)
        expect((local.date() - day.date).days == 1 and local.time() == calendar.run_at, f"{day}: not at {local}")
        in_utc.append(at.time())
        expect(world.is_published(day), f"{day} is published")
    expect(len({*in_utc}) == 2, f"at another time of UTC: {in_utc}")


@scenario(days=3)
def backfill(world: World) -> None:
    """Three past days at once, each on its own cluster."""
    days = [world.day() for _ in range(3)]
    names = [world.executions.start(day) for day in days]
    for name in names:
        execution = world.ended(name, timeout_s=900)
        expect(execution.status == "SUCCEEDED", f"{execution.partition} succeeded: {execution.cause}")
    for day in days:
        expect(world.is_published(day), f"{day} is published")


@scenario()
def least_privilege(world: World) -> None:
    """Everything runs under the generated roles; without one of its actions the same day fails and names it."""
    day = world.day()
    removed = (
        (_role_of_machine(world), "dynamodb:UpdateItem"),
        (_role_of_machine(world), "elasticmapreduce:AddJobFlowSteps"),
        (_role_of_instances(world), "s3:GetObject"),
    )
    with _authorised(world):
        with _one_more_succeeds(world, "reaper"):
            _succeeded(world, day)
        expect(world.is_published(day), f"{day} is published")
        with _one_more_succeeds(world, "watch"):
            world.switch(deliver=f"{world.deployment.production.name}-watch", at=day.as_of.isoformat(), times=1)
        refused = world.switch(authorise=True)
        expect(not refused, f"the roles suffice: {refused[:3]}")
        for role, action in removed:
            with _without(world, role, action), _one_more_succeeds(world, "reaper"):
                execution = world.ended(world.executions.start(day, only=(world.cast.api.name,), rerun=True))
                expect(execution.status == "FAILED", f"without {action}: failed, not {execution.status}")
            words, said = f"is not authorized to perform: {action} on resource: ", _shown_of(world, execution)
            expect(words in said, f"without {action}: it says so: {said[-2000:]}")
            others = [each for each in world.switch(authorise=True) if words not in each]
            expect(not others, f"without {action}: nothing else is refused: {others[:3]}")


def _succeeded(world: World, day: Partition) -> Execution:
    (started,) = world.strike_eight(day)
    execution = world.ended(started.name)
    expect(execution.status == "SUCCEEDED", f"succeeded, not {execution.status}: {execution.cause}")
    return execution


def _failed(world: World, day: Partition) -> Execution:
    (started,) = world.strike_eight(day)
    execution = world.ended(started.name)
    expect(execution.status == "FAILED", f"failed, not {execution.status}")
    expect(execution.error == "DayNotPublished", f"DayNotPublished, not {execution.error}: {execution.cause}")
    return execution


def _told(world: World, execution: Execution, *words: str) -> dict[str, str]:
    """The person on call read the partition, the run's name and these words, once, in a few lines."""
    said = world.until(world.said, "the person on call is told")
    expect(len(said) == 1, f"told once, not {len(said)} times")
    message = said[0]["Message"]
    missing = [each for each in (*words, execution.name) if each not in message]
    expect(not missing, f"the message lacks {missing}: {message}")
    expect(message.startswith(f"{execution.partition} is "), f"the partition first: {message}")
    expect(len(message.splitlines()) <= MESSAGE_LINES, f"at most {MESSAGE_LINES} lines: {message}")
    world.told.append(f"{said[0]['Subject']}\n\n{message}")
    return said[0]


def _told_at_ten(world: World, day: Partition) -> None:
    world.strike_ten(day)
    said = world.until(world.said, "the person on call is told at ten")
    late = [each["Subject"].endswith(f" {day} not published: late") for each in said]
    expect(late == [True], f"once, that {day} is late: {said}")


def _reaped(world: World, day: Partition, execution: Execution) -> None:
    world.until(lambda: world.executions.claim_of(day).get("status") == "failed", "the reaper frees the day")
    _told(world, execution, execution.status)
    expect(not world.is_published(day), f"{day} is not published")


def delivery(world: World, day: Partition) -> str:
    """Where this day is delivered, as a pattern."""
    return pattern_of(world.settings, world.cast.delivered, day)


@contextmanager
def no_delivery(world: World, day: Partition) -> Iterator[None]:
    """The bucket of what is delivered without this day."""
    s3 = world.client("s3")
    bucket, pattern = bucket_and_key(delivery(world, day))
    found = s3.list_objects_v2(Bucket=bucket, Prefix=pattern.partition("*")[0])["Contents"]
    kept = {each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found}
    for key in kept:
        s3.delete_object(Bucket=bucket, Key=key)
    try:
        yield
    finally:
        for key, content in kept.items():
            s3.put_object(Bucket=bucket, Key=key, Body=content)


@contextmanager
def _deployed(world: World, change: Callable[[Deployment], Deployment]) -> Iterator[None]:
    """The deployment changed like this, and then as it was."""
    world.deploy(change)
    try:
        yield
    finally:
        world.deploy()


@contextmanager
def _hanging(world: World, job: str) -> Iterator[None]:
    """Its next step is held as soon as it runs, so that the day does not end by itself."""
    world.switch(hold_step=job, times=1)
    try:
        yield
    finally:
        world.switch(clear=True)


def _impatient(deployment: Deployment, start_s: int) -> Deployment:
    settings = deployment.settings
    assert settings.emr is not None
    quick = settings.emr.model_copy(update={"start_allowance_s": start_s})
    return replace(deployment, settings=settings.model_copy(update={"emr": quick}))


def _without_search(deployment: Deployment) -> Deployment:
    settings = deployment.settings
    nowhere = settings.search.model_copy(update={"url": NOWHERE, "max_retries": 1})
    return replace(deployment, settings=settings.model_copy(update={"search": nowhere}))


@contextmanager
def _authorised(world: World) -> Iterator[None]:
    """Calls of roles are checked against their policies."""
    world.switch(authorise=True)
    try:
        yield
    finally:
        world.switch(authorise=False)


@contextmanager
def _without(world: World, role: str, action: str) -> Iterator[None]:
    """The role's policy without this action, and then as it was."""
    iam = world.client("iam")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    statements = [
        each | {"Action": [allowed for allowed in each["Action"] if allowed != action]} for each in policy["Statement"]
    ]
    nothing = {"Effect": "Deny", "Action": [action], "Resource": ["*"]}  # a policy has at least one statement
    reduced = policy | {"Statement": [each for each in statements if each["Action"]] or [nothing]}
    expect(reduced != policy, f"{role} was generated with {action}")
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(reduced))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))


@contextmanager
def _one_more_succeeds(world: World, name: str) -> Iterator[None]:
    """An execution of this machine, because of what happens in between."""
    states = world.client("stepfunctions")
    arn = world.executions.machine.removesuffix("daily") + name

    def succeeded() -> int:
        return len(states.list_executions(stateMachineArn=arn, statusFilter="SUCCEEDED")["executions"])

    before = succeeded()
    yield
    world.until(lambda: succeeded() > before, f"an execution of {name} succeeds")


def _role_of_machine(world: World) -> str:
    machine = world.client("stepfunctions").describe_state_machine(stateMachineArn=world.executions.machine)
    return str(machine["roleArn"].rpartition("/")[2])


def _role_of_schedules(world: World) -> str:
    name = world.deployment.production.name
    found = world.client("scheduler").get_schedule(Name=f"{name}-daily", GroupName=name)
    return str(found["Target"]["RoleArn"].rpartition("/")[2])


def _role_of_reaper_rule(world: World) -> str:
    events = world.client("events")
    (rule,) = [each["Name"] for each in events.list_rules()["Rules"] if each["Name"].endswith("-ReaperRule")]
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    return str(target["RoleArn"].rpartition("/")[2])


def _role_of_instances(world: World) -> str:
    assert world.settings.emr is not None
    name = world.settings.emr.instance_profile
    (role,) = world.client("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
    return str(role["RoleName"])


def _shown_of(world: World, execution: Execution) -> str:
    """What failed in it, by Step Functions' history, and the logs of the steps that this names."""
    history = world.executions.history(execution)
    causes = "\n".join(
        [
            *(went.cause for went in progress_of_jobs(history, world.executions.domain)),
            *refused_calls(history, world.executions.domain).values(),
        ]
    )
    logs = sorted(set(re.findall(r'"LogFile": ?"([^"]+)"', causes)))
    found = [world.client("s3").get_object(Bucket=bucket, Key=key) for bucket, key in map(bucket_and_key, logs)]
    return "\n".join([causes, *(gzip.decompress(each["Body"].read()).decode() for each in found)])
