"""A step's arguments are understood whole or refused."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from local_stack.aws.container import Node, NotEmulated, Submit, environment, understand
from local_stack.aws.local_spark import LocalSpark

LINE = (
    "spark-submit --deploy-mode cluster --name master --archives s3://a/code.zip#code,s3://a/deps.tar.gz#deps "
    "--driver-memory 1g --executor-cores 4 --conf spark.yarn.maxAppAttempts=1 "
    "--conf spark.yarn.appMasterEnv.PYTHONPATH=./code:./deps s3://a/master.py --partition 2026-11-21 --attempt 0"
)


def test_a_step_keeps_its_own_arguments_and_loses_the_size_of_its_cluster() -> None:
    assert understand(LINE.split()) == Submit(
        options=("--name", "master", "--driver-memory", "1g", "--conf", "spark.yarn.maxAppAttempts=1"),
        environment={"PYTHONPATH": "./code:./deps"},
        archives=(("s3://a/code.zip", "code"), ("s3://a/deps.tar.gz", "deps")),
        py_files=(),
        script="s3://a/master.py",
        arguments=("--partition", "2026-11-21", "--attempt", "0"),
    )


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("hive-script --run", "expected spark-submit, found ['hive-script']"),
        ("spark-submit --packages a:b:1 s3://a/master.py", "option --packages of spark-submit"),
        ("spark-submit --deploy-mode cluster", "spark-submit without a script"),
    ],
)
def test_what_is_not_known_is_refused_by_name(line: str, refused: str) -> None:
    with pytest.raises(NotEmulated) as error:
        understand(line.split())
    assert str(error.value) == refused


def test_a_container_has_nothing_of_the_person_who_started_the_local_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a job finds here by accident, a region above all, it would miss on EMR."""
    own = {
        "AWS_REGION": "eu-west-1",
        "AWS_PROFILE": "mine",
        "HOME": "/home/me",
        "LANG": "de_DE.UTF-8",
        "TOKEN": "s3cr3t",
    }
    for name, value in {**own, "JAVA_HOME": "/java", "PATH": "/home/me/.venv/bin:/usr/bin"}.items():
        monkeypatch.setenv(name, value)
    node = Node(tmp_path, fetch=lambda _address, _file: None)
    assert environment(understand(LINE.split()), node, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}) == {
        "PATH": os.defpath,
        "JAVA_HOME": "/java",
        "HOME": "/home/",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "PYSPARK_PYTHON": f"{tmp_path}/python/bin/python3.11",
        "PYTHONPATH": f"./code:./deps:{tmp_path}/python/packages",
    }


def test_steps_that_start_at_once_find_all_of_their_node(tmp_path: Path) -> None:
    """Each makes what they share when it is not there; none reads what another is about to write."""
    steps = 8

    def start(runner: LocalSpark, together: Barrier) -> tuple[int, int, int]:
        together.wait()
        defaults = Path(runner._own_environment()["SPARK_CONF_DIR"]) / "spark-defaults.conf"
        configured = len(defaults.read_text())
        run = runner.node.python()
        assert os.access(run, os.X_OK)
        return configured, len(run.read_text()), len(list(runner.node.python_packages().iterdir()))

    with ThreadPoolExecutor(steps) as threads:
        for number in range(30):
            runner = LocalSpark(Node(tmp_path / str(number), fetch=lambda _address, _file: None), {})
            found = list(threads.map(start, [runner] * steps, [Barrier(steps)] * steps))
            assert len(set(found)) == 1
            assert min(found[0]) > 1, found
