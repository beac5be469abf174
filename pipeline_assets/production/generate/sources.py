"""Where in S3 others deliver what the jobs read: buckets from the settings' connections. Pure.

Does not own: the statements and parameters made of them (main, dagster_policy).
"""

import re
from collections.abc import Collection

from emr_jobs.core.settings import Settings


def delivered(settings: Settings) -> list[str]:
    """Buckets by name; `${NAME}` is a parameter of the main stack."""
    return sorted({each.bucket for each in settings.files.values() if each.bucket is not None})


def parameters(settings: Settings, *, known: Collection[str]) -> dict[str, str]:
    """Those buckets that the settings leave to the deployment, with the connections that name them."""
    named: dict[str, list[str]] = {}
    for name, each in settings.files.items():
        for parameter in re.findall(r"\$\{(\w+)\}", each.bucket or ""):
            if parameter not in known:
                named.setdefault(parameter, []).append(name)
    return {parameter: ", ".join(names) for parameter, names in named.items()}
