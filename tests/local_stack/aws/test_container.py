"""A step's arguments are understood whole or refused."""

import pytest

from local_stack.aws.container import NotEmulated, Submit, understand

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
