"""What starts the machines: the schedules of daily and watch, the rule of the reaper.

Invariant: a start is tried again for START_RETRY_S; after that it lies in a queue, which an alarm watches.
"""

import json
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from awacs.aws import ArnEquals, Condition, Principal
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Calendar
from emr_jobs.domain import domain_of
from troposphere import GetAtt, Ref, Sub, events, scheduler, sqs

from pipeline_assets.production.generate.asl import STATUSES
from pipeline_assets.production.generate.daily_machine import SCHEDULE
from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.policies import allow, document, role
from pipeline_assets.production.generate.side_machines import REAPED

START_RETRY_S = 3600  # a start that comes later than this, of a day or of the reaper, is left to the person on call
START_ATTEMPTS = 10
QUEUE_S = 1_209_600  # 14 days, the longest that there is


def schedule_expression(at: time, calendar: Calendar) -> str:
    """EventBridge Scheduler's cron of a local time. Raises Misconfigured where the UTC date is not the local one.

    The guard's key is the date part of the scheduled time, in UTC; the state language cannot convert it.
    """
    day = datetime(2024, 1, 1, at.hour, at.minute, tzinfo=ZoneInfo(calendar.timezone))
    for local in (day + timedelta(days=number) for number in range(366)):
        if local.astimezone(ZoneInfo("UTC")).date() != local.date():
            raise Misconfigured(f"a schedule at {at} {calendar.timezone}: its UTC date is another day, {local.date()}")
    return f"cron({at.minute} {at.hour} * * ? *)"


def add_reaper_rule(stack: MainStack) -> None:
    may_start = [allow(["states:StartExecution"], [Ref("ReaperMachine")])]
    stack.add(role("ReaperRuleRole", "events.amazonaws.com", may_start, Tags=stack.tags))
    target = events.Target(
        Id="reaper",
        Arn=Ref("ReaperMachine"),
        RoleArn=GetAtt("ReaperRuleRole", "Arn"),
        RetryPolicy=events.RetryPolicy(MaximumEventAgeInSeconds=START_RETRY_S, MaximumRetryAttempts=START_ATTEMPTS),
        DeadLetterConfig=events.DeadLetterConfig(Arn=GetAtt("UnreapedQueue", "Arn")),
    )
    stack.add(
        events.Rule(
            "ReaperRule",
            Description="An execution that has ended leaves nothing behind",
            EventPattern={
                "source": ["aws.states"],
                "detail-type": [STATUSES],
                "detail": {"stateMachineArn": [Ref("DailyMachine")], "status": list(REAPED)},
            },
            Targets=[target],
        )
    )
    _queue(stack, "UnreapedQueue")
    # EventBridge takes no role for it: the queue says whose events it takes.
    of_the_rule = Condition(ArnEquals("aws:SourceArn", GetAtt("ReaperRule", "Arn")))
    delivered = allow(["sqs:SendMessage"], [GetAtt("UnreapedQueue", "Arn")], of_the_rule)
    delivered.Principal = Principal("Service", "events.amazonaws.com")
    stack.add(
        sqs.QueuePolicy("UnreapedQueuePolicy", Queues=[Ref("UnreapedQueue")], PolicyDocument=document([delivered]))
    )


def add_schedules(stack: MainStack) -> None:
    stack.add(scheduler.ScheduleGroup("Schedules", Name=stack.production.name, Tags=stack.tags))
    _queue(stack, "UndeliveredQueue")
    _schedule_role(stack)
    domain = domain_of(stack.settings)
    promised = [contract.available_by for contract in domain.contracts.values() if contract.available_by]
    if not promised:
        raise Misconfigured(
            f"contracts of {domain.package}: no dataset has a timeOfAvailability, so nobody would be told that a day "
            'is late. Give one to what is read first: slaProperties: [{property: timeOfAvailability, value: "10:00"}]'
        )
    context = {"scheduled_time": "<aws.scheduler.scheduled-time>"}
    stack.add(_schedule(stack, "daily", at=domain.calendar.run_at, event={**context, "trigger": SCHEDULE}))
    stack.add(_schedule(stack, "watch", at=max(promised), event=context))


def _schedule_role(stack: MainStack) -> None:
    group = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/" + stack.production.name
    statements = [
        allow(["states:StartExecution"], [Ref("DailyMachine"), Ref("WatchMachine")]),
        allow(["sqs:SendMessage"], [GetAtt("UndeliveredQueue", "Arn")]),
    ]
    stack.add(role("ScheduleRole", "scheduler.amazonaws.com", statements, source=Sub(group), Tags=stack.tags))


def _schedule(stack: MainStack, machine: str, *, at: time, event: dict[str, str]) -> scheduler.Schedule:
    """`event`: what the machine is started with."""
    title, calendar = machine.capitalize(), domain_of(stack.settings).calendar
    retry = scheduler.RetryPolicy(MaximumEventAgeInSeconds=START_RETRY_S, MaximumRetryAttempts=START_ATTEMPTS)
    return scheduler.Schedule(
        f"{title}Schedule",
        Name=f"{stack.production.name}-{machine}",
        GroupName=Ref("Schedules"),
        ScheduleExpression=schedule_expression(at, calendar),
        ScheduleExpressionTimezone=calendar.timezone,
        FlexibleTimeWindow=scheduler.FlexibleTimeWindow(Mode="OFF"),
        State="ENABLED",
        Target=scheduler.Target(
            Arn=Ref(f"{title}Machine"),
            RoleArn=GetAtt("ScheduleRole", "Arn"),
            Input=json.dumps(event),
            RetryPolicy=retry,
            DeadLetterConfig=scheduler.DeadLetterConfig(Arn=GetAtt("UndeliveredQueue", "Arn")),
        ),
    )


def _queue(stack: MainStack, title: str) -> None:
    """Of what could not be delivered."""
    stack.add(sqs.Queue(title, SqsManagedSseEnabled=True, MessageRetentionPeriod=QUEUE_S, Tags=stack.tags))
