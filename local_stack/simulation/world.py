"""One deployed production on this machine, for scenarios: its own stack, sample days, clock, switches and readers.

Deploys with the same steps as `pipeline deploy`. The settings are settings/production.toml with this machine's
addresses and shorter waits. With stubs its jobs hand on numbers of rows instead of rows (stub_job), and it is the
local AWS and nothing else. Does not own: what happens in it (scenarios).
"""

import gzip
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import requests
import tomlkit

from emr_jobs.catalog import Job
from emr_jobs.contracts import Contract
from emr_jobs.contracts.read import Files
from emr_jobs.core import settings as settings_module
from emr_jobs.core.partition import Partition
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.settings import Aws, Settings, of_a_deployment
from emr_jobs.domain import Domain, domain_of
from emr_jobs.publish.search import SearchIndex
from local_stack.aws import ADDRESSES, GROUPS, SUBNETS, VPC
from local_stack.aws.account import LocalAws, client, furnish
from local_stack.sample import generate
from local_stack.services import Running, services
from local_stack.simulation import stub_job, stubs
from local_stack.simulation.cast import Cast
from local_stack.simulation.follower import Follower, follower
from local_stack.simulation.unmet import expect
from pipeline_assets import lake
from pipeline_assets.definitions import asset_graph
from pipeline_assets.home import ROOT, profile, use_aws
from pipeline_assets.production.apply.deploy import Deploying, dumped, filled
from pipeline_assets.production.apply.stacks import Stacks
from pipeline_assets.production.generate.guard import DayStatus
from pipeline_assets.production.generate.plan import Plan, plan, plan_of
from pipeline_assets.production.generate.synth import Deployment
from pipeline_assets.production.running.executions import Execution, Executions, JobStatus
from pipeline_assets.search import index_of
from pipeline_assets.sensors.production import did_work
from pipeline_assets.shipping.package import host_arch


def _delivered_to() -> dict[str, str]:
    """The local AWS's buckets for those that production's settings leave to the deployment."""
    local = settings_module.load(str(profile("emulator"))).files
    deployed = settings_module.load(str(profile("production"))).files
    buckets = {each.bucket: str(local[name].bucket) for name, each in deployed.items() if each.bucket}
    return {bucket.strip("${}"): name for bucket, name in buckets.items() if bucket.startswith("${")}


def parameters() -> dict[str, str]:
    """Of a first deployment to the local AWS."""
    groups = zip(("PrimarySecurityGroup", "CoreSecurityGroup", "ServiceSecurityGroup"), GROUPS, strict=True)
    return {"Vpc": VPC, "Subnets": ",".join(SUBNETS), **dict(groups), **_delivered_to()}


QUICK = {
    "production": {"retry_interval_s": 1, "call_retry_interval_s": 1},
    "emr": {"start_allowance_s": 60, "poll_interval_s": 2.0, "message_interval_s": 1.0},
}
FROM_RUNNING = ("aws", "search")  # sections that are this machine's
NOWHERE = "http://127.0.0.1:9"
ROWS = 150
END_TIMEOUT_S = 900.0  # of a day with real jobs, on a machine that does other work as well
SETTLE_TIMEOUT_S = 60.0
POLL_S = 0.3


class Jobs(StrEnum):
    REAL = "real"
    STUB = "stub"  # without Spark and without data


