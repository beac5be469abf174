"""Tells the person on call of a failed check, in a run that Dagster launched.

One hook after each step that runs a job or stand-alone checks, whatever started it. To the alarm topic of the
deployment, or, without one, into the run's log. A run that follows production is silent: the state machine has told.
"""

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.decorators.hook_decorator import event_list_hook  # has no public name
from emr_jobs.core.settings import Settings

from pipeline_assets.tags import EXECUTION_TAG, partition_of

SUBJECT_SIZE = 100  # of SNS


def alert_hook(settings: Settings) -> dg.HookDefinition:
    topic = settings.production.alarm_topic if settings.production else None

    @event_list_hook(name="alert")
    def alert(context: dg.HookContext, event_list: Sequence[dg.DagsterEvent]) -> dg.HookExecutionResult:
        run = context.instance.get_run_by_id(context.run_id)
        failed = [sentence for event in event_list if (sentence := _failed_check(event))]
        if run is None or EXECUTION_TAG in run.tags or not failed:
            return dg.HookExecutionResult(hook_name="alert", is_skipped=True)
        partition = partition_of(run.tags) or "no partition"
        subject = f"{context.step_key} {partition}: {len(failed)} failed checks"
        message = "\n".join([*failed, "", f"Dagster run {run.run_id}"])
        if topic is None:
            context.log.error(f"{subject}\n{message}")
        else:
            _publish(topic, subject, message)
        return dg.HookExecutionResult(hook_name="alert")

    return alert


def _failed_check(event: dg.DagsterEvent) -> str | None:
    """Dataset, check, what was expected and found, when it is one that blocks or would."""
    if event.event_type is not dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        return None
    evaluation = event.asset_check_evaluation_data
    if evaluation.passed or evaluation.severity is not dg.AssetCheckSeverity.ERROR:
        return None
    facts = {name: value.value for name, value in evaluation.metadata.items()}
    said = f"{'.'.join(evaluation.asset_key.path)} {evaluation.check_name}"
    return f"{said}: expected {facts.get('expected')}, found {facts.get('found')}"


def _publish(topic: str, subject: str, message: str) -> None:
    import boto3

    boto3.client("sns").publish(TopicArn=topic, Subject=subject[:SUBJECT_SIZE], Message=message)
