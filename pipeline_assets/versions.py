"""Versions of the cluster and of the image's base, as versions.toml has them."""

import re
import tomllib
from functools import cache
from typing import Any

from emr_jobs.core.errors import Misconfigured

from pipeline_assets.home import ROOT

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def python_version() -> str:
    """`3.11`."""
    return _cluster()["python"]


def release_label() -> str:
    return _cluster()["release_label"]


def image_base() -> str:
    """What the code location's image stands on: name, tag, and the digest once somebody has looked it up."""
    image = _versions()["image"]
    return f"{image['base']}@{image['digest']}" if image["digest"] else str(image["base"])


def refuse_unpinned_base() -> None:
    """Raises Misconfigured while the base is whatever its registry hands out under the tag."""
    image = _versions()["image"]
    if not _DIGEST.fullmatch(image["digest"]):
        raise Misconfigured(
            f"versions.toml: expected the digest of {image['base']} (sha256:…) in image.digest, found "
            f"{image['digest'] or 'none'}. Look it up, write it there and behind BASE in the Dockerfile: "
            f"docker buildx imagetools inspect {image['base']} --format '{{{{.Manifest.Digest}}}}'"
        )


def _cluster() -> dict[str, str]:
    return dict(_versions()["cluster"])


@cache
def _versions() -> dict[str, Any]:
    return tomllib.loads((ROOT / "versions.toml").read_text())
