"""The deployment of the asset graph, with some settings. What is heavy is imported when it is asked for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emr_jobs.core.settings import DeploymentSettings

    from pipeline_assets.production.generate.synth import Deployment


def deployment(settings: "DeploymentSettings") -> "Deployment":
    from emr_jobs.domain import domain_of

    from pipeline_assets.definitions import asset_graph
    from pipeline_assets.production.generate.plan import plan_of
    from pipeline_assets.production.generate.synth import Deployment

    return Deployment(plan_of(asset_graph(settings), domain_of(settings)), settings)