@dataclass
class World:
    aws: str
    services: Running | None  # None: the jobs are stubs, which need none
    deployment: Deployment
    settings: Settings  # of the deployment, filled
    days: list[Partition]
    rows: int  # good records of what is delivered for a day
    control: str
    settings_uri: str  # of the deployment
    follower: Follower | None
    told: list[str] = field(default_factory=list)  # what the person on call read in this scenario
    _used: list[Partition] = field(default_factory=list)
    _empty: set[Partition] = field(default_factory=set)

    @property
    def jobs(self) -> Jobs:
        return Jobs.REAL if self.services else Jobs.STUB

    @property
    def running(self) -> Running:
        """What only real jobs use."""
        assert self.services is not None, "this world has stubs"
        return self.services

    # -- days and the clock

    def day(self) -> Partition:
        """A day that no scenario has used."""
        taken = self.days.pop(0)
        self._used.append(taken)
        return taken

    def is_empty(self, day: Partition) -> None:
        """Somebody said so: from now on readers of this day see no rows."""
        self._empty.add(day)

    def strike_eight(self, day: Partition, *, times: int = 1) -> list[Execution]:
        """The schedule of this day's run; `times` when the delivery is doubled."""
        before = day.as_of - timedelta(minutes=5)
        self.switch(clock=before.isoformat())
        delivered = self.switch(advance_to=(day.as_of + timedelta(minutes=1)).isoformat())
        (daily,) = [each for each in delivered if each["schedule"].endswith("-daily")]
        expect(daily["at"].startswith(day.as_of.strftime("%Y-%m-%dT%H:%M")), f"fired at {daily['at']}, not {day.as_of}")
        names = [daily["delivered"].rpartition(":")[2]]
        for _ in range(times - 1):
            again = self.switch(deliver=daily["schedule"], at=day.as_of.isoformat(), times=1)
            names += [each["delivered"].rpartition(":")[2] for each in again]
        return [self.executions.find(name) for name in names]

    def strike_ten(self, day: Partition) -> None:
        """The schedule of the watch, two hours after the run's; returns when the watch has looked."""
        (watch,) = self.switch(advance_to=(day.as_of + timedelta(hours=2, minutes=1)).isoformat())
        expect(watch["schedule"].endswith("-watch"), f"the watch is due at ten, not {watch['schedule']}")
        states = self.client("stepfunctions")

        def ended() -> str | None:
            status = str(states.describe_execution(executionArn=watch["delivered"])["status"])
            return None if status == "RUNNING" else status

        found = self.until(ended, "the watch has looked")
        expect(found == "SUCCEEDED", f"the watch succeeded, not {found}")

    # -- executions

    @property
    def domain(self) -> Domain:
        return domain_of(self.settings)

    @property
    def executions(self) -> Executions:
        return Executions(self.deployment.settings)

    def ended(self, name: str, *, timeout_s: float = END_TIMEOUT_S) -> Execution:
        return self.until(
            lambda: not (found := self.executions.find(name)).is_running and found, f"{name} has ended", timeout_s
        )

    def went(self, execution: Execution) -> dict[str, tuple[JobStatus, int]]:
        """Status and attempts of each job."""
        return {run.job.name: (run.status, run.attempts) for run in self.executions.jobs(execution)}

    def followed(self, since: datetime) -> tuple[str, ...]:
        """What Dagster saw of each execution since then. Raises Unmet where that is something else."""
        if self.follower is None:
            return ()
        said = []
        for started in self.executions.since(since):
            execution = self.ended(started.name)
            if did_work(self.executions, execution, self.executions.cluster(started.name)):
                record = self.until(partial(self.follower.run_of, execution), f"the run of {started.name} has ended")
                said.append(self.follower.agrees(execution, self.executions.jobs(execution), record))
            else:
                expect(self.follower.run_of(execution) is None, f"{started.name} did nothing, and has no run")
        return tuple(said)

    def until(self, condition: Callable[[], Any], sentence: str, timeout_s: float = SETTLE_TIMEOUT_S) -> Any:
        deadline = time.monotonic() + timeout_s
        while True:
            if found := condition():
                return found
            expect(time.monotonic() < deadline, f"within {timeout_s:.0f} s: {sentence}")
            time.sleep(POLL_S)

    # -- switches

    def switch(self, **wanted: Any) -> Any:
        """A fault, or the clock, of the local AWS."""
        answer = requests.put(self.control, json=wanted, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    @property
    def cast(self) -> Cast:
        return Cast(self.domain)

    @property
    def _api(self) -> str:
        (source,) = self.domain.sources_of(self.cast.api)
        return self.running.connections[source.connection]

    def api_fault(self, **wanted: Any) -> None:
        requests.put(f"{self._api}/faults", json=wanted, timeout=10).raise_for_status()

    def api_well(self) -> Any:
        """What is left of the fault."""
        answer = requests.delete(f"{self._api}/faults", timeout=10)
        answer.raise_for_status()
        return answer.json()

    def deploy(self, change: Callable[[Deployment], Deployment] = lambda same: same) -> Stacks:
        """The generated deployment, changed like this, in the place of what is deployed."""
        return deploy_at_once(change(self.deployment))[0]  # what was shipped, the stubs too, stays

    def with_jobs(self, change: Callable[[Job], Job]) -> Callable[[Deployment], Deployment]:
        """A change of the deployment: other limits of the jobs."""
        made = self.deployment.plan
        changed: Plan = plan([change(job) for job in made.jobs], made.edges)
        return lambda deployment: replace(deployment, plan=changed)

    # -- what is seen

    def client(self, service: str) -> Any:
        return client(service, self.aws)

    def said(self) -> list[dict[str, str]]:
        """What the alarm topic told since the last time."""
        queue = self.client("sqs").get_queue_url(QueueName="heard")["QueueUrl"]
        found = []
        while messages := self.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def readers_see(self, day: Partition) -> dict[str, int | None]:
        """Rows of each table and documents behind the alias, None without an index; of stubs what they published."""
        if self.jobs is Jobs.STUB:
            return {
                **dict.fromkeys((each.id for each in self.domain.tables), 0),
                self.cast.index.id: None,
                **self._traces(day),
            }
        catalog = lake.catalog(self.settings)
        rows = {
            contract.id: int(
                catalog.load_table(lake.identifier(catalog, contract))
                .scan(row_filter=f"partition_date == '{day}'")
                .to_arrow()
                .num_rows
            )
            for contract in self.domain.tables
        }
        index = SearchIndex(self.settings.search, index_of(self.settings))
        published = [index.client.count(index=each.name)["count"] for each in index.published(day)]
        return {**rows, self.cast.index.id: sum(published) if published else None}

    def _traces(self, day: Partition) -> dict[str, int]:
        """What the stubs have published of this day."""
        s3 = self.client("s3")
        found = {}
        for dataset in self.domain.published:
            bucket, key = bucket_and_key(stub_job.trace(self.settings, dataset, day))
            if s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"]:
                found[dataset] = int(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())["rows"])
        return found

    def is_published(self, day: Partition) -> bool:
        """Whole: tables and search agree, every good record is there. Raises Unmet for half a day."""
        seen, last, index = self.readers_see(day), self.cast.last, self.cast.index.id
        tables = [output for output in last.outputs if output != index]
        if seen[index] is None:
            expect(not any(seen[table] for table in tables), f"{day}: readers see half a day: {seen}")
            return False
        rows = 0 if day in self._empty else self.rows
        expect(
            {seen[each] for each in (last.inputs[0], last.lead, index)} == {rows}
            and {bool(seen[table]) for table in tables} == {bool(rows)},
            f"{day}: expected {rows} rows everywhere, found {seen}",
        )
        return True

    def settle(self) -> None:
        """What holds after every scenario. Raises Unmet."""
        emr = self.client("emr")

        def alive() -> list[str]:
            found = emr.list_clusters(ClusterStates=["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING"])
            return [each["Id"] for each in found["Clusters"]]

        self.until(lambda: not alive(), "no cluster is alive")
        steps = [
            step["Name"]
            for cluster in emr.list_clusters()["Clusters"]
            for step in emr.list_steps(ClusterId=cluster["Id"], StepStates=["PENDING", "RUNNING"])["Steps"]
        ]
        expect(not steps, f"steps that still run: {steps}")
        for day in self._used:
            self.until(partial(self._is_free, day), f"{day}: the guard lets go of it")
            if self.executions.claim_of(day).get("status") == "published":
                expect(self.is_published(day), f"{day}: the guard says published, readers see nothing")
            else:
                self.is_published(day)
        self._used.clear()
        self.said()

    def calm(self) -> None:
        """After a scenario that did not hold: nothing of it reaches the next one."""
        self.switch(clear=True)
        for execution in self.executions.latest():
            if execution.is_running:
                self.executions.abort(execution.name)
        self.client("emr").terminate_job_flows(
            JobFlowIds=[each["Id"] for each in self.client("emr").list_clusters()["Clusters"]]
        )
        self._used.clear()

    def _is_free(self, day: Partition) -> bool:
        return self.executions.claim_of(day).get("status") != DayStatus.RUNNING


