"""Runs a step on local Spark: two cores of this machine instead of a cluster.

The cluster's own configuration, which on EMR lies in /etc/spark/conf, is spark-defaults.conf in the node's folder:
local master, the jars of the release, a JVM that starts quickly.
"""

from dataclasses import dataclass
from pathlib import Path

from local_stack import jars
from local_stack.aws.agent import OUTPUT
from local_stack.aws.authorisation import instance_environment
from local_stack.aws.container import Node, command, environment, prepare, understand
from local_stack.aws.emr import Cluster, Step
from pipeline_assets.launchers.command import spark_home
from pipeline_assets.launchers.process import TiedProcess


@dataclass(frozen=True)
class LocalSpark:
    node: Node
    environment: dict[str, str]  # what the cluster gives every step
    program: str = "java"

    def start(self, cluster: Cluster, step: Step, folder: Path) -> TiedProcess:
        submit = understand(step.args)
        container = folder / "container"
        prepare(submit, self.node, container)
        given = {
            **self.environment,
            **instance_environment(cluster.role),
            "SPARK_HOME": str(spark_home()),
            "SPARK_CONF_DIR": str(self._configuration()),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        with (folder / OUTPUT).open("wb") as output:
            return TiedProcess(
                command(submit, spark_home=spark_home()),
                env=environment(submit, self.node, given),
                cwd=container,
                output=output,
            )

    def logs(self, output: str) -> dict[str, bytes]:
        """The driver writes into the step's output."""
        return {}

    def end(self, cluster: Cluster) -> None:
        """A step's process is all there is."""

    def _configuration(self) -> Path:
        folder = self.node.folder / "spark-conf"
        folder.mkdir(parents=True, exist_ok=True)
        options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        if jars.archive("spark").exists():
            options.append(f"-XX:SharedArchiveFile={jars.archive('spark')}")
        defaults = {
            "spark.master": "local[2]",
            "spark.ui.enabled": "false",
            "spark.log.level": "WARN",
            "spark.driver.extraClassPath": f"{jars.folder('spark')}/*",
            "spark.driver.defaultJavaOptions": " ".join(options),
        }
        (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in defaults.items()))
        return folder
