"""The emulated EMR behaves as EMR documents it, where the pipeline relies on it."""

import gzip
import stat
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws import Cloud
from tests.running import wait_for


def run_cluster(cloud: Cloud, **changes: Any) -> str:
    request = {
        "Name": "a test's",
        "Instances": {"KeepJobFlowAliveWhenNoSteps": True},
        "StepConcurrencyLevel": 2,
        "LogUri": "s3://library-logs/emr/",
    }
    return str(cloud.emr.run_job_flow(**(request | changes))["JobFlowId"])


def add(cloud: Cloud, cluster_id: str, *arguments: str, on_failure: str = "CONTINUE") -> str:
    jar = {"Jar": "command-runner.jar", "Args": list(arguments)}
    step = {"Name": "step", "ActionOnFailure": on_failure, "HadoopJarStep": jar}
    (step_id,) = cloud.emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step])["StepIds"]
    return str(step_id)


def test_a_cluster_without_work_ends_after_its_idle_time_out(cloud: Cloud) -> None:
    cluster_id = run_cluster(cloud, AutoTerminationPolicy={"IdleTimeout": 1})
    wait_for(lambda: cloud.clusters()[cluster_id] == "TERMINATED")
    status = cloud.emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]
    assert status["StateChangeReason"] == {"Code": "AUTO_TERMINATION", "Message": "Cluster was idle"}


def test_a_step_that_is_not_emulated_fails_and_says_so(cloud: Cloud) -> None:
    cluster_id = run_cluster(cloud)
    add(cloud, cluster_id, "hive-script", "--run")
    wait_for(lambda: cloud.steps(cluster_id)[0]["Status"]["State"] == "FAILED")
    details = cloud.emr.describe_step(ClusterId=cluster_id, StepId=cloud.steps(cluster_id)[0]["Id"])["Step"]["Status"]
    assert details["FailureDetails"]["Message"] == "expected spark-submit, found ['hive-script']"


def test_what_a_step_writes_to_temporary_files_is_its_own_and_gone_with_it(cloud: Cloud) -> None:
    """Spark spills rows there."""
    bucket, text = (
        "library-artifacts",
        'import os; print(os.environ["SPARK_LOCAL_DIRS"], os.stat(os.environ["TMPDIR"]))',
    )
    cloud.s3.put_object(Bucket=bucket, Key="spills.py", Body=text)
    cluster_id = run_cluster(cloud)
    step_id = add(cloud, cluster_id, "spark-submit", f"s3://{bucket}/spills.py")
    wait_for(lambda: cloud.steps(cluster_id)[0]["Status"]["State"] == "COMPLETED")
    log = cloud.s3.get_object(Bucket="library-logs", Key=f"emr/{cluster_id}/steps/{step_id}/stderr.gz")["Body"].read()
    folder, _, mode = gzip.decompress(log).decode().partition(" ")
    assert f"st_mode={stat.S_IFDIR | 0o700}" in mode
    assert step_id in folder
    wait_for(lambda: not Path(folder).exists())


def test_a_cluster_that_ends_takes_no_step(cloud: Cloud) -> None:
    cluster_id = run_cluster(cloud)
    cloud.emr.terminate_job_flows(JobFlowIds=[cluster_id])
    with pytest.raises(ClientError, match="shutting down, terminated, or finished"):
        add(cloud, cluster_id, "spark-submit", "s3://a/b.py")


def test_steps_that_run_at_once_must_not_end_the_cluster_when_they_fail(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="ActionOnFailure must be CONTINUE"):
        add(cloud, run_cluster(cloud), "spark-submit", "s3://a/b.py", on_failure="TERMINATE_CLUSTER")


def test_a_cluster_that_there_is_not_is_an_error(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="'j-NONE' is not valid"):
        cloud.emr.describe_cluster(ClusterId="j-NONE")


def test_of_two_changes_of_a_table_from_one_version_the_second_is_refused(cloud: Cloud) -> None:
    from local_stack.aws.account import client

    glue = client("glue", str(cloud.settings.aws.endpoint))
    glue.create_database(DatabaseInput={"Name": "locks"})
    glue.create_table(DatabaseName="locks", TableInput={"Name": "t"})
    glue.update_table(DatabaseName="locks", TableInput={"Name": "t"}, VersionId="1")
    with pytest.raises(ClientError, match="ConcurrentModification"):
        glue.update_table(DatabaseName="locks", TableInput={"Name": "t"}, VersionId="1")
