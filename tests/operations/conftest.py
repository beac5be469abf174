"""An account with a deployed production whose jobs have no Spark, and a small lake in which real jobs publish."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from unittest import mock
from uuid import uuid4

import boto3
import pytest
import tomlkit
from pyspark.sql import SparkSession

from local_stack import sample
from local_stack.aws import SUBNETS, VPC
from local_stack.aws.account import client
from local_stack.services import services
from local_stack.simulation import stubs
from pipeline_assets.home import aws_environment
from tests.aws import keys_of, running_cloud
from tests.deployed import OFTEN, needed, profile_at
from tests.domains import LIBRARY
from tests.end_to_end.conftest import Loan, deliver, delivered_loans
from tests.operations.page import Operator
from tests.running import Day, Ended, InProcess, Typed, readers_see, typed, wait_for

PARTITION = "2026-11-20"
FAILS, HANGS, EMPTY = "2026-09-01", "2026-09-02", "2026-09-03"
BEHAVIOURS = {
    **{f"{day} extract_loans {attempt}": "is delivered nothing" for day in (FAILS, EMPTY) for attempt in (0, 1)},
    f"{HANGS} extract_loans 0": "hangs",
}


@dataclass(frozen=True)
class OnCall(Operator):
    """The operator of a deployment."""

    @property
    def url(self) -> str:
        return self.environment["AWS_ENDPOINT_URL"]

    def client(self, service: str) -> Any:
        return client(service, self.url)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Of both stacks."""
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for stack in stacks for each in stack.get("Outputs", [])}

    def shown(self, execution: str) -> Any:
        return self.types("pipeline show X --json", {"X": execution}).json

    def ended(self, execution: str) -> Any:
        """What `show` says of it then."""
        states = self.client("stepfunctions")
        arn = f"{self.outputs['DailyMachine'].replace(':stateMachine:', ':execution:')}:{execution}"
        wait_for(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING")
        return self.shown(execution)

    def ran(self, started: Typed) -> Any:
        """The execution that was started, when it has ended, as `show` has it."""
        assert started.code == 0, started.err
        return self.ended(started.out.split()[1])

    def day(self, partition: str) -> dict[str, str]:
        """What the guard has of it."""
        found = self.client("dynamodb").get_item(TableName=self.outputs["GuardTable"], Key=self.day_key(partition))
        return {name: str(value.get("S")) for name, value in found.get("Item", {}).items()}

    def day_key(self, partition: str) -> dict[str, Any]:
        return {"pk": {"S": f"day#{LIBRARY.calendar.partition(partition).as_of.date()}"}}


@pytest.fixture(scope="package")
def on_call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnCall]:
    """Of a deployment made by the page's own command."""
    home = tmp_path_factory.mktemp("account")
    with running_cloud(home) as cloud:
        profile = profile_at(str(cloud.settings.aws.endpoint))
        profile["emr"] |= OFTEN
        profile["production"]["maintain"] = False
        settings = home / "deployment.toml"
        settings.write_text(tomlkit.dumps(profile))
        on_call = OnCall(home, str(settings), aws_environment(cloud.settings.aws), given=True)
        rest = {name: value for name, value in needed().items() if name not in ("Vpc", "Subnets")}
        more = "".join(f" --parameter {name}={value}" for name, value in rest.items())
        said = on_call.types(
            "pipeline deploy --parameter Vpc=vpc-… --parameter Subnets=subnet-…,subnet-… …",
            {"vpc-…": VPC, "subnet-…,subnet-… …": ",".join(SUBNETS)},
            more=f"{more} --yes",
        )
        assert said.code == 0, said.err
        main = on_call.client("cloudformation").describe_stacks(StackName="library")["Stacks"][0]
        (code,) = (each["ParameterValue"] for each in main["Parameters"] if each["ParameterKey"] == "Code")
        stubs.ship(cloud.s3, code, stubs.program(behaviours=BEHAVIOURS))
        yield on_call


@pytest.fixture(scope="package")
def failed(on_call: OnCall) -> str:
    """An execution of FAILS, whose loans were not delivered."""
    started = on_call.types("pipeline trigger --partition P", {"P": FAILS}, more=" --json")
    assert started.code == 0, started.err
    name = str(started.json["run"])
    assert on_call.ended(name)["status"] == "FAILED"
    return name


@dataclass(frozen=True)
class OnLake(Operator):
    """The operator of a lake, whose jobs run in the tests' Spark."""

    day: Day
    run_job: InProcess
    s3: Any

    def publishes(self, loans: int) -> None:
        """The day, with so many loans; members and reviews once."""
        others = [] if self.readers_see()["staged.reviews"] else ["extract_members", "extract_reviews"]
        jobs = [*others, "extract_loans", "catalogue"]
        for job, ended in self.runs(jobs, delivered_loans(self.day)[:loans]).items():
            assert ended.code == 0, f"{job}: {ended.output}"

    def runs(self, jobs: Iterable[str], loans: Sequence[Loan], *, raw: str = "") -> dict[str, Ended]:
        """With these loans delivered, and a raw line."""
        settings_uri = deliver(self.day, self.day.home / uuid4().hex, loans, raw=raw)
        with mock.patch.object(boto3, "DEFAULT_SESSION", None):
            return {job: self.run_job(job, settings_uri=settings_uri, partition=self.day.partition) for job in jobs}

    def readers_see(self) -> dict[str, Any]:
        return readers_see(self.day.settings, self.day.partition)

    def takes_back(self, dataset: str, snapshot: int, *more: str) -> Typed:
        """`lake rollback` of a mart, for which the page has another command."""
        day = ("--partition", self.day.partition, "--to", str(snapshot), "--yes", *more)
        environment = {**self.environment, "PIPELINE_SETTINGS": self.settings}
        return typed("lake", "rollback", dataset, *day, home=self.home, env=environment)


@pytest.fixture(scope="package")
def _on_lake(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Iterator[OnLake]:
    home = tmp_path_factory.mktemp("lake")
    truth = sample.generate(home / "data", partition=LIBRARY.calendar.partition(PARTITION), rows=60)
    with services(home, home / "data", aws=True) as running, keys_of(running.settings.aws, spark):
        day = Day(home, home / "data", str(running.settings_file), PARTITION, truth)
        reference = day.settings.secrets["connections.club.auth.key"].removeprefix("aws:")
        key = client("secretsmanager", str(running.aws)).get_secret_value(SecretId=reference)
        for_workers = home / "key"  # the Python of the tests' Spark has no region
        for_workers.touch(0o600)
        for_workers.write_text(key["SecretString"])
        uri = day.settings_with(home, connections_club_auth={"key": f"file:{for_workers}"})
        day = replace(day, settings_uri=uri)
        environment = aws_environment(running.settings.aws)
        s3 = client("s3", str(running.aws))
        yield OnLake(home, day.settings_uri, environment, day, InProcess(spark), s3)


@pytest.fixture
def on_lake(_on_lake: OnLake, monkeypatch: pytest.MonkeyPatch) -> OnLake:
    """This process's AWS clients go to it."""
    for name, value in _on_lake.environment.items():
        monkeypatch.setenv(name, value)
    return _on_lake
