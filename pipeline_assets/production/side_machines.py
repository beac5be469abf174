"""The two small machines beside the daily one: the reaper of what an execution left, the watch for a late day.

No Catch runs when an execution is stopped or times out as a whole, so its end starts the reaper. And when EMR makes a
cluster whose answer is lost, nobody records it, and the Retry makes another one; so every end does, a good one too.
Does not own: the rule and the schedule that start them (main_template).
"""

from typing import Any

from emr_jobs.settings import Production

from pipeline_assets.launchers.emr_cluster import NAME_PREFIX, TAKES_STEPS
from pipeline_assets.production import guard
from pipeline_assets.production.asl import (
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
from pipeline_assets.production.daily_machine import CALL_RETRIES, STACK_TAG, TOPIC

REAPED = ("ABORTED", "TIMED_OUT", "FAILED", "SUCCEEDED")  # ends of an execution that start the reaper
TIMEOUT_S = 900
PAGES = 20  # of 50 clusters that are alive in the account


def reaper(production: Production) -> dict[str, Any]:
    """Input: the event of the execution's end. Ends its clusters, frees its day, and tells only if nobody has."""
    retry = [again(TASK_FAILED, times=CALL_RETRIES, interval_s=production.call_retry_interval_s)]
    ended = Path("$.ended.execution")
    message = call(
        "Format",
        "execution {} ended {} before it could say why. Its day is free; its cluster {}.{}"
        "What failed: pipeline show {}{}Repeat what is missing: pipeline trigger --resume {}{}",
        ended,
        Path("$.ended.status"),
        Path("$.cluster.says"),
        Path("$.newline"),
        ended,
        Path("$.newline"),
        ended,
        Path("$.newline"),
    )
    day = guard.date_of(Path("$.ended.input.scheduled_time"))
    states = {
        "ReadEvent": assign(
            {
                "ended": {
                    "execution": Path("$.detail.name"),
                    "cluster": call("Format", f"{NAME_PREFIX}{{}}", Path("$.detail.name")),
                    "status": Path("$.detail.status"),
                    "input": call("StringToJson", Path("$.detail.input")),
                },
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
            guard.release(day, guard.FAILED, execution=ended, only_running=True),
            next_state="Notify",
            retry=[again(CONDITION_FAILED, times=0, interval_s=1), *retry],
            catch=[on(CONDITION_FAILED, "ListClusters")],  # it has freed the day, and told, itself
        ),
        "Notify": _publish(
            f"{production.name}: {{}} execution", Path("$.ended.status"), message, retry, next_state="ListClusters"
        ),
        **_unrecorded(production, retry, next_state="IsClusterEnded"),
        "IsClusterEnded": choice(is_true("$.cluster.alive"), "ClusterMayBeAlive", "Done"),
        "ClusterMayBeAlive": fail(
            "ClusterNotTerminated", "a cluster may be alive: pipeline abort, then aws emr list-clusters --active"
        ),
        "Done": {"Type": "Succeed"},
    }
    return machine("Ends what an execution left behind.", "ReadEvent", states, timeout_s=TIMEOUT_S)


def _unrecorded(production: Production, retry: list[State], *, next_state: str) -> States:
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
        "IsOfStack": choice(both(is_present(tag), equals(tag, production.name)), "EndCluster", "BelongsToAnother"),
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


def watch(production: Production) -> dict[str, Any]:
    """Input: {scheduled_time}. Tells when the day of that date is not published."""
    retry = [again(TASK_FAILED, times=CALL_RETRIES, interval_s=production.call_retry_interval_s)]
    date = guard.date_of(Path("$.scheduled_time"))
    message = call(
        "Format",
        "the run scheduled for {} has not published its day.{}Where it is: pipeline runs{}",
        Path("$.date"),
        Path("$.newline"),
        Path("$.newline"),
    )
    published = is_present("$.found.Item.published_by")
    states = {
        "ReadDate": assign({"date": date, "newline": "\n"}, next_state="ReadGuard"),
        "ReadGuard": task(
            "dynamodb:getItem",
            guard.read(guard.day_key(Path("$.date"))),
            next_state="IsPublished",
            result_path="$.found",
            retry=retry,
            catch=[on(ALL, "Notify")],  # not known is no good news
        ),
        "IsPublished": choice(published, "Done", "Notify"),
        "Notify": _publish(f"{production.name}: {{}} is late", Path("$.date"), message, retry),
        "Done": {"Type": "Succeed"},
    }
    return machine("Tells when the day is late.", "ReadDate", states, timeout_s=TIMEOUT_S)


def _publish(subject: str, what: Path, message: Path, retry: list[State], *, next_state: str = "Done") -> State:
    arguments = {"TopicArn": TOPIC, "Subject": call("Format", subject, what), "Message": message}
    return task("sns:publish", arguments, next_state=next_state, retry=retry)
