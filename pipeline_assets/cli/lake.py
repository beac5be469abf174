"""`pipeline lake`: what is published: tables and indices brought up to the contracts, the tables kept in shape."""

import json as jsonlib
import subprocess

import typer

from pipeline_assets.cli.output import Json, SettingsOption, console, errors, print_json, print_message, table
from pipeline_assets.home import load_settings, settings_uri

app = typer.Typer(help="The tables of the lake.", no_args_is_help=True)


@app.command()
def apply(settings: SettingsOption = None, json: Json = False) -> None:
    """Create namespaces, tables and new columns from the contracts, also in published indices. Jobs only compare."""
    from pipeline_assets import lake, search

    values = load_settings(settings)
    done = [*lake.apply(values), *search.apply(values)]
    if json:
        print_json(dict(done))
    else:
        console().print(table(("dataset", "done"), done))


@app.command()
def maintain(settings: SettingsOption = None, json: Json = False) -> None:
    """Delete expired days and dead letters, expire snapshots, remove orphan files, compact; never what is young."""
    from pipeline_assets.launchers.command import local_environment, local_submit, scratch_folder

    uri = settings_uri(settings)
    with errors().status("maintaining the lake"), scratch_folder() as scratch:
        command = local_submit("emr_jobs/maintain.py", ["--settings", uri], load_settings(uri).spark, scratch)
        done = subprocess.run(command, env=local_environment(scratch), capture_output=True, text=True, check=False)
    if done.returncode:
        print_message(errors(), done.stderr[-3000:])
        raise typer.Exit(1)
    *rows, other = [jsonlib.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if json:
        print_json([*rows, other])
    else:
        console().print(table(list(rows[0]), [list(row.values()) for row in rows], right=list(rows[0])[1:]))
        console().print(f"\ndead letters deleted: {other['dead_letters']}")