@contextmanager
def world(
    home: Path,
    *,
    days: Sequence[Partition],
    rows: int = ROWS,
    jobs: Jobs = Jobs.REAL,
    follow: bool = False,
    yarn: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[World]:
    """Brought up and deployed, with `follow` beside a Dagster of its own; nothing of it is left afterwards.

    `yarn`: steps of real jobs run on YARN.
    """
    with ExitStack() as stack:
        if jobs is Jobs.REAL:
            running = stack.enter_context(_services(home, days, rows, progress, yarn=yarn))
            aws = running.settings.aws
        else:
            running, aws = None, stack.enter_context(_only_aws(home, days, rows, progress))
        assert aws.endpoint is not None
        use_aws(aws)
        settings = of_a_deployment(_production_settings(aws, running))
        deployment = Deployment(plan_of(asset_graph(settings), domain_of(settings)), settings)
        progress("deploying")
        stacks, settings_uri = deploy_at_once(deployment)
        made = stacks.find(deployment.production.name)
        base = stacks.find(deployment.base_stack)
        assert made is not None
        assert base is not None
        names = {**made.parameters, **base.outputs, **made.outputs}
        whole = settings_module.parse(tomlkit.dumps(filled(dumped(settings), names)), where="the world", base=home)
        if jobs is Jobs.STUB:
            stubs.ship(client("s3", aws.endpoint), made.parameters["Code"], stubs.program(stub_job.HANDS_ON))
        _hear(aws.endpoint, made.outputs["AlarmTopic"])
        control = json.loads((home / "aws" / ADDRESSES).read_text())["faults"]
        follows = stack.enter_context(follower(home, settings_uri, progress=progress)) if follow else None
        yield World(aws.endpoint, running, deployment, whole, list(days), rows, control, settings_uri, follows)


@contextmanager
def _services(
    home: Path, days: Sequence[Partition], rows: int, progress: Callable[[str], None], *, yarn: bool
) -> Iterator[Running]:
    """All of them, with sample data of these days."""
    data = home / "data"

    def prepare() -> None:
        for day in days:
            generate(data, partition=day, rows=rows)

    with services(home, data, prepare=prepare, progress=progress, aws=True, yarn=yarn, lake_tables=False) as running:
        yield running


@contextmanager
def _only_aws(home: Path, days: Sequence[Partition], rows: int, progress: Callable[[str], None]) -> Iterator[Aws]:
    """That runs programs without Spark; what is delivered for these days are as many lines."""
    cloud = LocalAws(home / "aws", plain=True)
    try:
        progress("AWS")
        emulator = tomlkit.parse(profile("emulator").read_text()).unwrap()
        emulator["aws"] |= {"endpoint": cloud.wait()["url"]}
        settings = settings_module.parse(tomlkit.dumps(emulator), where="the simulation", base=home)
        for day in days:
            _deliver_lines(home, Cast(domain_of(settings)).delivered, day, rows)
        furnish(settings, secrets=dict.fromkeys(settings.secrets.values(), "any"), data=home)
        yield settings.aws
    finally:
        cloud.stop()


def _deliver_lines(folder: Path, source: Contract, day: Partition, rows: int) -> None:
    assert isinstance(source.read, Files)
    file = folder / source.read.of(day.date).replace("*", "lines")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(b"{}\n" * rows))


