"""A YARN of the cluster's Hadoop on this machine: a ResourceManager, a node for all core nodes, one for all task nodes.

As on EMR: the capacity scheduler with Hadoop's defaults, containers that are killed above their memory, core nodes
labelled CORE once labels are on, and the cluster's own classifications yarn-site and capacity-scheduler over it.
Differs: the core nodes are one node with the memory of all, the task nodes likewise; the memory is EMR's, promised
whatever this machine has, since a container of sample data fills little of it; cores are counted and not enforced;
nothing is killed on macOS, which has no /proc; no HDFS.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from xml.etree import ElementTree as Xml

import pyspark

from emr_jobs.core.settings import Fleet
from local_stack import jars
from local_stack.aws.container import NotEmulated, where_programs_are
from pipeline_assets.emr.drivers import CORE, node_mb
from pipeline_assets.process import TiedProcess

SPARK_HOME = Path(pyspark.__path__[0])
# The shaded Hadoop that Spark ships, and its logging.
FROM_SPARK = (
    "hadoop-client-*",
    "slf4j-api-*",
    "log4j-api-*",
    "log4j-core-*",
    "log4j-slf4j2-impl-*",
    "log4j-1.2-api-*",
    "jcl-over-slf4j-*",
)
SCHEDULER = "org.apache.hadoop.yarn.server.resourcemanager.scheduler.capacity.CapacityScheduler"
START_TIMEOUT_S = 120
JVM_OPTIONS = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
_SERVER = "org.apache.hadoop.yarn.server"
_LABELS = "yarn.node-labels"
# Hadoop's own capacity-scheduler.xml, as far as it is not the default.
_ONE_QUEUE = {"yarn.scheduler.capacity.root.queues": "default", "yarn.scheduler.capacity.root.default.capacity": "100"}


@dataclass(frozen=True)
class Shape:
    """What of a cluster's request its YARN is made of: clusters of one shape share one."""

    core_mb: int
    task_mb: int  # 0: no task nodes
    largest_mb: int  # container
    site: tuple[tuple[str, str], ...]
    scheduler: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Shape":
        """Of RunJobFlow's arguments. Raises NotEmulated without a fleet of core nodes."""
        fleets = {each["InstanceFleetType"]: each for each in request["Instances"].get("InstanceFleets", [])}
        if "CORE" not in fleets:
            raise NotEmulated("a step on YARN, of a cluster without a fleet of core nodes")
        nodes = {kind: _nodes(each) for kind, each in fleets.items()}
        given = {each["Classification"]: each["Properties"] for each in request.get("Configurations", [])}
        return cls(
            core_mb=nodes["CORE"].capacity * node_mb(nodes["CORE"]),
            task_mb=nodes["TASK"].capacity * node_mb(nodes["TASK"]) if "TASK" in nodes else 0,
            largest_mb=max(node_mb(each) for kind, each in nodes.items() if kind != "MASTER"),
            site=tuple(sorted(given.get("yarn-site", {}).items())),
            scheduler=tuple(sorted(given.get("capacity-scheduler", {}).items())),
        )

    @property
    def has_labels(self) -> bool:
        return dict(self.site).get(f"{_LABELS}.enabled") == "true"


