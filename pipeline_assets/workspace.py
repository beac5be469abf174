"""A run of this process on record as the UI's own are: under its job of the code location that workspace.yaml names.

What the timeline and the jobs' pages list, and what re-executes a run, asks for that location. The run itself goes on
here: a code server beside it would import everything once more (docs/decisions.md).
"""

from collections.abc import Collection, Mapping

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.execution.api import create_execution_plan, execute_run  # have no public names
from dagster._core.remote_origin import CodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.snap import snapshot_from_execution_plan
from dagster._core.workspace.load import location_origins_from_yaml_paths

from pipeline_assets import DEFINITIONS
from pipeline_assets.home import ROOT

WORKSPACE = ROOT / "workspace.yaml"


def job_named(name: str) -> ReconstructableJob:
    """Of the code location, for steps in processes of their own."""
    return ReconstructableRepository.for_module(DEFINITIONS, "defs").get_reconstructable_job(name)


def location() -> CodeLocationOrigin:
    """As the UI and its daemon read it."""
    (found,) = location_origins_from_yaml_paths([str(WORKSPACE)])
    return found


def job_origin(job: ReconstructableJob) -> RemoteJobOrigin:
    """What a code server of this workspace says of the job."""
    return RemoteRepositoryOrigin(location(), job.repository.get_definition().name).get_job_origin(job.job_name)


def execute(
    job: ReconstructableJob,
    instance: dg.DagsterInstance,
    *,
    run_id: str,
    tags: Mapping[str, str],
    part: tuple[Collection[dg.AssetKey], Collection[dg.AssetCheckKey]] | None = None,
) -> None:
    """Run the job, or these assets and checks of it, until its end; how it ended stands in the instance.

    Unlike dg.execute_job it records where the job is from, and what was selected: what is re-executed is as much.
    """
    assets, checks = (None, None) if part is None else (frozenset(part[0]), frozenset(part[1]))
    selected = job if part is None else job.get_subset(asset_selection=assets, asset_check_selection=checks)
    definition = selected.get_definition()
    plan = create_execution_plan(selected, tags=tags, instance_ref=instance.get_ref())
    run = instance.create_run(
        job_name=definition.name,
        run_id=run_id,
        run_config=None,
        status=None,
        tags={**definition.run_tags, **tags},
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot=snapshot_from_execution_plan(plan, definition.get_job_snapshot_id()),
        job_snapshot=definition.get_job_snapshot(),
        parent_job_snapshot=definition.get_parent_job_snapshot(),
        asset_selection=assets,
        asset_check_selection=checks,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=job_origin(job),
        job_code_origin=job.get_python_origin(),
        asset_graph=definition.asset_layer.asset_graph,
    )
    execute_run(job, run, instance)