def deploy_at_once(deployment: Deployment) -> tuple[Stacks, str]:
    """As `pipeline deploy --yes` does; the address of the settings too."""
    deploying = Deploying(deployment, parameters(), Stacks(poll_s=0.2))
    if (proposed := deploying.propose_base()) is not None:
        deploying.stacks.apply(proposed)
    shipped = deploying.ship(progress=lambda _: None)
    if (proposed := deploying.propose_main(shipped)) is not None:
        deploying.stacks.apply(proposed)
    return deploying.stacks, deploying.keep_settings()


def _production_settings(aws: Aws, running: Running | None) -> Settings:
    """Of production, with the addresses of what runs here."""
    production = tomlkit.parse(profile("production").read_text()).unwrap()
    if running is not None:
        local = running.settings.model_dump(mode="json", exclude_none=True)
        for section in FROM_RUNNING:
            production[section] = local[section]
        for name in running.connections:
            production["connections"][name] = local["connections"][name]
        production["spark"] = {"shuffle_partitions": local["spark"]["shuffle_partitions"]}
    else:
        production["aws"] = aws.model_dump(mode="json", exclude_none=True)
        production["search"] = {"url": NOWHERE}
    production["emr"]["arch"] = host_arch()
    for section, values in QUICK.items():
        production[section] |= values
    return settings_module.parse(tomlkit.dumps(production), where="the simulation", base=ROOT)


def _hear(endpoint: str, topic: str) -> None:
    sqs = client("sqs", endpoint)
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns", endpoint).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
