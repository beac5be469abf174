"""The transient cluster as EMR's API has it: the request that makes one, its states, who it belongs to.

Does not own: when one is made or ended (lease), steps (steps).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Emr, Fleet, Settings

from pipeline_assets.emr.drivers import Drivers
from pipeline_assets.versions import python_version, release_label

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

NAME_PREFIX = "pipeline-assets "
INSTANCE_TAG = "pipeline:instance"  # whose cluster: nobody touches another Dagster instance's
LEASE_TAG = "pipeline:lease"
APPLICATIONS = ("Spark", "Iceberg")  # the preflight asks whether the release has them
MANAGED_TAG = "for-use-with-amazon-emr-managed-policies"  # AmazonEMRServicePolicy_v2 asks for it


class ClusterState(StrEnum):
    STARTING = "STARTING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"

    @property
    def takes_steps(self) -> bool:
        return self in TAKES_STEPS


TAKES_STEPS = (ClusterState.STARTING, ClusterState.BOOTSTRAPPING, ClusterState.RUNNING, ClusterState.WAITING)


# Reasons of a cluster that did not come up: for which another one may, and a wrong role, subnet or security group.
REFUSED = "VALIDATION_ERROR"
TRANSIENT = ("BOOTSTRAP_FAILURE", "INSTANCE_FAILURE", "INSTANCE_FLEET_TIMEOUT", "INTERNAL_ERROR")


@dataclass(frozen=True)
class Cluster:
    id: str
    state: ClusterState
    reason: str  # of the state, empty when EMR gives none
    tags: dict[str, str]
    created_at: datetime
    instance_hours: int  # normalised, as EMR counts them


def emr_settings(settings: Settings) -> Emr:
    if settings.emr is None:
        raise Misconfigured(
            "launcher emr needs a section [emr] in the settings. Start the local AWS: pipeline stack up --aws; "
            "or name yours: --settings"
        )
    return settings.emr


def require_reachable(settings: Settings, where: str) -> None:
    """What a step reads must be where the cluster reaches it. Raises Misconfigured naming every key that is not."""
    local = {
        "lake.warehouse": settings.lake.warehouse,
        "runs.uri": settings.runs.uri,
        **{f"connections.{name}.uri": each.uri for name, each in settings.files.items()},
    }
    wrong = [f"{key} = {value}" for key, value in local.items() if not value.startswith("s3://")]
    wrong += [f"{key} = {ref}" for key, ref in settings.secrets.items() if not ref.startswith("aws:")]
    if settings.lake.catalog != "glue":
        wrong.append(f"lake.catalog = {settings.lake.catalog}")
    if wrong:
        raise Misconfigured(
            f"settings {where}: launcher emr needs s3:// addresses, secrets as aws:NAME and catalog glue; "
            f"found {', '.join(wrong)}. Start the local AWS: pipeline stack up --aws"
        )


def client() -> "EMRClient":
    """Its own retries answer throttling with back-off and jitter."""
    import boto3
    from botocore.config import Config

    return boto3.client("emr", config=Config(retries={"mode": "standard", "max_attempts": 10}))


def describe(emr: "EMRClient", cluster_id: str) -> Cluster:
    found = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    status = found["Status"]
    change = status.get("StateChangeReason", {})
    return Cluster(
        id=cluster_id,
        state=ClusterState(status["State"]),
        reason=": ".join(str(change[part]) for part in ("Code", "Message") if change.get(part)),
        tags={tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
        created_at=status["Timeline"]["CreationDateTime"],
        instance_hours=found.get("NormalizedInstanceHours") or 0,
    )


def alive(emr: "EMRClient", *, instance_id: str) -> Iterator[Cluster]:
    """Clusters of this Dagster instance that take steps. ListClusters has no tags, so names narrow it down."""
    pages = emr.get_paginator("list_clusters").paginate(ClusterStates=[state.value for state in TAKES_STEPS])
    for found in (cluster for page in pages for cluster in page["Clusters"]):
        if found["Name"].startswith(NAME_PREFIX):
            cluster = describe(emr, found["Id"])
            if cluster.tags.get(INSTANCE_TAG) == instance_id:
                yield cluster


def request(settings: Emr, *, name: str, tags: dict[str, str], drivers: Drivers) -> dict[str, Any]:
    """Pure: RunJobFlow's arguments. Raises Misconfigured when its core nodes have no room for these drivers."""
    instances: dict[str, Any] = {
        "InstanceFleets": [
            _on_demand("MASTER", settings.primary),
            _on_demand("CORE", settings.core),
            *([_spot(settings.task, settings.spot_timeout_minutes)] if settings.task else []),
        ],
        "KeepJobFlowAliveWhenNoSteps": True,
        "TerminationProtected": False,
        "Ec2SubnetIds": list(settings.subnets),
        "EmrManagedMasterSecurityGroup": settings.primary_security_group,
        "EmrManagedSlaveSecurityGroup": settings.core_security_group,
        "ServiceAccessSecurityGroup": settings.service_security_group,
    }
    wanted = {
        "Name": NAME_PREFIX + name,
        "ReleaseLabel": release_label(),
        "Applications": [{"Name": each} for each in APPLICATIONS],
        "Configurations": configurations(settings, drivers),
        "LogUri": f"{settings.log_uri}/",
        "ServiceRole": settings.service_role,
        "JobFlowRole": settings.instance_profile,
        "SecurityConfiguration": settings.security_configuration,
        "StepConcurrencyLevel": settings.step_concurrency or drivers.at_once,
        "AutoTerminationPolicy": {"IdleTimeout": settings.idle_timeout_s},
        "Tags": [{"Key": key, "Value": value} for key, value in ({MANAGED_TAG: "true"} | settings.tags | tags).items()],
        "Instances": {name: value for name, value in instances.items() if value not in (None, [])},
    }
    return {name: value for name, value in wanted.items() if value is not None}


