"""`pipeline deploy`, `diff`, `destroy`: the generated deployment in an account."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from pipeline_assets.cli.output import STYLES, Json, Yes, confirmed, console, errors, print_json, print_message, table
from pipeline_assets.cli.synth import DeploymentOption
from pipeline_assets.deployment import deployment
from pipeline_assets.findings import Level, has_error
from pipeline_assets.home import deployment_settings

if TYPE_CHECKING:
    from pipeline_assets.production.apply.deploy import Deploying
    from pipeline_assets.production.apply.stacks import ChangeSet, Stack
    from pipeline_assets.production.generate.synth import Deployment

DRIFT = 2  # exit code
SHOWN_CHARS = 60  # of a value that differs


def deploy(
    parameter: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of a stack; kept by the stack, so needed once.")
    ] = None,
    revert_drift: Annotated[
        bool, typer.Option("--revert-drift", help="Also take back what was changed behind the stacks' back.")
    ] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Deploy although the preflight finds an error.")] = False,
    yes: Yes = False,
    settings: DeploymentOption = None,
    json: Json = False,
) -> None:
    """Bring an account to what synth generates: shows every change, applies it on yes. Safe to repeat."""
    from pipeline_assets.production.apply.deploy import Deploying, unheard
    from pipeline_assets.production.apply.preflight import Account, preflight

    made = deployment(deployment_settings(settings))
    deploying = Deploying(made, pairs(parameter or []), revert_drift=revert_drift)
    deploying.refuse_examples()
    deploying.refuse_unpinned_base()
    with errors().status("looking at the account"):
        deploying.refuse_what_is_not_ours()
        deploying.refuse_wrong_parameters()
        found = [each for each in preflight(Account(made, deploying.values())) if each.level is not Level.OK]
    for each in found:
        _say(each.level, each)
    if has_error(found) and not anyway:
        errors().print("nothing was deployed. In spite of that: --anyway")
        raise typer.Exit(1)
    said = [str(each) for each in found]
    with errors().status("removing what was rolled back") as status:
        for name in deploying.remove_rolled_back(progress=status.update):
            errors().print(f"{name}: its creation had failed and was rolled back; it is made anew")
        status.update("comparing with the account")
        base = deploying.propose_base()
    changed = _agreed(deploying, base, yes=yes)
    with errors().status("shipping") as status:
        shipped = deploying.ship(progress=lambda what: status.update(f"shipping: {what}"))
        status.update("comparing with the account")
        main = deploying.propose_main(shipped)
    changed += _agreed(deploying, main, yes=yes)
    address = deploying.keep_settings()
    stack = deploying.stacks.find(made.production.name)
    assert stack is not None, "just deployed"
    nobody = unheard(stack.outputs["AlarmTopic"])
    for warning in nobody:
        _say(Level.WARNING, warning)
    if json:
        print_json({"changes": changed, "outputs": stack.outputs, "settings": address, "warnings": [*said, *nobody]})
        return
    console().print(table(("output", "value"), [*sorted(stack.outputs.items()), ("settings", address)]))
    console().print(f"\n{'deployed' if changed else 'nothing to change'}")
    console().print("run a day    pipeline trigger --partition P\nother verbs  --settings with the address above")


def diff(
    parameter: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE that deploy would be given; the others stay as they are.")
    ] = None,
    settings: DeploymentOption = None,
    json: Json = False,
) -> None:
    """Deployed against generated, and against what runs. Exit code 2 when they differ."""
    from pipeline_assets.production.apply.diff import differences
    from pipeline_assets.production.apply.stacks import Stacks

    with errors().status("comparing"):
        found = differences(deployment(deployment_settings(settings)), Stacks(), pairs(parameter or []))
    if json:
        print_json([vars(each) for each in found])
    elif found:
        rows = [(each.stack, each.place, _short(each.deployed), _short(each.generated)) for each in found]
        console().print(table(("stack", "place", "deployed", "generated"), rows))
        command = "pipeline deploy" + (" --revert-drift" if all(each.is_drift for each in found) else "")
        console().print(f"\n{_count(len(found))}. Bring the account to what is generated: {command}")
    else:
        console().print("no difference")
    if found:
        raise typer.Exit(DRIFT)


def destroy(
    data: Annotated[
        bool, typer.Option("--data", help="The data as well: every published day, the runs, the packages, the guard.")
    ] = False,
    yes: Yes = False,
    settings: DeploymentOption = None,
    json: Json = False,
) -> None:
    """Delete the deployment. The lake, the runs, the packages and the guard table stay, unless told otherwise."""
    from pipeline_assets.production.apply.deploy import (
        delete_data,
        detach_policy,
        refuse_what_is_not_ours,
        to_deploy_again,
    )
    from pipeline_assets.production.apply.stacks import Stacks

    made = deployment(deployment_settings(settings))
    stacks = Stacks()
    with errors().status("looking"):
        names = [made.production.name, *([made.base_stack] if data else [])]
        there = [stack for name in names if (stack := stacks.find(name)) is not None]
        for stack in there:
            refuse_what_is_not_ours(stack, made)
        _refuse_while_it_runs(made, there)
        base = stacks.find(made.base_stack)
    deleted = [stack.name for stack in there]
    with_data = ", with all the data" if made.base_stack in deleted else ""
    if there and not confirmed(f"Delete {' and '.join(deleted)}{with_data}?", yes=yes):
        errors().print("nothing was deleted")
        raise typer.Exit(1)
    for stack in there:
        with errors().status(f"deleting {stack.name}") as status:
            detach_policy(stack)
            stacks.delete(stack.name, progress=status.update)
            if stack.name == made.base_stack:
                delete_data(made, stack, progress=status.update)
    kept = base.outputs if base and not data else {}
    if json:
        print_json({"deleted": deleted, "kept": kept})
        return
    for name in names:
        console().print(f"{name} deleted" if name in deleted else f"{name} was not there")
    if kept:
        console().print()
        console().print(table(("kept", "name"), sorted(kept.items())))
    if there:
        console().print(f"\ndeploy again: {to_deploy_again(made, there)}", soft_wrap=True)


def pairs(given: list[str]) -> dict[str, str]:
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
    if not confirmed(f"Apply to {proposed.stack}?", yes=yes):
        deploying.stacks.discard(proposed)
        errors().print(f"nothing was applied to {proposed.stack}")
        raise typer.Exit(1)
    with errors().status(f"deploying {proposed.stack}") as status:
        deploying.stacks.apply(proposed, progress=status.update)
    return len(proposed.changes)


def _refuse_while_it_runs(made: "Deployment", there: "list[Stack]") -> None:
    """An execution whose role is deleted cannot end its cluster."""
    from emr_jobs.core.errors import Misconfigured

    from pipeline_assets.production.running.executions import Executions

    if not any("DailyMachine" in stack.outputs for stack in there):
        return
    running = [each.name for each in Executions(made.settings).latest() if each.is_running]
    if running:
        raise Misconfigured(
            f"{made.production.name} is running {', '.join(running)}. End it first: pipeline abort {running[0]}"
        )


def _say(level: Level, said: object) -> None:
    errors().print(Text(f"{level} ", style=STYLES[level]), end="")
    print_message(errors(), said)


def _count(differences: int) -> str:
    return "1 difference" if differences == 1 else f"{differences} differences"


def _short(value: str) -> str:
    """A whole resource is not for a table's cell; --json has it."""
    return value if len(value) <= SHOWN_CHARS else f"{value[: SHOWN_CHARS - 3]}..."
