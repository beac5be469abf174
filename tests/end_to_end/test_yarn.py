"""The steps of launcher emr on a real YARN: the same results, clean containers, nothing left behind."""

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from local_stack import stack
from local_stack.aws.account import client
from tests.running import Day, documents, pipeline, pipeline_process, table_rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def yarn_day(published_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """The deliveries of the published day on a local AWS with YARN, published by launcher emr."""
    home = tmp_path_factory.mktemp("yarn")
    addresses = stack.up(home, published_day.data, aws=True, yarn=True)
    try:
        ended = pipeline("run", "--partition", published_day.partition, "--launcher", "emr", home=home)
        assert ended.code == 0, ended.output
        yield Day(home, published_day.data, addresses.settings, published_day.partition, said=ended.output)
    finally:
        stack.down(home)
        assert containers() == [], "a stopped stack leaves no container"


def test_rows_and_documents_are_those_of_the_local_launcher(yarn_day: Day, published_day: Day) -> None:
    for dataset, rows in table_rows(published_day.settings, published_day.partition).items():
        assert sorted(map(repr, table_rows(yarn_day.settings, yarn_day.partition)[dataset])) == sorted(map(repr, rows))
    ours, theirs = (documents(day.settings, day.partition) for day in (yarn_day, published_day))
    assert sorted(map(repr, ours)) == sorted(map(repr, theirs))


def test_cancelling_a_run_ends_its_application(yarn_day: Day) -> None:
    run = ("run", "--partition", yarn_day.partition, "--launcher", "emr", "--select", "extract_customers")
    running = pipeline_process(*run, home=yarn_day.home)
    wait_for(lambda: any("extract_customers.py" in container for container in containers()))
    running.send_signal(signal.SIGINT)
    assert running.wait() != 0
    wait_for(lambda: containers() == [])
    emr = client("emr", str(yarn_day.settings.aws.endpoint))
    wait_for(lambda: {each["Status"]["State"] for each in emr.list_clusters()["Clusters"]} == {"TERMINATED"})


def containers() -> list[str]:
    """The command lines of drivers and executors on YARN."""
    lines = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if "java" in line and ("yarn.ApplicationMaster" in line or "YarnCoarseGrainedExecutorBackend" in line):
            lines.append(line)
    return lines


def wait_for(condition: Callable[[], Any]) -> None:
    while not condition():
        time.sleep(0.2)
