"""`pipeline docs`: the docs as a static site, every dataset's page among them."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_assets.cli.output import Json, SettingsOption, console, errors, print_json, print_message
from pipeline_assets.home import load_settings

app = typer.Typer(help="The docs as a site.", no_args_is_help=True)


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Folder of the site; one that is there is replaced.")] = Path("site"),
    sample: Annotated[
        bool, typer.Option("--sample", help="With a few rows of each table's latest day; no classified columns.")
    ] = False,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Make the site: README, docs, a page a dataset. It needs no server and fetches nothing."""
    from pipeline_assets.site.build import build as made

    values = load_settings(settings)
    with errors().status("making the site"):
        number = made(values, out.resolve(), sample=sample)
    if json:
        print_json({"pages": number, "folder": str(out.resolve())})
    else:
        print_message(console(), f"{number} pages. Open {out.resolve() / 'index.html'}")
