"""What the local stack asks of a domain's sample data, `<package>.sample`."""

from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from emr_jobs import settings
from emr_jobs.domain import Domain, domain_of
from emr_jobs.partition import Partition
from pipeline_assets.home import LOCAL_SETTINGS


class Sample(Protocol):
    ORDERS: int  # of a day, when nobody says how many

    def generate(self, folder: Path, *, partition: Partition, orders: int = ..., seed: int = ...) -> dict[str, Any]:
        """Write the inputs of one partition, other partitions in the folder stay; returns what truth.json says."""

    def partitions_in(self, folder: Path) -> list[date]:
        """Those that a folder of inputs has, oldest first."""


@cache
def local_domain() -> Domain:
    """That the settings of a laptop name."""
    return domain_of(settings.load(str(LOCAL_SETTINGS)))


def sample() -> Sample:
    """Of the local domain."""
    return cast("Sample", import_module(f"{local_domain().package}.sample"))
