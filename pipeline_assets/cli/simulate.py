"""`pipeline simulate`: the generated state machines on this machine, with faults."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_assets.cli.output import Json, console, errors, print_json, print_message, table

if TYPE_CHECKING:
    from local_stack.simulation.scenarios import Ended

ALL = "all"


class JobsKind(StrEnum):
    real = "real"
    stub = "stub"


def simulate(
    scenario: Annotated[list[str] | None, typer.Argument(help="Names, or all. Without one: which there are.")] = None,
    jobs: Annotated[
        JobsKind,
        typer.Option(help="stub: programs without Spark and without data in the place of the jobs; seconds a day."),
    ] = JobsKind.real,
    worlds: Annotated[
        int | None,
        typer.Option(min=1, help="Deployments at once, scenarios divided over them.", show_default="what fits"),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Beside a Dagster of its own, which must see the same.")
    ] = False,
    yarn: Annotated[
        bool,
        typer.Option(
            "--yarn", help="Steps on a real YARN, at twice the CPU. A fault hits spark-submit, not its application."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Deploy to a local AWS of its own and bring something about. Exit code 1 when the end is not as it must be."""
    from local_stack.simulation import worlds as divided
    from local_stack.simulation.scenarios import SCENARIOS
    from local_stack.simulation.world import Jobs

    if not scenario:
        if json:
            print_json({each.name: each.says for each in SCENARIOS.values()})
        else:
            console().print(
                table(
                    ("scenario", "jobs", "what happens"),
                    (
                        (each.name, " or ".join(JobsKind) if each.stubs else JobsKind.real.value, each.says)
                        for each in SCENARIOS.values()
                    ),
                )
            )
        return
    names = list(SCENARIOS) if scenario == [ALL] else list(dict.fromkeys(scenario))
    if unknown := [name for name in names if name not in SCENARIOS]:
        raise typer.BadParameter(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    if jobs is JobsKind.stub and (only_real := [name for name in names if not SCENARIOS[name].stubs]):
        if scenario != [ALL]:
            raise typer.BadParameter(f"stubs cannot show {', '.join(only_real)}: leave out --jobs stub")
        errors().print(f"without {', '.join(only_real)}: stubs cannot show them")
        names = [name for name in names if name not in only_real]
    if jobs is JobsKind.stub and yarn:
        raise typer.BadParameter("stubs have no Spark that could run on YARN: leave out --jobs stub or --yarn")
    kind = Jobs(jobs.value)
    found: dict[str, Ended] = {}

    def ended(each: "Ended") -> None:
        found[each.scenario] = each
        if not json:
            verdict = f"[red]{each.unmet}[/]" if each.unmet else "holds"
            errors().print(f"{each.scenario}  {each.took_s:.0f} s  {verdict}")
            for line in "\n".join(each.said).splitlines():
                print_message(errors(), f"  {line}")

    with TemporaryDirectory(prefix="pipeline-simulate-") as home, errors().status("starting") as status:
        divided.simulate(
            names,
            Path(home),
            jobs=kind,
            worlds=worlds or divided.that_fit(kind),
            follow=follow,
            yarn=yarn,
            progress=status.update,
            ended=ended,
        )
    in_order = [found[name] for name in names]
    if json:
        print_json([asdict(each) for each in in_order])
    else:
        rows = [(each.scenario, "no" if each.unmet else "yes", f"{each.took_s:.0f}", each.unmet) for each in in_order]
        console().print(table(("scenario", "holds", "s", "what does not"), rows, right=("s",)))
    if any(each.unmet for each in in_order):
        raise typer.Exit(1)
