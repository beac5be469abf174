"""The whole graph as steps of one emulated EMR cluster, against the production code path: Glue, S3, Secrets Manager."""

import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from local_stack.aws.account import client
from pipeline_assets.home import aws_environment
from pipeline_assets.sensors.clusters import end_forgotten
from tests.end_to_end.conftest import published_by_emr
from tests.end_to_end.test_against_the_oracle import compare
from tests.running import Day, pipeline_process, table_rows, typed, wait_for

GOLDEN = Path(__file__).with_name("golden")
EXTRACTIONS = ("extract_orders", "extract_customers", "extract_shipments")


@pytest.fixture(scope="module")
def aws_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with published_by_emr(tmp_path_factory.mktemp("aws"), yarn=False) as day:
        yield day


def test_rows_and_documents_are_those_of_the_oracle(aws_day: Day) -> None:
    wanted = compare(aws_day)
    assert len(wanted["final.order_facts"]) == aws_day.truth["orders"]


def test_one_cluster_is_made_and_ended_and_the_extractions_overlap(aws_day: Day) -> None:
    (cluster,) = clusters(aws_day)
    wait_for(lambda: states(aws_day)[cluster["Id"]] == "TERMINATED")
    times = {
        step["Name"].split()[0]: step["Status"]["Timeline"]
        for step in emr(aws_day).list_steps(ClusterId=cluster["Id"])["Steps"]
    }
    assert set(times) == {*EXTRACTIONS, "master"}
    for one, other in combinations(EXTRACTIONS, 2):
        assert times[one]["StartDateTime"] < times[other]["EndDateTime"]
        assert times[other]["StartDateTime"] < times[one]["EndDateTime"]
    assert all(times["master"]["StartDateTime"] > times[each]["EndDateTime"] for each in EXTRACTIONS)


@pytest.mark.parametrize("job", [*EXTRACTIONS, "master"])
def test_the_command_line_is_the_one_for_emr_and_holds_no_secret(aws_day: Day, job: str) -> None:
    (cluster,) = clusters(aws_day)
    steps = emr(aws_day).list_steps(ClusterId=cluster["Id"])["Steps"]
    (step,) = [step for step in steps if step["Name"] == f"{job} {aws_day.partition}"]
    config = step["Config"]
    assert (config["Jar"], step["ActionOnFailure"]) == ("command-runner.jar", "CONTINUE")
    assert "".join(f"{each}\n" for each in masked(config["Args"])) == (GOLDEN / f"{job}.txt").read_text()
    secrets = client("secretsmanager", str(aws_day.settings.aws.endpoint))
    for name in ("pipeline/snowflake-key", "pipeline/shipments-token"):
        value = secrets.get_secret_value(SecretId=name)["SecretString"]
        assert value not in " ".join(config["Args"])


def test_every_verb_works_against_this_profile(aws_day: Day) -> None:
    count = "SELECT count(*) AS n FROM final.order_facts"
    found = typed("query", count, "--json", home=aws_day.home)
    assert found.code == 0, found.err
    assert found.json == [{"n": len(table_rows(aws_day.settings, aws_day.partition)["final.order_facts"])}]
    for verb in (("search", "find", "lamp"), ("lake", "apply"), ("lake", "maintain"), ("stack", "status")):
        ended = typed(*verb, home=aws_day.home)
        assert ended.code == 0, ended.err


class TestInterrupted:
    """A run that does not end by itself. Each leaves no step running and, in the end, no cluster."""

    def test_cancelling_a_run_ends_its_steps_and_its_cluster(self, aws_day: Day) -> None:
        running, cluster_id = self.running_step(aws_day)
        running.send_signal(signal.SIGINT)
        assert running.wait() != 0
        wait_for(lambda: states(aws_day)[cluster_id] == "TERMINATED")
        (step,) = emr(aws_day).list_steps(ClusterId=cluster_id)["Steps"]
        assert step["Status"]["State"] == "CANCELLED"

    def test_the_cluster_of_a_killed_run_is_ended_by_the_sensor(
        self, aws_day: Day, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        running, cluster_id = self.running_step(aws_day)
        running.kill()
        running.wait()
        assert states(aws_day)[cluster_id] in ("RUNNING", "WAITING")
        for name, value in aws_environment(aws_day.settings.aws).items():
            monkeypatch.setenv(name, value)
        with dg.DagsterInstance.from_config(str(aws_day.home / "dagster")) as instance:
            now = datetime.now(UTC)
            assert end_forgotten(aws_day.settings, instance, now=now) == []
            assert end_forgotten(aws_day.settings, instance, now=now + timedelta(minutes=6)) == [cluster_id]
        wait_for(lambda: states(aws_day)[cluster_id] == "TERMINATED")

    @staticmethod
    def running_step(day: Day) -> tuple["subprocess.Popen[str]", str]:
        """`pipeline run` of one job, once its step runs, and the cluster."""
        before = states(day)
        run = ("run", "--partition", day.partition, "--launcher", "emr", "--select", "extract_orders")
        process = pipeline_process(*run, home=day.home)
        found: list[str] = []

        def runs() -> bool:
            found[:] = [
                id
                for id in set(states(day)) - set(before)
                for step in emr(day).list_steps(ClusterId=id)["Steps"]
                if step["Status"]["State"] == "RUNNING"
            ]
            return bool(found)

        wait_for(runs)
        return process, found[0]


def masked(arguments: list[str]) -> list[str]:
    """Hashes, run ids and what Dagster tells the job are new each time."""
    shown = list(arguments)
    for option in ("--run-id", "--dagster-pipes-context", "--dagster-pipes-messages"):
        shown[shown.index(option) + 1] = "..."
    return [re.sub(r"deps-\w+-HASH", "deps-ARCH-HASH", re.sub(r"-[0-9a-f]{16}\b", "-HASH", each)) for each in shown]


def emr(day: Day) -> Any:
    return client("emr", str(day.settings.aws.endpoint))


def clusters(day: Day) -> list[dict[str, Any]]:
    """Of the run that published the day."""
    found = emr(day).list_clusters()["Clusters"]
    return [min(found, key=lambda cluster: cluster["Status"]["Timeline"]["CreationDateTime"])]


def states(day: Day) -> dict[str, str]:
    return {found["Id"]: found["Status"]["State"] for found in emr(day).list_clusters()["Clusters"]}
