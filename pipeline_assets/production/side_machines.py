"""The two small machines beside the daily one: the reaper of what an execution left, the watch for a late day.

No Catch runs when an execution is stopped or times out as a whole, so its end starts the reaper. Does not own: the
rule and the schedule that start them (main_template).
"""

from typing import Any

from emr_jobs.settings import Production

from pipeline_assets.production import guard
from pipeline_assets.production.asl import (
    ALL,
    CONDITION_FAILED,
    TASK_FAILED,
    Path,
    State,
    again,
    assign,
    call,
    choice,
    fail,
    is_present,
    is_true,
    machine,
    on,
    task,
)
from pipeline_assets.production.daily_machine import CALL_RETRIES, TOPIC

REAPED = ("ABORTED", "TIMED_OUT", "FAILED")  # ends of an execution that start the reaper
TIMEOUT_S = 900


def reaper(production: Production) -> dict[str, Any]:
    """Input: the event of the execution's end. Ends its cluster, frees its day, and tells only if nobody has."""
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
                    "status": Path("$.detail.status"),
                    "input": call("StringToJson", Path("$.detail.input")),
                },
                "newline": "\n",
                "cluster": {"alive": False, "says": "is ended, if it had one"},
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
        "HasDay": choice(is_present("$.ended.input.scheduled_time"), "FreeDay", "IsClusterEnded"),
        "FreeDay": task(
            "dynamodb:updateItem",
            guard.release(day, guard.FAILED, execution=ended, only_running=True),
            next_state="Notify",
            retry=[again(CONDITION_FAILED, times=0, interval_s=1), *retry],
            catch=[on(CONDITION_FAILED, "IsClusterEnded")],  # it has freed the day, and told, itself
        ),
        "Notify": _publish(
            f"{production.name}: {{}} execution", Path("$.ended.status"), message, retry, next_state="IsClusterEnded"
        ),
        "IsClusterEnded": choice(is_true("$.cluster.alive"), "ClusterMayBeAlive", "Done"),
        "ClusterMayBeAlive": fail("ClusterNotTerminated", "the cluster may be alive: pipeline abort ends it"),
        "Done": {"Type": "Succeed"},
    }
    return machine("Ends what an execution left behind.", "ReadEvent", states, timeout_s=TIMEOUT_S)


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
