"""`pipeline simulate`: the generated state machines on this machine, with faults."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from pipeline_assets.cli.output import Json, console, errors, print_json, table

ALL = "all"


def simulate(
    scenario: Annotated[list[str] | None, typer.Argument(help="Names, or all. Without one: which there are.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Beside a Dagster of its own, which must see the same.")
    ] = False,
    json: Json = False,
) -> None:
    """Deploy to a local AWS of its own and bring something about. Exit code 1 when the end is not as it must be."""
    from local_stack.simulation.scenarios import SCENARIOS, Ended
    from local_stack.simulation.scenarios import simulate as run

    if not scenario:
        if json:
            print_json({each.name: each.says for each in SCENARIOS.values()})
        else:
            console().print(
                table(("scenario", "what happens"), ((each.name, each.says) for each in SCENARIOS.values()))
            )
        return
    names = list(SCENARIOS) if scenario == [ALL] else scenario
    if unknown := [name for name in names if name not in SCENARIOS]:
        raise typer.BadParameter(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    found: list[Ended] = []

    def ended(each: Ended) -> None:
        found.append(each)
        if not json:
            verdict = f"[red]{each.unmet}[/]" if each.unmet else "holds"
            errors().print("\n  ".join([f"{each.scenario}  {each.took_s:.0f} s  {verdict}", *each.said]))

    with TemporaryDirectory(prefix="pipeline-simulate-") as home, errors().status("starting") as status:
        run(names, Path(home), follow=follow, progress=status.update, ended=ended)
    if json:
        print_json([asdict(each) for each in found])
    else:
        rows = [(each.scenario, "no" if each.unmet else "yes", f"{each.took_s:.0f}", each.unmet) for each in found]
        console().print(table(("scenario", "holds", "s", "what does not"), rows, right=("s",)))
    if any(each.unmet for each in found):
        raise typer.Exit(1)
