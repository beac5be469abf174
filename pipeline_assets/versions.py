"""The cluster's versions, as versions.toml has them."""

import tomllib
from functools import cache

from pipeline_assets.home import ROOT


def python_version() -> str:
    """`3.11`."""
    return _cluster()["python"]


def release_label() -> str:
    return _cluster()["release_label"]


@cache
def _cluster() -> dict[str, str]:
    return dict(tomllib.loads((ROOT / "versions.toml").read_text())["cluster"])
