"""Our own code: what ships to a cluster, and the version of it that everything a job publishes carries."""

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = ("*.py", "*.sql", "*.yaml", "domain.toml")


def code_files(package: str | None, root: Path = ROOT) -> list[Path]:
    """Of emr_jobs and the domain's package, sorted."""
    folders = ["emr_jobs", *([package.replace(".", "/")] if package else [])]
    return sorted(path for each in folders for kind in FILES for path in root.glob(f"{each}/**/{kind}"))


@cache
def code_version(package: str | None) -> str:
    """Hash of the code, with the domain's when there is one: equal on a laptop and on the cluster."""
    digest = hashlib.sha256()
    for path in code_files(package):
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
