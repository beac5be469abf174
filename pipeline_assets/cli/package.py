"""`pipeline package`: what ships to EMR."""

from enum import StrEnum
from typing import Annotated

import typer

from pipeline_assets.cli.output import Json, SettingsOption, console, errors, print_json, table


class Arch(StrEnum):
    x86_64 = "x86_64"
    aarch64 = "aarch64"


def package(
    arch: Annotated[
        Arch | None, typer.Option(help="Of the cluster's machines. Default: emr.arch of the settings, else this one's.")
    ] = None,
    upload: Annotated[
        bool, typer.Option("--upload", help="For launcher emr, to launched/ under emr.artifacts_uri; once per content.")
    ] = False,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Build the code and dependency archives of the EMR jobs, named by their content."""
    from pipeline_assets.emr.clusters import emr_settings
    from pipeline_assets.home import load_settings
    from pipeline_assets.shipping import package as packages

    values = load_settings(settings)
    wanted = arch.value if arch else (values.emr.arch if values.emr else packages.host_arch())
    with errors().status("building") as status:
        built = packages.build(wanted, values.domain, progress=lambda what: status.update(f"building: {what}"))
        new: list[str] = []
        if upload:
            status.update("uploading")
            shipped, new = packages.upload(built, emr_settings(values).launched_uri)
    addresses = [shipped.code, shipped.dependencies] if upload else [str(file) for file in built.files]
    sizes = [file.stat().st_size for file in built.files]
    if json:
        print_json({"files": dict(zip(addresses, sizes, strict=True)), "uploaded": new})
        return
    rows = [(address, f"{size / 1e6:.1f} MB") for address, size in zip(addresses, sizes, strict=True)]
    console().print(table(("package", "size"), rows, right=("size",)))
    if upload:
        console().print(f"\nuploaded  {len(new)} of {len(rows)}; the others were there")
