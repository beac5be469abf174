"""Calls that a job refuses before it starts Spark: what it says on its last line, and exit code 2."""

import os
import re
from pathlib import Path
from unittest import mock

import boto3
import pytest
import tomlkit
from botocore.exceptions import NoRegionError

from emr_jobs import job as frame
from emr_jobs.catalog import RUN_JOB
from emr_jobs.frame.job_run import JobRun
from tests.domains import LOCAL

DAY = "2026-11-21"


def starts(run: JobRun) -> None:
    pytest.fail("the job has begun")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The last line of a job that is called like this, with what is needed beside."""
    named = {"--partition": DAY, "--settings": str(LOCAL), "--run-id": "by-hand", "--attempt": "0"}
    given = [part for name, value in named.items() if name not in arguments for part in (name, value)]
    with pytest.raises(SystemExit) as ended:
        frame.main(frame.parser(RUN_JOB).parse_args(["extract_loans", *given, *arguments]), starts)
    assert ended.value.code == 2
    said = capsys.readouterr()
    return (said.out + said.err).strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("partition", "message"),
    [
        ("2999-01-01", r"partition 2999-01-01: the Berlin day has not ended; the latest complete one is 20.*"),
        ("2026-02-30", r"partition '2026-02-30': expected a Berlin calendar day as YYYY-MM-DD .*"),
        ("2025-02-28", r"partition 2025-02-28: the first one is 2025-03-01 \(start in domain.toml\)"),
    ],
)
def test_a_partition_that_cannot_be(capsys: pytest.CaptureFixture[str], partition: str, message: str) -> None:
    assert re.fullmatch(f"Misconfigured: {message}", refused(capsys, "--partition", partition))


def test_clients_of_aws_are_in_the_region_of_the_settings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """However the job was started: EMR puts none into a container, and Python's clients ask no instance for it."""
    path = tmp_path / "settings.toml"
    path.write_text(f'{LOCAL.read_text()}\n[aws]\nregion = "eu-west-1"\n')
    nowhere = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with mock.patch.dict(os.environ, {**nowhere, "HOME": str(tmp_path)}, clear=True):
        with pytest.raises(NoRegionError):
            boto3.Session("key", "secret").client("secretsmanager")
        refused(capsys, "--settings", str(path), "--partition", "2025-02-28")
        assert boto3.Session("key", "secret").client("secretsmanager").meta.region_name == "eu-west-1"


def test_every_wrong_settings_key_is_named_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    values = tomlkit.parse(LOCAL.read_text()).unwrap()
    values["search"]["retires"] = 3
    values["lake"]["catalog"] = "hive"
    path = tmp_path / "settings.toml"
    path.write_text(tomlkit.dumps(values))
    assert re.fullmatch(
        rf"Misconfigured: settings {path}: lake\.catalog: Input should be .*; search\.retires: unknown key",
        refused(capsys, "--settings", str(path)),
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--partitoin", "2026-01-01"), "unrecognized arguments: --partitoin 2026-01-01"),
        (("--part", "2026-01-01"), "unrecognized arguments: --part 2026-01-01"),
        (("--scheduled-time", "2026-11-22T05:30:00Z"), "argument --scheduled-time: not allowed .* --partition"),
        (("--run-id", "a/b"), "argument --run-id: letters, digits, - and _, at most 80"),
        (("--run-id", "a" * 81), "argument --run-id: letters, digits, - and _, at most 80"),
        (("--attempt", "first"), "argument --attempt: a whole number from 0"),
        (("--attempt", "-1"), "argument --attempt: a whole number from 0"),
        (("--allow-empty", "maybe"), r"argument --allow-empty: invalid choice: 'maybe' \(choose from .*\)"),
    ],
)
def test_an_argument_that_cannot_be(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert re.fullmatch(rf"emr_jobs/run_job\.py: error: {message}", refused(capsys, *arguments))


def test_a_call_without_a_day_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        frame.parser(RUN_JOB).parse_args(["catalogue", "--settings", "x", "--run-id", "by-hand", "--attempt", "0"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(
        "emr_jobs/run_job.py: error: one of the arguments --partition --scheduled-time is required\n"
    )
