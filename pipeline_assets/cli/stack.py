"""`pipeline stack`: the services on this machine, up, down, status, and sample inputs for them."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_assets.cli.output import Json, console, errors, print_json, print_message, table
from pipeline_assets.home import home

if TYPE_CHECKING:
    from local_stack.stack import Addresses, Sample

app = typer.Typer(help="OpenSearch and the sources on this machine.", no_args_is_help=True)

PartitionOption = Annotated[
    str | None, typer.Option("--partition", help="The day, YYYY-MM-DD. Default: the latest complete one.")
]


@app.command()
def up(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of inputs to serve. Default: a sample of the latest complete partition.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    aws: Annotated[
        bool, typer.Option("--aws", help="Lake, files, secrets and EMR on a local AWS, for --launcher emr.")
    ] = False,
    yarn: Annotated[
        bool, typer.Option("--yarn", help="With --aws: steps run on a real YARN, at twice the CPU.")
    ] = False,
    json: Json = False,
) -> None:
    """Start the services in the background; returns when all of them answer."""
    from local_stack import stack
    from local_stack.sample import ROWS, lacking, local_domain

    partition = local_domain().calendar.latest_complete(datetime.now(UTC))
    folder = data.resolve() if data else home() / "data"
    missing = data is None and bool(lacking(folder, partition))
    addresses = start(folder, stack.Sample(str(partition), ROWS) if missing else None, aws=aws or yarn, yarn=yarn)
    if json:
        print_json({**asdict(addresses), "partition": None if data else str(partition)})
        return
    _show(addresses)
    if data is None:
        console().print(f"\nsample partition  {partition}\nrun it            pipeline run --partition {partition}")


def start(folder: Path, sample: "Sample | None", *, aws: bool = False, yarn: bool = False) -> "Addresses":
    """Bring the stack up with progress; a stack that does not come up ends the command."""
    from local_stack import stack
    from local_stack.system_packages import PROGRAMS, Missing, require, this_system

    with errors().status("starting the stack") as status:
        try:
            require(PROGRAMS["java"], this_system())
            return stack.up(
                home(),
                folder,
                sample=sample,
                aws=aws,
                yarn=yarn,
                progress=lambda name: status.update(f"starting the stack: {name}"),
            )
        except (stack.StackError, Missing) as error:
            errors().print("[bold red]stack[/]: ", end="")
            print_message(errors(), error)
            raise typer.Exit(1) from None


def _show(addresses: "Addresses") -> None:
    unseen = ("connections", "control")
    rows = [(name, value) for name, value in asdict(addresses).items() if name not in unseen and value is not None]
    rows[2:2] = addresses.connections.items()  # behind settings and data
    console().print(table(("service", "address"), rows))


@app.command()
def down() -> None:
    """Stop the services; nothing of the stack runs afterwards."""
    from local_stack import stack

    stopped = stack.down(home())
    console().print("stopped" if stopped else "no stack was running")


@app.command()
def status(json: Json = False) -> None:
    """Where the services are. Exit code 3 when no stack runs."""
    from local_stack import stack

    addresses = stack.status(home())
    if addresses is None:
        if json:
            print_json({"running": False})
        else:
            console().print("no stack is running. Start it: pipeline stack up")
        raise typer.Exit(3)
    if json:
        print_json({"running": True, **asdict(addresses)})
    else:
        _show(addresses)


@app.command()
def load(json: Json = False) -> None:
    """Serve what the data folder of the running stack holds now: files that changed, days that came."""
    addresses = _loaded(home())
    if json:
        print_json(asdict(addresses))
    else:
        console().print(f"serving {addresses.data} as it is now")


def _loaded(folder: Path) -> "Addresses":
    """Of the stack of this home; one that does not run, or what it cannot serve, ends the command."""
    from local_stack import stack

    try:
        with errors().status("loading"):
            return stack.load(folder)
    except stack.StackError as error:
        errors().print("[bold red]stack[/]: ", end="")
        print_message(errors(), error)
        raise typer.Exit(1) from None


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where to write the inputs; other partitions in it stay.")],
    partition: PartitionOption = None,
    rows: Annotated[int, typer.Option(min=1, help="Good records of the day.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed and arguments give the same rows.")] = 7,
    json: Json = False,
) -> None:
    """Write seeded sample inputs with known defects; truth.json says how many of each."""
    from local_stack import stack
    from local_stack.sample import generate, local_domain

    calendar = local_domain().calendar
    day = calendar.partition(partition) if partition else calendar.latest_complete(datetime.now(UTC))
    with errors().status("writing the sample"):
        truth = generate(folder, partition=day, rows=rows, seed=seed)
    running = stack.status(home())
    served = running is not None and Path(running.data) == folder.resolve()
    if served:
        _loaded(home())
    if json:
        print_json(truth)
        return
    planted = truth["planted"]
    console().print(table(("planted", "count"), planted.items(), right=("count",)))
    if served:
        console().print("\nserved    by the stack that runs")
    else:
        stopped = "pipeline stack down && " if running else ""
        console().print(f"\nserve it  {stopped}pipeline stack up --data {folder}")
    console().print(f"run it    pipeline run --partition {day}")
