"""The two small machines beside the daily one: the reaper of what an execution left, the watch for a late day.

No Catch runs when an execution is stopped or times out as a whole, so its end starts the reaper. And when EMR makes a
cluster whose answer is lost, nobody records it, and the Retry makes another one; so every end does, a good one too.
Does not own: the rule and the schedule that start them (main.starts).
"""

from typing import Any

from emr_jobs.core.settings import DeploymentSettings
from emr_jobs.domain import domain_of

from pipeline_assets.emr.clusters import NAME_PREFIX, TAKES_STEPS
from pipeline_assets.production.generate import guard, messages
from pipeline_assets.production.generate.asl import (
    ALL,
    CONDITION_FAILED,
    DISCARDED,
    TASK_FAILED,
    Path,
    State,
    States,
    again,
    assign,
    both,
    call,
    choice,
    equals,
    fail,
    is_present,
    is_true,
    machine,
    on,
    rendered,
    task,
)
from pipeline_assets.production.generate.daily_machine import CALL_RETRIES, TOPIC
from pipeline_assets.production.generate.day_before import PARTITION, calendar, partition_states
from pipeline_assets.production.generate.tags import STACK_TAG

REAPED = ("ABORTED", "TIMED_OUT", "FAILED", "SUCCEEDED")  # ends of an execution that start the reaper
LATE = "late"
NAMED = (*REAPED, LATE)
TIMEOUT_S = 900
PAGES = 20  # of 50 clusters that are alive in the account


def reaper(settings: DeploymentSettings) -> dict[str, Any]:
    """Input: the event of the execution's end. Ends its clusters, frees its day, and tells only if nobody has."""
    name, retry = settings.production.name, _retry(settings)
    ended, status = Path("$.ended.execution"), Path("$.ended.status")
    scheduled_date = guard.scheduled_date(Path("$.ended.input.scheduled_time"))
    # AWS's partition, region and account are those of the reaper's own.
    aws_partition, region, account = (Path(f"$.own_arn[{part}]") for part in (1, 3, 4))
    arn = call(
        "Format", f"arn:{{}}:states:{{}}:{{}}:execution:{name}-daily:{{}}", aws_partition, region, account, ended
    )
    message = messages.text(
        ("{} is not published; its run was scheduled for {}.", PARTITION, scheduled_date),
        ("It ended {} before it could say why. Its day is free; its cluster {}.", status, Path("$.cluster.says")),
        messages.READERS_WAIT,
        "",
        ("More of it: pipeline show {}", ended),
        ("When that is mended: pipeline trigger --resume {}", ended),
        messages.console(region, arn),
    )
    first, date_states = partition_states(scheduled_date, domain_of(settings).calendar.start.year, next_state="Notify")
    states = {
        "ReadEvent": assign(
            {
                "ended": {
                    "execution": Path("$.detail.name"),
                    "cluster": call("Format", f"{NAME_PREFIX}{{}}", Path("$.detail.name")),
                    "status": Path("$.detail.status"),
                    "input": call("StringToJson", Path("$.detail.input")),
                },
                "own_arn": call("StringSplit", Path("$$.StateMachine.Id"), ":"),
                "calendar": calendar(domain_of(settings).calendar.start.year),
                "newline": "\n",
                "cluster": {"alive": False, "says": "is ended, if it had one"},
                "page": {"number": 1},
            },
            next_state="FindCluster",
        ),
        "FindCluster": task(
            "dynamodb:getItem",
            guard.read(guard.execution_key(ended)),
            next_state="MadeCluster",
            result_path="$.found",
            retry=retry,
        ),
        "MadeCluster": choice(is_present("$.found.Item"), "TerminateCluster", "HasDay"),
        "TerminateCluster": task(
            "elasticmapreduce:terminateCluster",
            {"ClusterId": Path("$.found.Item.cluster.S")},
            next_state="HasDay",
            retry=retry,
            catch=[on(ALL, "ClusterNotTerminated")],  # the day is freed all the same
        ),
        "ClusterNotTerminated": assign(
            {"alive": True, "says": "may be alive: pipeline abort ends it"}, at="$.cluster", next_state="HasDay"
        ),
        # Not one that somebody started with an input of his own making.
        "HasDay": choice(is_present("$.ended.input.scheduled_time"), "FreeDay", "ListClusters"),
        "FreeDay": task(
            "dynamodb:updateItem",
            guard.release(scheduled_date, guard.DayStatus.FAILED, execution=ended, only_running=True),
            next_state=first,
            retry=[again(CONDITION_FAILED, times=0, interval_s=1), *retry],
            catch=[on(CONDITION_FAILED, "ListClusters")],  # it has freed the day, and told, itself
        ),
        **date_states,
        "Notify": _publish(
            messages.subject(name, PARTITION, "not published: {}", status), message, retry, next_state="ListClusters"
        ),
        **_unrecorded(name, retry, next_state="IsClusterEnded"),
        "IsClusterEnded": choice(is_true("$.cluster.alive"), "ClusterMayBeAlive", "Done"),
        "ClusterMayBeAlive": fail(
            "ClusterNotTerminated", "a cluster may be alive: pipeline abort, then aws emr list-clusters --active"
        ),
        "Done": {"Type": "Succeed"},
    }
    return machine("Ends what an execution left behind.", "ReadEvent", states, timeout_s=TIMEOUT_S)


