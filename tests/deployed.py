"""Production deployed to a local AWS, its jobs replaced by programs without Spark: real executions in seconds."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from emr_jobs.core import settings as settings_module
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of
from local_stack.simulation import stub_job, stubs
from local_stack.simulation.world import QUICK, deploy_at_once, parameters
from pipeline_assets.definitions import asset_graph
from pipeline_assets.home import profile
from pipeline_assets.production.generate.plan import plan_of
from pipeline_assets.production.generate.synth import Deployment
from pipeline_assets.production.running.executions import Execution, Executions
from pipeline_assets.shipping.package import host_arch
from tests.aws import Cloud
from tests.domains import LIBRARY
from tests.running import wait_for

# Days on which jobs behave in some way of stub_job, by "<partition> <job> <attempt>".
GOOD, FAILS, SECOND, KILLED, OLDER, LONG, LAST_LOST, NO_CLUSTER, WHOLE, OTHER, EMPTY, PATIENT, ALL = (
    f"2026-09-{day:02}" for day in range(1, 14)
)
OFTEN = {"poll_interval_s": 0.2, "message_interval_s": 0.2}
BEHAVIOURS = {
    f"{FAILS} extract_loans 0": "fails",
    f"{FAILS} extract_loans 1": "fails",
    f"{SECOND} extract_loans 0": "is killed at the end",
    f"{KILLED} extract_loans 0": "is killed",
    f"{KILLED} extract_loans 1": "is killed at the end",
    f"{OLDER} extract_loans 0": "is an older version",
    f"{LONG} extract_loans 0": "talks until told",
    f"{LAST_LOST} extract_loans 0": "is killed at the end",
    f"{LAST_LOST} extract_loans 1": "says nothing",
    f"{WHOLE} extract_members 0": "fails",
    f"{WHOLE} extract_members 1": "fails",
    f"{EMPTY} extract_loans 0": "is delivered nothing",
    f"{EMPTY} extract_loans 1": "is delivered nothing",
}


def needed() -> dict[str, str]:
    """Parameters of a first deployment."""
    return {**parameters(), "SearchHost": "search.example", "SearchDomain": "library"}


@dataclass(frozen=True)
class Deployed:
    cloud: Cloud
    settings: Settings
    settings_uri: str

    @property
    def executions(self) -> Executions:
        """Seen with the keys that this process has now."""
        return Executions(self.settings)

    def start(self, partition: str, *, only: Sequence[str] = (), **asked: bool) -> str:
        """`asked`: rerun, allow_empty."""
        return self.executions.start(LIBRARY.calendar.partition(partition), only=tuple(only), **asked)

    def ended(self, name: str) -> Execution:
        executions = self.executions  # its clients cost more than a look
        wait_for(lambda: executions.find(name).status != "RUNNING")
        return executions.find(name)

    def ran(self, partition: str, *, only: Sequence[str] = (), **asked: bool) -> Execution:
        return self.ended(self.start(partition, only=only, **asked))

    def told(self, name: str, partition: str) -> Execution:
        """The execution of a job that talked until now."""
        bucket, key = bucket_and_key(stub_job.told(self.settings, partition))
        self.cloud.s3.put_object(Bucket=bucket, Key=key)
        ended = self.ended(name)
        self.cloud.s3.delete_object(Bucket=bucket, Key=key)
        return ended


def edited() -> dict[str, Any]:
    """Production's profile with something in the place of every example."""
    text = profile("production").read_text()
    return tomlkit.parse(re.sub(r'<([^<>"]+)>(?=[^"\n]*")', r"\1", text)).unwrap()


def profile_at(endpoint: str) -> dict[str, Any]:
    """Production's profile, filled in, with this account's address and short waits."""
    values = edited()
    values["aws"] |= {"endpoint": endpoint}
    values["emr"] |= {"arch": host_arch(), **QUICK["emr"]}
    values["production"] |= QUICK["production"]
    return values


@contextmanager
def deployed(cloud: Cloud, folder: Path) -> Iterator[Deployed]:
    """The cloud is this process's AWS already."""
    values = profile_at(str(cloud.settings.aws.endpoint))
    values["search"] = {"url": "http://127.0.0.1:9"}
    values["emr"] |= OFTEN
    values["production"]["maintain"] = False
    file = folder / "deployment.toml"
    file.write_text(tomlkit.dumps(values))
    settings = settings_module.load(str(file))
    deployment = Deployment(plan_of(asset_graph(settings), domain_of(settings)), settings)
    stacks, settings_uri = deploy_at_once(deployment)
    main = stacks.find(deployment.production.name)
    assert main is not None
    stubs.ship(cloud.s3, main.parameters["Code"], stubs.program(behaviours=BEHAVIOURS))
    yield Deployed(cloud, settings_module.load(settings_uri), settings_uri)


def facts(metadata: Any) -> dict[str, Any]:
    return {name: value.value for name, value in metadata.items()}
