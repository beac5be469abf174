"""`pipeline synth`: production as files, generated from the asset graph."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_assets.cli.output import Json, console, print_json, table
from pipeline_assets.deployment import deployment
from pipeline_assets.home import ROOT, deployment_settings

DeploymentOption = Annotated[
    str | None, typer.Option("--settings", help="Of the deployment. Default: settings/production.toml.")
]
OUT = ROOT / "deployment"


def synth(
    out: Annotated[Path, typer.Option(help="Folder to write; emptied first.")] = OUT,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print the order of the jobs and why; write nothing.")
    ] = False,
    settings: DeploymentOption = None,
    json: Json = False,
) -> None:
    """Write the CloudFormation templates of the daily run. The same input gives the same bytes."""
    from pipeline_assets.production.generate.plan import explained
    from pipeline_assets.production.generate.synth import write

    made = deployment(deployment_settings(settings))
    if explain:
        print_json({"plan": explained(made.plan).splitlines()}) if json else console().print(explained(made.plan))
        return
    files = made.files()
    write(files, out)
    if json:
        print_json({"folder": str(out), "files": sorted(files)})
        return
    rows = [(name, len(content.encode())) for name, content in sorted(files.items())]
    console().print(table(("file", "bytes"), rows, right=("bytes",)))
    console().print(f"\nwritten to  {out}\ndeploy it   pipeline deploy")
