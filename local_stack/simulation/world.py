"""One deployed production on this machine, for scenarios: its own stack, sample days, clock, switches and readers.

Deploys with the same steps as `pipeline deploy`. The settings are settings/production.toml with this machine's
addresses and shorter waits. Does not own: what happens in it (scenarios).
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import requests
import tomlkit

from emr_jobs import settings as settings_module
from emr_jobs.catalog import Job
from emr_jobs.contracts import contracts
from emr_jobs.partition import Partition
from emr_jobs.publish.search import SearchIndex
from emr_jobs.settings import Settings
from local_stack import sample_data
from local_stack.aws import ADDRESSES
from local_stack.aws.account import client
from local_stack.services import Running, services
from local_stack.simulation.follower import Follower, follower
from local_stack.simulation.unmet import expect
from pipeline_assets import lake
from pipeline_assets.definitions import defs
from pipeline_assets.home import ROOT, use_aws
from pipeline_assets.production.deploy import Deploying, dumped, filled
from pipeline_assets.production.executions import Execution, Executions
from pipeline_assets.production.plan import Plan, plan, plan_of
from pipeline_assets.production.stacks import Stacks
from pipeline_assets.production.synth import Deployment
from pipeline_assets.sensors.production import did_work

PARAMETERS = {
    "Vpc": "vpc-local",
    "Subnets": "subnet-a,subnet-b",
    "PrimarySecurityGroup": "sg-primary",
    "CoreSecurityGroup": "sg-core",
    "ServiceSecurityGroup": "sg-service",
    "OrdersBucket": "shop-export",
}
QUICK = {
    "production": {"retry_interval_s": 1, "call_retry_interval_s": 1},
    "emr": {"start_allowance_s": 60, "poll_interval_s": 2.0, "message_interval_s": 1.0},
}
FROM_RUNNING = ("aws", "search")  # sections that are this machine's
END_TIMEOUT_S = 420.0
SETTLE_TIMEOUT_S = 60.0
POLL_S = 0.3


@dataclass
class World:
    running: Running
    deployment: Deployment
    settings: Settings  # of the deployment, filled
    days: list[Partition]
    orders: int
    control: str
    settings_uri: str  # of the deployment
    follower: Follower | None
    _used: list[Partition] = field(default_factory=list)

    # -- days and the clock

    def day(self) -> Partition:
        """A day that no scenario has used."""
        taken = self.days.pop(0)
        self._used.append(taken)
        return taken

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
    def executions(self) -> Executions:
        return Executions(self.deployment.production.name)

    def ended(self, name: str, *, timeout_s: float = END_TIMEOUT_S) -> Execution:
        return self.until(
            lambda: (found := self.executions.find(name)).status != "RUNNING" and found, f"{name} has ended", timeout_s
        )

    def went(self, execution: Execution) -> dict[str, tuple[str, int]]:
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

    def shipments_fault(self, **wanted: Any) -> None:
        requests.put(f"{self.running.shipments}/faults", json=wanted, timeout=10).raise_for_status()

    def shipments_well(self) -> Any:
        """What is left of the fault."""
        answer = requests.delete(f"{self.running.shipments}/faults", timeout=10)
        answer.raise_for_status()
        return answer.json()

    def deploy(self, change: Callable[[Deployment], Deployment] = lambda same: same) -> Stacks:
        """The generated deployment, changed like this, in the place of what is deployed."""
        return deploy_at_once(change(self.deployment))[0]

    def with_jobs(self, change: Callable[[Job], Job]) -> Callable[[Deployment], Deployment]:
        """A change of the deployment: other limits of the jobs."""
        made = self.deployment.plan
        changed: Plan = plan([change(job) for job in made.jobs], made.edges)
        return lambda deployment: replace(deployment, plan=changed)

    # -- what is seen

    def client(self, service: str) -> Any:
        return client(service, str(self.running.aws))

    def said(self) -> list[dict[str, str]]:
        """What the alarm topic told since the last time."""
        queue = self.client("sqs").get_queue_url(QueueName="heard")["QueueUrl"]
        found = []
        while messages := self.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def readers_see(self, day: Partition) -> dict[str, int]:
        """Rows of each table and documents behind the alias."""
        catalog = lake.catalog(self.settings)
        rows = {
            contract.id: int(
                catalog.load_table(contract.id).scan(row_filter=f"partition_date == '{day}'").to_arrow().num_rows
            )
            for contract in lake.tables()
        }
        index = SearchIndex(self.settings.search, contracts()["search.orders"])
        published = [index.client.count(index=each.name)["count"] for each in index.published(day)]
        return {**rows, "search.orders": sum(published)}

    def is_published(self, day: Partition) -> bool:
        """Whole: facts, sales and search agree, every good order is there. Raises Unmet for half a day."""
        seen = self.readers_see(day)
        final = {name: seen[name] for name in ("final.order_facts", "final.daily_sales", "search.orders")}
        expect(all(final.values()) or not any(final.values()), f"{day}: readers see half a day: {final}")
        if not any(final.values()):
            return False
        expect(
            final["final.order_facts"] == final["search.orders"] == seen["intermediate.orders"] == self.orders,
            f"{day}: expected {self.orders} orders everywhere, found {seen}",
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
            if self.executions.day(day).get("status") == "published":
                expect(self.is_published(day), f"{day}: the guard says published, readers see nothing")
            else:
                self.is_published(day)
        self._used.clear()
        self.said()

    def calm(self) -> None:
        """After a scenario that did not hold: nothing of it reaches the next one."""
        self.switch(clear=True)
        for execution in self.executions.latest():
            if execution.status == "RUNNING":
                self.executions.abort(execution.name)
        self.client("emr").terminate_job_flows(
            JobFlowIds=[each["Id"] for each in self.client("emr").list_clusters()["Clusters"]]
        )
        self._used.clear()

    def _is_free(self, day: Partition) -> bool:
        return self.executions.day(day).get("status") != "running"


@contextmanager
def world(
    home: Path,
    *,
    days: Sequence[Partition],
    orders: int,
    follow: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[World]:
    """Brought up and deployed, with `follow` beside a Dagster of its own; nothing of it is left afterwards."""
    data = home / "data"
    truth: dict[str, Any] = {}

    def prepare() -> None:
        for day in days:
            truth.update(sample_data.generate(data, partition=day, orders=orders))

    with ExitStack() as stack:
        running = stack.enter_context(
            services(home, data, prepare=prepare, progress=progress, aws=True, lake_tables=False)
        )
        use_aws(running.settings.aws)
        settings = _production_settings(running)
        deployment = Deployment(plan_of(defs.resolve_asset_graph()), settings)
        progress("deploying")
        stacks, settings_uri = deploy_at_once(deployment)
        made = stacks.find(deployment.production.name)
        base = stacks.find(deployment.base_stack)
        assert made is not None
        assert base is not None
        names = {**made.parameters, **base.outputs, **made.outputs}
        whole = settings_module.parse(tomlkit.dumps(filled(dumped(settings), names)), where="the world", base=home)
        _hear(str(running.aws), made.outputs["AlarmTopic"])
        control = json.loads((home / "aws" / ADDRESSES).read_text())["faults"]
        follows = stack.enter_context(follower(home, settings_uri, progress=progress)) if follow else None
        yield World(running, deployment, whole, list(days), orders, control, settings_uri, follows)


def deploy_at_once(deployment: Deployment) -> tuple[Stacks, str]:
    """As `pipeline deploy --yes` does; the address of the settings too."""
    deploying = Deploying(deployment, PARAMETERS, Stacks(poll_s=0.2))
    if (proposed := deploying.propose_base()) is not None:
        deploying.stacks.apply(proposed)
    shipped = deploying.ship(progress=lambda _: None)
    if (proposed := deploying.propose_main(shipped)) is not None:
        deploying.stacks.apply(proposed)
    return deploying.stacks, deploying.keep_settings()


def _production_settings(running: Running) -> Settings:
    """Of production, with the addresses of what runs here."""
    profile = tomlkit.parse((ROOT / "settings" / "production.toml").read_text()).unwrap()
    local = running.settings.model_dump(mode="json", exclude_none=True)
    for section in FROM_RUNNING:
        profile[section] = local[section]
    for source in ("snowflake", "shipments"):
        profile["sources"][source] = local["sources"][source]
    profile["spark"] = {name: local["spark"][name] for name in ("driver_memory", "shuffle_partitions")}
    assert running.settings.emr is not None
    profile["emr"]["arch"] = running.settings.emr.arch
    for section, values in QUICK.items():
        profile[section] |= values
    return settings_module.parse(tomlkit.dumps(profile), where="the simulation", base=ROOT)


def _hear(endpoint: str, topic: str) -> None:
    sqs = client("sqs", endpoint)
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns", endpoint).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
