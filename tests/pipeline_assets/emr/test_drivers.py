"""Room for the drivers on the core nodes, from figures alone."""

from dataclasses import replace

import pytest

from emr_jobs.catalog import MAINTAIN
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Emr, Fleet
from pipeline_assets.emr.drivers import Drivers, at_once, node_mb, widest
from pipeline_assets.home import deployment_settings
from tests.domains import LIBRARY

DRIVERS = Drivers(at_once=3, size_mb=3072)


def make_emr(**changes: object) -> Emr:
    emr = deployment_settings().emr
    assert emr is not None
    return emr.model_copy(update=changes)


def test_three_drivers_get_their_share_of_the_core_nodes_and_stay_on_them() -> None:
    queue = "yarn.scheduler.capacity.root"
    assert DRIVERS.configurations(make_emr()) == [
        {
            "Classification": "capacity-scheduler",
            "Properties": {
                # A tenth more than 3 x 3072 of 2 x 11712.
                "yarn.scheduler.capacity.maximum-am-resource-percent": "0.44",
                f"{queue}.accessible-node-labels": "*",
                f"{queue}.default.accessible-node-labels": "*",
                f"{queue}.accessible-node-labels.CORE.capacity": "100",
                f"{queue}.default.accessible-node-labels.CORE.capacity": "100",
            },
        },
        {
            "Classification": "yarn-site",
            "Properties": {
                "yarn.node-labels.enabled": "true",
                "yarn.node-labels.am.default-node-label-expression": "CORE",
                "yarn.resourcemanager.node-labels.am.default-node-label-expression": "CORE",
            },
        },
    ]


@pytest.mark.parametrize("changes", [{"task": None}, {"node_labels": False}])
def test_without_task_nodes_or_where_labels_are_off_only_the_share_is_set(changes: dict[str, object]) -> None:
    (only,) = DRIVERS.configurations(make_emr(**changes))
    assert only["Properties"] == {"yarn.scheduler.capacity.maximum-am-resource-percent": "0.44"}


def test_the_share_is_never_more_than_all() -> None:
    (only,) = Drivers(at_once=6, size_mb=3600).configurations(make_emr(task=None))
    assert only["Properties"] == {"yarn.scheduler.capacity.maximum-am-resource-percent": "1.00"}


def test_the_largest_driver_counts() -> None:
    large = replace(LIBRARY.job("catalogue"), driver_memory_mb=5000, driver_overhead_mb=120)
    assert Drivers.of((*LIBRARY.jobs, large, MAINTAIN), at_once=2) == Drivers(2, 5120)


def test_drivers_without_room_are_refused() -> None:
    """Each node has room for one, with 2,560 MB over: together they would be a third one's."""
    with pytest.raises(Misconfigured) as refused:
        DRIVERS.configurations(make_emr(core=Fleet(instance_types=("c7g.xlarge",), capacity=2)))
    assert str(refused.value) == (
        "settings: emr.core, 2 of c7g.xlarge with 5632 MB for YARN each, has room for 2 drivers of 3072 MB, and 3 run "
        "at once. Set emr.core to more or larger instances, or driver_memory_mb and driver_overhead_mb of "
        "the jobs to less"
    )


def test_the_smallest_type_of_a_fleet_counts() -> None:
    assert node_mb(Fleet(instance_types=("r7g.2xlarge", "m6g.xlarge", "m5d.4xlarge"))) == 11712


def test_types_without_a_figure_are_refused_by_name() -> None:
    with pytest.raises(Misconfigured, match=r"no figure for YARN's memory on i4i\.xlarge, m7g\.large\. Take c, m or r"):
        node_mb(Fleet(instance_types=("m7g.xlarge", "i4i.xlarge", "m7g.large")))


def test_as_many_run_at_once_as_wait_for_nothing_more() -> None:
    """Three extractions, then one job that reads what they publish."""
    assert at_once(LIBRARY) == 3


@pytest.mark.parametrize(
    ("waits_for", "most"),
    [
        ({"a": []}, 1),
        ({"a": [], "b": "a", "c": "b"}, 1),
        ({"a": [], "b": [], "c": "ab"}, 2),
        ({"a": [], "b": "a", "c": "a", "d": "a", "e": "bcd"}, 3),
        ({"a": [], "b": [], "c": "a", "d": "a", "e": "bcd"}, 3),
        ({"a": [], "b": "a", "c": [], "d": "bc"}, 2),
    ],
    ids=["one", "a chain", "a join", "a fan", "b beside what waits for a", "a chain beside one"],
)
def test_what_waits_for_nothing_of_the_others_runs_beside_them(waits_for: dict[str, str], most: int) -> None:
    assert widest(waits_for) == most
