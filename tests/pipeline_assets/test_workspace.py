"""A run of the command line is on record as the UI's own: whoever asks for runs of this code location finds it."""

import importlib

from dagster._core.workspace.autodiscovery import loadable_targets_from_loaded_module
from dagster._core.workspace.load_target import WorkspaceFileTarget

from pipeline_assets.workspace import WORKSPACE, job_named, job_origin


def test_origin_is_what_a_code_server_of_the_workspace_loads() -> None:
    (location,) = WorkspaceFileTarget(paths=[str(WORKSPACE)]).create_origins()
    module = location.loadable_target_origin.module_name
    assert module is not None
    (loaded,) = loadable_targets_from_loaded_module(importlib.import_module(module))
    repository = loaded.target_definition.get_repository_def()
    job = job_named("daily")
    origin = job_origin(job)
    assert origin.repository_origin.code_location_origin == location
    assert origin.repository_origin.repository_name == repository.name
    assert origin.job_name == "daily"
    assert job.get_definition().get_job_snapshot_id() == repository.get_job("daily").get_job_snapshot_id()
