"""Where the drivers of a cluster run: on its core nodes, all of them at once. Pure.

A driver is its application's master on YARN, which gives masters a tenth of the memory unless told otherwise: on two
m7g.xlarge one driver, and the others wait on their jobs' time. Does not own: how large a driver is (the catalogue).
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from math import ceil
from typing import Any

from emr_jobs.catalog import Job
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Emr, Fleet
from emr_jobs.domain import Domain

CORE = "CORE"  # EMR's own label of core nodes

# yarn.nodemanager.resource.memory-mb, by the type's class and size: the lowest that EMR documents ("Task configuration"
# of its release guide) for c, m and r types of generation 5 and 6; of some, such as m5, it is up to 5 % more. Later
# generations are taken to have the same.
YARN_MB = {
    "c": {"xlarge": 5632, "2xlarge": 11712, "4xlarge": 23424, "8xlarge": 54272, "12xlarge": 85504, "16xlarge": 116736},
    "m": {
        "xlarge": 11712,
        "2xlarge": 23424,
        "4xlarge": 54272,
        "8xlarge": 116736,
        "12xlarge": 181248,
        "16xlarge": 241664,
    },
    "r": {
        "xlarge": 23424,
        "2xlarge": 54272,
        "4xlarge": 116736,
        "8xlarge": 241664,
        "12xlarge": 366592,
        "16xlarge": 491520,
    },
}
_TYPE = re.compile(r"([cmr])[5-9][abdegin]*\.(\d*xlarge)")
_SPARE = 1.1  # the figures are of other types


@dataclass(frozen=True)
class Drivers:
    at_once: int
    size_mb: int  # of the largest one

    @classmethod
    def of(cls, jobs: Iterable[Job], *, at_once: int) -> "Drivers":
        return cls(at_once, max(job.driver_mb for job in jobs))

    def configurations(self, settings: Emr) -> list[dict[str, Any]]:
        """Classifications of the cluster. Raises Misconfigured when its core nodes have no room for them."""
        self._require_room(settings.core)
        share = ceil(100 * _SPARE * self.at_once * self.size_mb / (settings.core.capacity * node_mb(settings.core)))
        scheduler = {"yarn.scheduler.capacity.maximum-am-resource-percent": f"{min(share, 100) / 100:.2f}"}
        if settings.task is None or not settings.node_labels:
            return [_classification("capacity-scheduler", scheduler)]
        # A label that no queue may use has no memory; EMR's own scheduler has these, and Hadoop's has not.
        queues = ("root", "root.default")
        scheduler |= {f"yarn.scheduler.capacity.{queue}.accessible-node-labels": "*" for queue in queues}
        scheduler |= {
            f"yarn.scheduler.capacity.{queue}.accessible-node-labels.{CORE}.capacity": "100" for queue in queues
        }
        labels = {
            "yarn.node-labels.enabled": "true",
            "yarn.node-labels.am.default-node-label-expression": CORE,  # as EMR documents it
            "yarn.resourcemanager.node-labels.am.default-node-label-expression": CORE,  # Hadoop's own name
        }
        return [_classification("capacity-scheduler", scheduler), _classification("yarn-site", labels)]

    def _require_room(self, core: Fleet) -> None:
        types, each_mb = ", ".join(core.instance_types), node_mb(core)
        fit = core.capacity * (each_mb // self.size_mb)
        if fit < self.at_once:
            raise Misconfigured(
                f"settings: emr.core, {core.capacity} of {types} with {each_mb} MB for YARN each, has room for {fit} "
                f"drivers of {self.size_mb} MB, and {self.at_once} run at once. Set emr.core to more or larger "
                "instances, or driver_memory_mb and driver_overhead_mb of the jobs to less"
            )


def at_once(domain: Domain) -> int:
    """How many jobs of a day may run at once."""
    return widest({job.name: {domain.job_of(each).name for each in domain.inputs_of(job)} for job in domain.jobs})


def widest(waits_for: Mapping[str, Collection[str]]) -> int:
    """The most of which none waits for another, by what each waits for.

    As many as there are, less the most pairs of one that waits and one that is waited for, with each at most once on
    either side (Dilworth, König).
    """
    earlier: dict[str, set[str]] = {}
    for name in TopologicalSorter(waits_for).static_order():
        earlier[name] = set(waits_for[name]).union(*(earlier[each] for each in waits_for[name]))
    waiting: dict[str, str] = {}  # by whom it waits for

    def paired(name: str, tried: set[str]) -> bool:
        for each in earlier[name] - tried:
            tried.add(each)
            if each not in waiting or paired(waiting[each], tried):
                waiting[each] = name
                return True
        return False

    return len(earlier) - sum(paired(name, set()) for name in earlier)


def node_mb(fleet: Fleet) -> int:
    """Memory that YARN has on its smallest node. Raises Misconfigured for a type without a figure."""
    found = {each: _yarn_mb(each) for each in fleet.instance_types}
    if unknown := [each for each, size in found.items() if size is None]:
        raise Misconfigured(
            f"settings: no figure for YARN's memory on {', '.join(unknown)}. Take c, m or r types of "
            f"{', '.join(YARN_MB['m'])}, or add what EMR documents to pipeline_assets/emr/drivers.py"
        )
    return min(size for size in found.values() if size is not None)


def _yarn_mb(instance_type: str) -> int | None:
    known = _TYPE.fullmatch(instance_type)
    return YARN_MB[known[1]].get(known[2]) if known else None


def _classification(name: str, properties: dict[str, str]) -> dict[str, Any]:
    return {"Classification": name, "Properties": properties}