@dataclass
class Hadoop:
    shape: Shape
    environment: dict[str, str]  # what the cluster gives every container
    folder: Path
    _processes: list[TiedProcess] = field(default_factory=list)

    def launch(self) -> None:
        """Returns when its nodes take containers. Raises RuntimeError when they do not come up."""
        site = self._site()
        scheduler = {**_ONE_QUEUE, **dict(self.shape.scheduler)}
        files = {"core-site": self._core(), "yarn-site": site, "capacity-scheduler": scheduler}
        _write(self.configuration, files)
        self._start("resourcemanager.ResourceManager", "manager", self.configuration)
        if self.shape.has_labels:
            self._until_it_answers("info", lambda found: found.get("state") == "STARTED")
            # As EMR does, before a node carries it: containers that ask for no label run there while there is room.
            self._said(self._client("RMAdminCLI", "-addToClusterNodeLabels", f"{CORE}(exclusive=false)"))
        wanted = {"core": self.shape.core_mb, "task": self.shape.task_mb}
        for name, size in wanted.items():
            if size:
                # A node reads its label from its files alone, whatever its command line says.
                own = self.folder / "nodes" / name / "conf"
                _write(own, {**files, "yarn-site": {**site, **self._node(name, size)}})
                self._start("nodemanager.NodeManager", name, own)
        expected = len([size for size in wanted.values() if size])
        self._until_it_answers("nodes", lambda found: _running(found) == expected)

    def applications(self, *arguments: str) -> str:
        """Hadoop's own client: the shaded Hadoop's REST answers lack the ids of applications."""
        return self._said(self.applications_command(*arguments))

    def applications_command(self, *arguments: str) -> list[str]:
        return self._client("ApplicationCLI", "application", *arguments)

    def clean_environment(self) -> dict[str, str]:
        return {**where_programs_are(), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **self.environment}

    @property
    def configuration(self) -> Path:
        return self.folder / "conf"

    def _start(self, daemon: str, name: str, configuration: Path) -> None:
        command = ["java", "-Xmx256m", *JVM_OPTIONS, "--add-opens", "java.base/java.lang=ALL-UNNAMED"]
        command += ["-cp", self._class_path(configuration), f"{_SERVER}.{daemon}"]
        with (self.folder / f"{name}.log").open("w") as output:
            process = TiedProcess(command, env=self.clean_environment(), cwd=self.folder, output=output)
        self._processes.append(process)

    def _node(self, name: str, size_mb: int) -> dict[str, str]:
        node, folder = "yarn.nodemanager", self.folder / "nodes" / name
        own = {
            f"{node}.resource.memory-mb": str(size_mb),
            f"{node}.local-dirs": f"{folder}/local",
            f"{node}.log-dirs": f"{folder}/logs",
        }
        if self.shape.has_labels and name == "core":
            own |= {
                f"{node}.node-labels.provider": "config",
                f"{node}.node-labels.provider.configured-node-partition": CORE,
            }
        return own

    def _core(self) -> dict[str, str]:
        return {
            "fs.defaultFS": "file:///",
            "hadoop.tmp.dir": f"{self.folder}/hadoop",
            "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
            "fs.s3a.endpoint": self.environment["AWS_ENDPOINT_URL"],
            "fs.s3a.path.style.access": "true",
        }

    def _site(self) -> dict[str, str]:
        """Loopback only, on free ports."""
        manager, node = "yarn.resourcemanager", "yarn.nodemanager"
        addresses = ("address", "scheduler.address", "resource-tracker.address", "admin.address", "webapp.address")
        ports = dict(zip(addresses, _free_ports(len(addresses)), strict=True))
        self._web = f"http://127.0.0.1:{ports['webapp.address']}/ws/v1/cluster"
        return {
            f"{manager}.hostname": "127.0.0.1",
            f"{manager}.bind-host": "127.0.0.1",
            **{f"{manager}.{name}": f"127.0.0.1:{port}" for name, port in ports.items()},
            f"{manager}.scheduler.class": SCHEDULER,
            f"{manager}.nodemanagers.heartbeat-interval-ms": "100",
            # Containers whose ResourceManager was killed give up by themselves.
            f"{manager}.connect.max-wait.ms": "5000",
            f"{manager}.connect.retry-interval.ms": "1000",
            "yarn.scheduler.minimum-allocation-mb": "32",
            "yarn.scheduler.maximum-allocation-mb": str(self.shape.largest_mb),
            "yarn.scheduler.maximum-allocation-vcores": "128",
            f"{_LABELS}.configuration-type": "distributed",
            f"{_LABELS}.fs-store.root-dir": f"file://{self.folder}/labels",
            f"{node}.hostname": "127.0.0.1",
            f"{node}.bind-host": "127.0.0.1",
            f"{node}.address": "127.0.0.1:0",
            f"{node}.localizer.address": "127.0.0.1:0",
            f"{node}.webapp.address": "127.0.0.1:0",
            f"{node}.resource.cpu-vcores": "64",
            f"{node}.vmem-check-enabled": "false",
            f"{node}.pmem-check-enabled": "true",
            f"{node}.resource.memory.enforced": "false",  # by cgroups, which are not used; else the check does nothing
            f"{node}.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.5",
            f"{node}.env-whitelist": ",".join(["JAVA_HOME", *self.environment]),
            **dict(self.shape.site),
        }

    def _class_path(self, configuration: Path) -> str:
        spark = [str(path) for pattern in FROM_SPARK for path in sorted((SPARK_HOME / "jars").glob(f"{pattern}.jar"))]
        return os.pathsep.join([str(configuration), f"{jars.folder('yarn')}/*", *spark])

    def _client(self, name: str, *arguments: str) -> list[str]:
        path, client = self._class_path(self.configuration), f"org.apache.hadoop.yarn.client.cli.{name}"
        return ["java", *JVM_OPTIONS, "-cp", path, client, *arguments]

    def _said(self, command: list[str]) -> str:
        environment = self.clean_environment()
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    def _until_it_answers(self, path: str, enough: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                if enough(json.loads(self._ask(path))):
                    return
            except (OSError, ValueError):
                pass  # not up yet
            if time.monotonic() > deadline or any(process.poll() is not None for process in self._processes):
                raise RuntimeError(f"YARN did not start; see {self.folder}/*.log")
            time.sleep(0.1)

    def _ask(self, path: str) -> bytes:
        request = Request(f"{self._web}/{path}", headers={"Accept": "application/json"})  # noqa: S310  # loopback
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return bytes(answer.read())


def _nodes(fleet: Mapping[str, Any]) -> Fleet:
    return Fleet(
        instance_types=tuple(each["InstanceType"] for each in fleet["InstanceTypeConfigs"]),
        capacity=fleet.get("TargetOnDemandCapacity") or fleet["TargetSpotCapacity"],
    )


def _running(found: dict[str, Any]) -> int:
    return sum(node["state"] == "RUNNING" for node in found["nodes"])


def _write(folder: Path, files: Mapping[str, Mapping[str, str]]) -> None:
    """Hadoop's configuration, by the names of its files."""
    folder.mkdir(parents=True)
    for file, properties in files.items():
        root = Xml.Element("configuration")
        for name, value in properties.items():
            entry = Xml.SubElement(root, "property")
            Xml.SubElement(entry, "name").text = name
            Xml.SubElement(entry, "value").text = value
        (folder / f"{file}.xml").write_bytes(Xml.tostring(root))


def _free_ports(count: int) -> list[int]:
    """All held at once, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
