"""`pipeline deploy`, `diff`, `destroy`: the generated deployment in an account."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_assets.cli.output import Json, console, errors, print_json, table
from pipeline_assets.cli.synth import DeploymentSettings, deployment
from pipeline_assets.home import deployment_settings

if TYPE_CHECKING:
    from pipeline_assets.production.deploy import Deploying
    from pipeline_assets.production.stacks import ChangeSet

DRIFT = 2  # exit code

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def deploy(
    parameter: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of a stack; kept by the stack, so needed once.")
    ] = None,
    yes: Yes = False,
    settings: DeploymentSettings = None,
    json: Json = False,
) -> None:
    """Bring an account to what synth generates: shows every change, applies it on yes. Safe to repeat."""
    from pipeline_assets.production.deploy import Deploying, unheard, warnings

    made = deployment(deployment_settings(settings))
    deploying = Deploying(made, _pairs(parameter or []))
    deploying.refuse_unknown_parameters()
    deploying.refuse_another_owner()
    said = warnings(made)
    changed = _agreed(deploying, deploying.propose_base(), yes=yes)
    with errors().status("shipping") as status:
        shipped = deploying.ship(progress=lambda what: status.update(f"shipping: {what}"))
    changed += _agreed(deploying, deploying.propose_main(shipped), yes=yes)
    address = deploying.keep_settings()
    stack = deploying.stacks.find(made.production.name)
    assert stack is not None, "just deployed"
    said += unheard(stack.outputs["AlarmTopic"])
    if json:
        print_json({"changes": changed, "outputs": stack.outputs, "settings": address, "warnings": said})
        return
    for warning in said:
        errors().print(f"[yellow]warning[/] {warning}")
    console().print(table(("output", "value"), [*sorted(stack.outputs.items()), ("settings", address)]))
    console().print(f"\n{'deployed' if changed else 'nothing to change'}. Run a day: pipeline trigger --partition P")


def diff(settings: DeploymentSettings = None, json: Json = False) -> None:
    """Deployed against generated, and against what runs. Exit code 2 when they differ."""
    from pipeline_assets.production.diff import differences
    from pipeline_assets.production.stacks import Stacks

    with errors().status("comparing"):
        found = differences(deployment(deployment_settings(settings)), Stacks())
    if json:
        print_json([vars(each) for each in found])
    elif found:
        rows = [(each.stack, each.place, each.deployed, each.generated) for each in found]
        console().print(table(("stack", "place", "deployed", "generated"), rows))
    else:
        console().print("no difference")
    if found:
        raise typer.Exit(DRIFT)


def destroy(
    data: Annotated[bool, typer.Option("--data", help="The base stack as well. Its buckets and table stay.")] = False,
    yes: Yes = False,
    settings: DeploymentSettings = None,
) -> None:
    """Delete the deployment. The lake, the runs, the packages and the guard table stay."""
    from pipeline_assets.production.deploy import refuse_another_owner
    from pipeline_assets.production.stacks import Stacks

    made = deployment(deployment_settings(settings))
    stacks = Stacks()
    names = [made.production.name, *([made.base_stack] if data else [])]
    for name in names:
        refuse_another_owner(stacks.find(name), made.production.owner)
    if not yes:
        typer.confirm(f"Delete {' and '.join(names)}?", abort=True)
    for name in names:
        if stacks.find(name) is None:
            console().print(f"{name} was not there")
            continue
        with errors().status(f"deleting {name}") as status:
            stacks.delete(name, progress=status.update)
        console().print(f"{name} deleted")


def _pairs(given: list[str]) -> dict[str, str]:
    wrong = [each for each in given if "=" not in each]
    if wrong:
        raise typer.BadParameter(f"expected NAME=VALUE, found {', '.join(wrong)}")
    return dict(each.split("=", 1) for each in given)


def _agreed(deploying: "Deploying", proposed: "ChangeSet | None", *, yes: bool) -> int:
    """Show, ask, apply; how many resources changed."""
    if proposed is None:
        return 0
    rows = [(each.action, each.resource, each.kind, "yes" if each.replaces else "") for each in proposed.changes]
    errors().print(f"[bold]{proposed.stack}[/]")
    errors().print(table(("action", "resource", "type", "replaced"), rows))
    if not yes and not typer.confirm(f"Apply to {proposed.stack}?", err=True):
        deploying.stacks.discard(proposed)
        raise typer.Exit(1)
    with errors().status(f"deploying {proposed.stack}") as status:
        deploying.stacks.apply(proposed, progress=status.update)
    return len(proposed.changes)
