"""The main stack's template, part by part. Pure.

Does not own: what stands in a part (the module of its name), the machines' definitions (daily_machine, side_machines).
Invariant: a part that names another's resource comes after it, so a name that is not known is an error here.
"""

from typing import Any

from emr_jobs.core.settings import DeploymentSettings
from troposphere import Template

from pipeline_assets.production.generate.main.alarms import add_alarms
from pipeline_assets.production.generate.main.cluster import add_cluster
from pipeline_assets.production.generate.main.dagster_access import add_dagster_policy
from pipeline_assets.production.generate.main.dashboard import add_dashboard
from pipeline_assets.production.generate.main.disks import add_disk_key
from pipeline_assets.production.generate.main.machines import add_machines
from pipeline_assets.production.generate.main.parameters import add_parameters
from pipeline_assets.production.generate.main.runtime_roles import add_runtime_roles
from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.main.starts import add_reaper_rule, add_schedules
from pipeline_assets.production.generate.main.topic import add_topic
from pipeline_assets.production.generate.plan import Plan


def main_template(plan: Plan, settings: DeploymentSettings, definitions: dict[str, dict[str, Any]]) -> Template:
    """`definitions`: daily, reaper and watch."""
    stack = MainStack(plan, settings)
    add_parameters(stack)
    add_topic(stack)
    add_disk_key(stack)
    add_cluster(stack)
    add_runtime_roles(stack)
    add_machines(stack, definitions)
    add_reaper_rule(stack)
    add_schedules(stack)
    add_alarms(stack)
    add_dashboard(stack)
    add_dagster_policy(stack)
    return stack.template
