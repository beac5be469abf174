"""What launcher emr ships: beside what production runs, each file once."""

from collections.abc import Callable
from pathlib import Path

from emr_jobs.core.settings import Emr, Settings

from pipeline_assets.emr import clusters
from pipeline_assets.shipping import package
from pipeline_assets.shipping.package import Package, Shipped


def shipped_settings(settings: Settings, settings_uri: str, emr: Emr) -> str:
    if settings_uri.startswith("s3://"):
        return settings_uri
    clusters.require_reachable(settings, settings_uri)
    return package.upload_text(Path(settings_uri).read_text(), emr.launched_uri, "settings-{}.toml")


def shipped_package(
    settings: Settings, *, log: Callable[[str], None], build: Callable[..., Package] | None = None
) -> Shipped:
    emr = clusters.emr_settings(settings)
    built = (build or package.build)(emr.arch, settings.domain, progress=lambda what: log(f"packaging: {what}"))
    shipped, new = package.upload(built, emr.launched_uri)
    for address in new:
        log(f"uploaded {address}")
    return shipped
