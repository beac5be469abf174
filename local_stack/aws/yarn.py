"""Runs a step on a real YARN: ResourceManager and NodeManager of the cluster's Hadoop on this machine.

The step's own spark-submit line goes to it as it is, in cluster mode: driver and executors run in containers with
nothing in their environment but what YARN puts there. For what local Spark cannot show, at twice its CPU:
packaging, clean environments, kills. One YARN serves all emulated clusters; an application carries its cluster as
a tag. Differs from EMR: one node, no HDFS, memory and cores are counted and not enforced, one executor a job.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen
from xml.etree import ElementTree as Xml

import pyspark

from local_stack import jars
from local_stack.aws.agent import OUTPUT
from local_stack.aws.container import JAVA_REGION, Node, NotEmulated, where_programs_are
from local_stack.aws.emr import Cluster, Step
from pipeline_assets.launchers.process import TiedProcess

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
SCHEDULER = "resourcemanager.scheduler.fifo.FifoScheduler"
START_TIMEOUT_S = 60
_APPLICATION = re.compile(r"application_\d+_\d+")
JVM_OPTIONS = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]


@dataclass
class Yarn:
    """Starts with `launch`; its containers are its children."""

    node: Node
    environment: dict[str, str]  # what the cluster gives every container: EMR's instance profile, no region
    folder: Path
    program: str = "java"
    _processes: list[TiedProcess] = field(default_factory=list)

    def launch(self) -> None:
        """Returns when a node takes containers."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._configuration.mkdir(parents=True)
        _write(self._configuration / "core-site.xml", self._core())
        _write(self._configuration / "yarn-site.xml", self._site())
        for daemon in ("resourcemanager.ResourceManager", "nodemanager.NodeManager"):
            command = ["java", "-Xmx256m", *JVM_OPTIONS, "--add-opens", "java.base/java.lang=ALL-UNNAMED"]
            command += ["-cp", self._class_path(), f"org.apache.hadoop.yarn.server.{daemon}"]
            log = self.folder / f"{daemon.rpartition('.')[2].lower()}.log"
            with log.open("w") as output:
                process = TiedProcess(command, env=self._clean_environment(), cwd=self.folder, output=output)
            self._processes.append(process)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._has_node():
            if time.monotonic() > deadline or any(process.poll() is not None for process in self._processes):
                raise RuntimeError(f"YARN did not start; see {self.folder}/*.log")
            time.sleep(0.2)

    def start(self, cluster: Cluster, step: Step, folder: Path) -> TiedProcess:
        with (folder / OUTPUT).open("wb") as output:
            return TiedProcess(
                self._command(step.args), env=self._submit_environment(cluster), cwd=folder, output=output
            )

    def logs(self, output: str) -> dict[str, bytes]:
        """Of the containers of the application that spark-submit names; the driver's own words are only there."""
        return {
            f"containers/{application}/{file.parent.name}/{file.name}": file.read_bytes()
            for application in sorted(set(_APPLICATION.findall(output)))
            for file in sorted((self.folder / "logs" / application).glob("*/std*"))
        }

    def end(self, cluster: Cluster) -> None:
        """What a terminated cluster takes along."""
        states = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
        if running := _APPLICATION.findall(self._client("-list", "-appTags", cluster.id, "-appStates", states)):
            self._client("-kill", *sorted(set(running)))

    def _command(self, arguments: list[str]) -> list[str]:
        if arguments[0] == "spark-submit":
            return [f"{SPARK_HOME}/bin/spark-submit", *arguments[1:]]
        if arguments[:2] == ["yarn", "application"]:
            return self._client_command(*arguments[2:])
        raise NotEmulated(f"expected spark-submit or yarn application, found {arguments[:2]}")

    def _submit_environment(self, cluster: Cluster) -> dict[str, str]:
        """Of the primary node's shell. Without PYTHONPATH: Spark would hand it to the containers."""
        configuration = self.folder / "spark-conf" / cluster.id
        configuration.mkdir(parents=True, exist_ok=True)
        lines = [f"{name} {value}\n" for name, value in self._spark_defaults(cluster).items()]
        (configuration / "spark-defaults.conf").write_text("".join(lines))
        return {
            **self._clean_environment(),
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_CONF_DIR": str(configuration),
            "HADOOP_CONF_DIR": str(self._configuration),
            "SPARK_DIST_CLASSPATH": f"{jars.folder('spark')}/*",  # S3A, to read what is submitted
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": str(self.node.python()),
        }

    def _clean_environment(self) -> dict[str, str]:
        return {**where_programs_are(), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **self.environment}

    def _spark_defaults(self, cluster: Cluster) -> dict[str, str]:
        defaults = {
            "spark.master": "yarn",
            "spark.yarn.tags": cluster.id,
            "spark.yarn.jars": f"local:{SPARK_HOME}/jars/*",  # else every submit zips 400 MB
            "spark.yarn.stagingDir": f"file://{self.folder}/staging",
            "spark.yarn.submit.file.replication": "1",
            "spark.dynamicAllocation.enabled": "false",  # its shuffle service does not come with pip's Spark
            "spark.executor.instances": "1",
            "spark.ui.enabled": "false",
            "spark.log.level": "WARN",
            "spark.yarn.report.interval": "300ms",
        }
        for role in ("driver", "executor"):
            defaults[f"spark.{role}.extraClassPath"] = f"{jars.folder('spark')}/*"
            defaults[f"spark.{role}.defaultJavaOptions"] = " ".join([*JVM_OPTIONS, JAVA_REGION])
        for where in ("spark.yarn.appMasterEnv", "spark.executorEnv"):
            defaults[f"{where}.SPARK_LOCAL_IP"] = "127.0.0.1"
            defaults[f"{where}.PYSPARK_PYTHON"] = str(self.node.python())
        return defaults

    def _core(self) -> dict[str, str]:
        return {
            "fs.defaultFS": "file:///",
            "hadoop.tmp.dir": f"{self.folder}/hadoop",
            "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
            "fs.s3a.endpoint": self.environment["AWS_ENDPOINT_URL"],
            "fs.s3a.path.style.access": "true",
        }

    def _site(self) -> dict[str, str]:
        """Loopback only, on free ports; sizes are promised, not enforced."""
        manager, node = "yarn.resourcemanager", "yarn.nodemanager"
        addresses = ("address", "scheduler.address", "resource-tracker.address", "admin.address", "webapp.address")
        ports = dict(zip(addresses, _free_ports(len(addresses)), strict=True))
        self._web = f"http://127.0.0.1:{ports['webapp.address']}/ws/v1/cluster"
        return {
            f"{manager}.hostname": "127.0.0.1",
            f"{manager}.bind-host": "127.0.0.1",
            **{f"{manager}.{name}": f"127.0.0.1:{port}" for name, port in ports.items()},
            # The default, capacity, gives drivers a tenth of the memory: one at a time.
            f"{manager}.scheduler.class": f"org.apache.hadoop.yarn.server.{SCHEDULER}",
            f"{manager}.nodemanagers.heartbeat-interval-ms": "100",
            # Containers whose ResourceManager was killed give up by themselves.
            f"{manager}.connect.max-wait.ms": "5000",
            f"{manager}.connect.retry-interval.ms": "1000",
            "yarn.scheduler.minimum-allocation-mb": "64",
            "yarn.scheduler.maximum-allocation-mb": "65536",
            f"{node}.hostname": "127.0.0.1",
            f"{node}.bind-host": "127.0.0.1",
            f"{node}.address": "127.0.0.1:0",
            f"{node}.localizer.address": "127.0.0.1:0",
            f"{node}.webapp.address": "127.0.0.1:0",
            f"{node}.resource.memory-mb": "65536",
            f"{node}.resource.cpu-vcores": "64",
            f"{node}.local-dirs": f"{self.folder}/local",
            f"{node}.log-dirs": f"{self.folder}/logs",
            f"{node}.vmem-check-enabled": "false",
            f"{node}.pmem-check-enabled": "false",
            f"{node}.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.5",
            f"{node}.env-whitelist": ",".join(["JAVA_HOME", *self.environment]),
        }

    def _class_path(self) -> str:
        spark = [str(path) for pattern in FROM_SPARK for path in sorted((SPARK_HOME / "jars").glob(f"{pattern}.jar"))]
        return os.pathsep.join([str(self._configuration), f"{jars.folder('yarn')}/*", *spark])

    @property
    def _configuration(self) -> Path:
        return self.folder / "conf"

    def _client(self, *arguments: str) -> str:
        """Hadoop's own client: the shaded Hadoop's REST answers lack the ids of applications."""
        command = self._client_command(*arguments)
        environment = self._clean_environment()
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    def _client_command(self, *arguments: str) -> list[str]:
        client = "org.apache.hadoop.yarn.client.cli.ApplicationCLI"
        return ["java", *JVM_OPTIONS, "-cp", self._class_path(), client, "application", *arguments]

    def _has_node(self) -> bool:
        request = Request(f"{self._web}/nodes", headers={"Accept": "application/json"})  # noqa: S310  # loopback
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310
                nodes = json.loads(answer.read())["nodes"]
        except (OSError, ValueError):
            return False  # not up yet
        return any(node["state"] == "RUNNING" for node in nodes)


def _write(file: Path, properties: dict[str, str]) -> None:
    root = Xml.Element("configuration")
    for name, value in properties.items():
        entry = Xml.SubElement(root, "property")
        Xml.SubElement(entry, "name").text = name
        Xml.SubElement(entry, "value").text = value
    file.write_bytes(Xml.tostring(root))


def _free_ports(count: int) -> list[int]:
    """All held at once, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