def configurations(settings: Emr, drivers: Drivers) -> list[dict[str, Any]]:
    """The cluster's own: Iceberg's jars, the Python that the release documents for PySpark, where drivers run."""
    python = f"/usr/bin/python{python_version()}"  # bare python3 is 3.9
    return [
        {"Classification": "iceberg-defaults", "Properties": {"iceberg.enabled": "true"}},
        {
            "Classification": "spark-defaults",
            "Properties": {
                "spark.pyspark.python": python,
                "spark.yarn.appMasterEnv.PYSPARK_PYTHON": python,
                "spark.executorEnv.PYSPARK_PYTHON": python,
            },
        },
        *drivers.configurations(settings),
    ]


def _on_demand(kind: str, fleet: Fleet) -> dict[str, Any]:
    return {
        "Name": kind.lower(),
        "InstanceFleetType": kind,
        "TargetOnDemandCapacity": fleet.capacity,
        "InstanceTypeConfigs": [{"InstanceType": each, "WeightedCapacity": 1} for each in fleet.instance_types],
        "LaunchSpecifications": {"OnDemandSpecification": {"AllocationStrategy": "lowest-price"}},
    }


def _spot(fleet: Fleet, timeout_minutes: int) -> dict[str, Any]:
    """On demand when there is no spot capacity in time: at 8:00 somebody waits."""
    return {
        "Name": "task",
        "InstanceFleetType": "TASK",
        "TargetSpotCapacity": fleet.capacity,
        "InstanceTypeConfigs": [{"InstanceType": each, "WeightedCapacity": 1} for each in fleet.instance_types],
        "LaunchSpecifications": {
            "SpotSpecification": {
                "AllocationStrategy": "price-capacity-optimized",
                "TimeoutDurationMinutes": timeout_minutes,
                "TimeoutAction": "SWITCH_TO_ON_DEMAND",
            }
        },
    }


@cache
def console(cluster_id: str) -> str:
    """Where a person looks at it."""
    region = client().meta.region_name
    return f"https://{region}.console.aws.amazon.com/emr/home?region={region}#/clusterDetails/{cluster_id}"
