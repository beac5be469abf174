"""What is asked of EMR, and what is refused before anything is asked."""

import pytest

from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import Misconfigured
from pipeline_assets.emr import clusters
from pipeline_assets.emr.clusters import require_reachable
from pipeline_assets.emr.drivers import Drivers
from tests.domains import LOCAL, PRODUCTION


def test_the_cluster_is_the_one_of_the_settings() -> None:
    emr = clusters.emr_settings(settings_module.load(str(PRODUCTION)))
    python = "/usr/bin/python3.11"
    drivers = Drivers(at_once=3, size_mb=3072)
    assert clusters.request(emr, name="key 1", tags={"pipeline:lease": "key"}, drivers=drivers) == {
        "Name": "pipeline-assets key 1",
        "ReleaseLabel": "emr-spark-8.1.0",
        "Applications": [{"Name": "Spark"}, {"Name": "Iceberg"}],
        "Configurations": [
            {"Classification": "iceberg-defaults", "Properties": {"iceberg.enabled": "true"}},
            {
                "Classification": "spark-defaults",
                "Properties": {
                    "spark.pyspark.python": python,
                    "spark.yarn.appMasterEnv.PYSPARK_PYTHON": python,
                    "spark.executorEnv.PYSPARK_PYTHON": python,
                },
            },
            *drivers.configurations(emr),
        ],
        "LogUri": "s3://${RunsBucket}/emr/",
        "ServiceRole": "${EmrServiceRole}",
        "JobFlowRole": "${EmrInstanceProfile}",
        "SecurityConfiguration": "${SecurityConfiguration}",
        "StepConcurrencyLevel": 3,
        "AutoTerminationPolicy": {"IdleTimeout": 900},
        "Tags": [
            {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"},
            {"Key": "pipeline:lease", "Value": "key"},
        ],
        "Instances": {
            "InstanceFleets": [
                {
                    "Name": "master",
                    "InstanceFleetType": "MASTER",
                    "TargetOnDemandCapacity": 1,
                    "InstanceTypeConfigs": types("m7g.xlarge", "m6g.xlarge"),
                    "LaunchSpecifications": {"OnDemandSpecification": {"AllocationStrategy": "lowest-price"}},
                },
                {
                    "Name": "core",
                    "InstanceFleetType": "CORE",
                    "TargetOnDemandCapacity": 2,
                    "InstanceTypeConfigs": types("m7g.xlarge", "m6g.xlarge"),
                    "LaunchSpecifications": {"OnDemandSpecification": {"AllocationStrategy": "lowest-price"}},
                },
                {
                    "Name": "task",
                    "InstanceFleetType": "TASK",
                    "TargetSpotCapacity": 2,
                    "InstanceTypeConfigs": types("m7g.2xlarge", "m6g.2xlarge", "r7g.2xlarge"),
                    "LaunchSpecifications": {
                        "SpotSpecification": {
                            "AllocationStrategy": "price-capacity-optimized",
                            "TimeoutDurationMinutes": 10,
                            "TimeoutAction": "SWITCH_TO_ON_DEMAND",
                        }
                    },
                },
            ],
            "KeepJobFlowAliveWhenNoSteps": True,
            "TerminationProtected": False,
            "Ec2SubnetIds": ["${Subnets}"],
            "EmrManagedMasterSecurityGroup": "${PrimarySecurityGroup}",
            "EmrManagedSlaveSecurityGroup": "${CoreSecurityGroup}",
            "ServiceAccessSecurityGroup": "${ServiceSecurityGroup}",
        },
    }


def types(*names: str) -> list[dict[str, object]]:
    return [{"InstanceType": name, "WeightedCapacity": 1} for name in names]


LAPTOP = settings_module.load(str(LOCAL))


def test_settings_that_a_cluster_cannot_reach_are_refused_all_at_once() -> None:
    with pytest.raises(Misconfigured) as refused:
        require_reachable(LAPTOP, "local.toml")
    said = str(refused.value)
    for key in (
        "lake.warehouse",
        "runs.uri",
        "connections.desk.uri",
        "connections.office.private_key",
        "connections.club.auth.key",
        "lake.catalog = jdbc",
    ):
        assert key in said


def test_launcher_emr_without_its_settings_says_what_to_do() -> None:
    with pytest.raises(Misconfigured, match="pipeline stack up --aws"):
        clusters.emr_settings(LAPTOP)
