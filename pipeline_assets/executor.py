"""How the steps of a run are run: a process each, and those whose jobs run here with one Spark driver for all of them.

A job is a process of the driver's as well; the step only waits for it. Does not own: the driver (driver.running), which
launcher a run has (assets.jobs).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of

from pipeline_assets import DEFINITIONS
from pipeline_assets.driver import running as driver
from pipeline_assets.home import home
from pipeline_assets.tags import runs_here

if TYPE_CHECKING:
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.retries import RetryMode

MAX_CONCURRENT_JOBS = 3  # the extractions


def executor(settings: Settings, settings_uri: str) -> dg.ExecutorDefinition:
    processes = dg.multiprocess_executor
    create = processes.executor_creation_fn
    assert create is not None, "Dagster's own"
    schema: Any = processes.config_schema

    @dg.executor(name=processes.name, config_schema=schema, requirements=dg.multiple_process_executor_requirements())
    def with_driver(context: dg.InitExecutorContext) -> dg.Executor:
        return _WithDriver(create(context), settings, settings_uri)

    return with_driver.configured(
        {
            "max_concurrent": MAX_CONCURRENT_JOBS,
            # A forked step has dagster and the definitions already; a spawned one would import them for two seconds.
            "start_method": {"forkserver": {"preload_modules": [DEFINITIONS]}},
        },
        name=processes.name,
    )


class _WithDriver(dg.Executor):
    def __init__(self, steps: dg.Executor, settings: Settings, settings_uri: str) -> None:
        self._steps = steps
        self._settings = settings
        self._uri = settings_uri

    @property
    def retries(self) -> "RetryMode":
        return self._steps.retries

    def execute(self, plan_context: "PlanOrchestrationContext", execution_plan: "ExecutionPlan") -> Iterator[Any]:
        run = plan_context.dagster_run
        jobs = {job.name for job in domain_of(self._settings).jobs}
        if not (runs_here(run.tags) and jobs.intersection(execution_plan.step_keys_to_execute)):
            yield from self._steps.execute(plan_context, execution_plan)
            return
        log = home() / "logs" / f"spark-{run.run_id}.log"
        with driver.kept(run.run_id, self._settings, self._uri, log=log):
            yield from self._steps.execute(plan_context, execution_plan)
