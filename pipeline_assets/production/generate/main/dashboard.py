"""The dashboard: how the daily runs ended, and how long they took."""

import json
from typing import Any

from troposphere import Sub, cloudwatch

from pipeline_assets.production.generate.main.stack import MainStack

_MACHINE = ("StateMachineArn", "${DailyMachine}")
_ENDINGS = ("Succeeded", "Failed", "TimedOut", "Aborted")


def add_dashboard(stack: MainStack) -> None:
    ended = [["AWS/States", f"Executions{ending}", *_MACHINE] for ending in _ENDINGS]
    took = [["AWS/States", "ExecutionTime", *_MACHINE, {"stat": "Maximum"}]]
    widgets = [_graph("How the daily run ended", 0, ended), _graph("How long it took, ms", 12, took)]
    body = Sub(json.dumps({"widgets": widgets}))
    stack.add(cloudwatch.Dashboard("Dashboard", DashboardName=stack.production.name, DashboardBody=body))


def _graph(title: str, x: int, metrics: list[list[Any]]) -> dict[str, Any]:
    properties = {"title": title, "region": "${AWS::Region}", "stat": "Sum", "period": 3600, "metrics": metrics}
    return {"type": "metric", "x": x, "y": 0, "width": 12, "height": 6, "properties": properties}
