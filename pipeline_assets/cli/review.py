"""`pipeline review`: what a change does, for those who read it before it is merged."""

from typing import Annotated

import typer

from pipeline_assets.cli.synth import OUT, DeploymentOption
from pipeline_assets.deployment import deployment
from pipeline_assets.home import deployment_settings


def review(
    against: Annotated[str, typer.Option(help="A commit: what has changed since.")] = "HEAD",
    account: Annotated[
        bool, typer.Option("--account/--no-account", help="Compare with the deployed, as pipeline diff does.")
    ] = False,
    settings: DeploymentOption = None,
) -> None:
    """Print, as Markdown, what a change does to the contracts' readers, the order of the jobs, the account.

    Judges nothing: that a change may not break readers is checked by `contracts check --against`.
    """
    from emr_jobs.contracts import InvalidContracts
    from emr_jobs.domain import CONTRACTS, domain_of, load_as_of

    from pipeline_assets import commits
    from pipeline_assets import review as sections
    from pipeline_assets.earlier_contracts import comparisons_since
    from pipeline_assets.production.apply.diff import differences
    from pipeline_assets.production.apply.stacks import Stacks
    from pipeline_assets.production.generate.plan import explained
    from pipeline_assets.production.generate.synth import PLAN

    values = deployment_settings(settings)
    try:
        domain = domain_of(values)
    except InvalidContracts as error:
        print(sections.invalid_contracts(error.faults))  # noqa: T201  # the output
        return
    folder = domain.folder / CONTRACTS
    made = deployment(values)
    commit = commits.commit(against, folder)
    then = commits.file_at(OUT, commit, PLAN)
    found = differences(made, Stacks()) if account else None
    for section in (
        sections.contracts(*comparisons_since(commit, folder, load_as_of(values, folder), domain.contracts)),
        sections.plan(None if then is None else then.decode(), explained(made.plan)),
        sections.account(found),
    ):
        print(section)  # noqa: T201  # the output
