"""Alarms: executions that did not end well, starts that were not delivered. docs/operations.md has a row for each.

Does not own: whom they tell (topic), what the machines tell by themselves (messages).
"""

from troposphere import GetAtt, Ref, cloudwatch

from pipeline_assets.production.generate.main.stack import MainStack

PERIOD_S = 300
_ENDINGS = {
    "Daily": ("Failed", "TimedOut", "Aborted"),
    "Reaper": ("Failed", "TimedOut"),
    "Watch": ("Failed", "TimedOut"),
}
_QUEUES = ("Undelivered", "Unreaped")


def add_alarms(stack: MainStack) -> None:
    for title, endings in _ENDINGS.items():
        machine = cloudwatch.MetricDimension(Name="StateMachineArn", Value=Ref(f"{title}Machine"))
        for ending in endings:
            stack.add(_alarm(stack, f"{title}{ending}", "AWS/States", f"Executions{ending}", machine, "Sum"))
    for title in _QUEUES:
        queue = cloudwatch.MetricDimension(Name="QueueName", Value=GetAtt(f"{title}Queue", "QueueName"))
        stack.add(_alarm(stack, title, "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, "Maximum"))


def _alarm(
    stack: MainStack, title: str, namespace: str, metric: str, dimension: cloudwatch.MetricDimension, statistic: str
) -> cloudwatch.Alarm:
    """At the first one in a period."""
    return cloudwatch.Alarm(
        f"{title}Alarm",
        AlarmName=f"{stack.production.name}-{title}",
        AlarmDescription=f"docs/operations.md, alarm {title}",
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[dimension],
        Statistic=statistic,
        Period=PERIOD_S,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[Ref("AlarmTopic")],
    )