def _unrecorded(stack: str, retry: list[State], *, next_state: str) -> States:
    """Ends what has the execution's name and the stack's tag; last, for what is known comes first.

    ListClusters gives no tags, and fifty clusters at a time.
    """
    alive = {"ClusterStates": [str(each) for each in TAKES_STEPS]}
    failed = [on(ALL, "ClustersNotListed")]
    tag = "$.tags.stack[0]"
    of_each: States = {
        "IsOfExecution": choice(
            {"Variable": "$.cluster.Name", "StringEqualsPath": "$.name"}, "ReadTags", "BelongsToAnother"
        ),
        "ReadTags": task(
            "aws-sdk:emr:describeCluster",
            {"ClusterId": Path("$.cluster.Id")},
            next_state="IsOfStack",
            result={"stack": Path(f"$.Cluster.Tags[?(@.Key == '{STACK_TAG}')].Value")},
            result_path="$.tags",
            retry=retry,
        ),
        "IsOfStack": choice(both(is_present(tag), equals(tag, stack)), "EndCluster", "BelongsToAnother"),
        "EndCluster": task(
            "elasticmapreduce:terminateCluster",
            {"ClusterId": Path("$.cluster.Id")},
            next_state="ClusterIsEnded",
            retry=retry,
        ),
        "ClusterIsEnded": {"Type": "Succeed"},
        "BelongsToAnother": {"Type": "Succeed"},
    }
    return {
        "ListClusters": task(
            "aws-sdk:emr:listClusters",
            alive,
            next_state="EndUnrecorded",
            result_path="$.listed",
            retry=retry,
            catch=failed,
        ),
        "EndUnrecorded": {
            "Type": "Map",
            "ItemsPath": "$.listed.Clusters",
            "ItemSelector": rendered({"cluster": Path("$$.Map.Item.Value"), "name": Path("$.ended.cluster")}),
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "IsOfExecution",
                "States": of_each,
            },
            "ResultPath": DISCARDED,
            "Catch": failed,
            "Next": "AreThereMore",
        },
        "AreThereMore": choice(
            both(is_present("$.listed.Marker"), {"Variable": "$.listed.Marker", "IsNull": False}),
            "MayListMore",
            next_state,
        ),
        "MayListMore": choice(
            {"Variable": "$.page.number", "NumericLessThan": PAGES}, "CountPage", "ClustersNotListed"
        ),
        "CountPage": assign(
            {"number": call("MathAdd", Path("$.page.number"), 1)}, at="$.page", next_state="ListMoreClusters"
        ),
        "ListMoreClusters": task(
            "aws-sdk:emr:listClusters",
            {**alive, "Marker": Path("$.listed.Marker")},
            next_state="EndUnrecorded",
            result_path="$.listed",
            retry=retry,
            catch=failed,
        ),
        "ClustersNotListed": assign({"alive": True}, at="$.cluster", next_state=next_state),
    }


def watch(settings: DeploymentSettings) -> dict[str, Any]:
    """Input: {scheduled_time}. Tells when the partition of that time is not published."""
    retry, scheduled_date = _retry(settings), Path("$.day")
    message = messages.text(
        ("{} is not published; its run was scheduled for {}.", PARTITION, scheduled_date),
        messages.READERS_WAIT,
        "",
        ("Where it is: pipeline show --partition {}", PARTITION),
    )
    published = is_present("$.found.Item.published_by")
    first, date_states = partition_states(
        scheduled_date, domain_of(settings).calendar.start.year, next_state="ReadGuard"
    )
    states = {
        "ReadInput": assign(
            {
                "day": guard.scheduled_date(Path("$.scheduled_time")),
                "calendar": calendar(domain_of(settings).calendar.start.year),
                "newline": "\n",
            },
            next_state=first,
        ),
        **date_states,
        "ReadGuard": task(
            "dynamodb:getItem",
            guard.read(guard.day_key(scheduled_date)),
            next_state="IsPublished",
            result_path="$.found",
            retry=retry,
            catch=[on(ALL, "Notify")],  # not known is no good news
        ),
        "IsPublished": choice(published, "Done", "Notify"),
        "Notify": _publish(
            messages.subject(settings.production.name, PARTITION, f"not published: {LATE}"), message, retry
        ),
        "Done": {"Type": "Succeed"},
    }
    return machine("Tells when the day is late.", "ReadInput", states, timeout_s=TIMEOUT_S)


def _retry(settings: DeploymentSettings) -> list[State]:
    return [again(TASK_FAILED, times=CALL_RETRIES, interval_s=settings.production.call_retry_interval_s)]


def _publish(subject: Path, message: Path, retry: list[State], *, next_state: str = "Done") -> State:
    arguments = {"TopicArn": TOPIC, "Subject": subject, "Message": message}
    return task("sns:publish", arguments, next_state=next_state, retry=retry)
