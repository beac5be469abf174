"""Runs a step on a real YARN (hadoop), by its own spark-submit line as it is, in cluster mode.

Driver and executors run in containers with nothing in their environment but what YARN puts there. For what local
Spark cannot show, at twice its CPU: packaging, clean environments, kills, room for drivers. Clusters of one shape share
one YARN, which starts with the first step of the first of them; an application carries its cluster as a tag. Differs
from EMR: what hadoop says; of the cluster's classifications only YARN's are taken; one executor a job.
"""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from local_stack import jars
from local_stack.aws.agent import OUTPUT
from local_stack.aws.container import JAVA_REGION, Node, NotEmulated, spark_configuration
from local_stack.aws.emr import Cluster, Step
from local_stack.aws.hadoop import JVM_OPTIONS, SPARK_HOME, Hadoop, Shape
from pipeline_assets.process import TiedProcess

_APPLICATION = re.compile(r"application_\d+_\d+")


@dataclass
class Yarn:
    """Its containers are its children."""

    node: Node
    environment: dict[str, str]  # what the cluster gives every container: EMR's instance profile, no region
    folder: Path
    program: str = "java"
    _running: dict[Shape, Hadoop] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def start(self, cluster: Cluster, step: Step, folder: Path) -> TiedProcess:
        hadoop = self._of(cluster)
        with (folder / OUTPUT).open("wb") as output:
            return TiedProcess(
                self._command(hadoop, step.args),
                env=self._submit_environment(hadoop, cluster),
                cwd=folder,
                output=output,
            )

    def logs(self, output: str) -> dict[str, bytes]:
        """Of the containers of the application that spark-submit names; the driver's own words are only there."""
        return {
            f"containers/{application}/{file.parent.name}/{file.name}": file.read_bytes()
            for application in sorted(set(_APPLICATION.findall(output)))
            for file in sorted(self.folder.glob(f"*/nodes/*/logs/{application}/*/std*"))
        }

    def end(self, cluster: Cluster) -> None:
        """What a terminated cluster takes along."""
        hadoop, states = self._running.get(Shape.of(cluster.request)), "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
        if hadoop is None:  # no step has begun
            return
        if running := _APPLICATION.findall(hadoop.applications("-list", "-appTags", cluster.id, "-appStates", states)):
            hadoop.applications("-kill", *sorted(set(running)))

    def _of(self, cluster: Cluster) -> Hadoop:
        shape = Shape.of(cluster.request)
        with self._lock:
            if shape not in self._running:
                if not self._running:  # of an earlier stack
                    shutil.rmtree(self.folder, ignore_errors=True)
                made = Hadoop(shape, self.environment, self.folder / str(len(self._running) + 1))
                made.launch()
                self._running[shape] = made
            return self._running[shape]

    def _command(self, hadoop: Hadoop, arguments: list[str]) -> list[str]:
        if arguments[0] == "spark-submit":
            return [f"{SPARK_HOME}/bin/spark-submit", *arguments[1:]]
        if arguments[:2] == ["yarn", "application"]:
            return hadoop.applications_command(*arguments[2:])
        raise NotEmulated(f"expected spark-submit or yarn application, found {arguments[:2]}")

    def _submit_environment(self, hadoop: Hadoop, cluster: Cluster) -> dict[str, str]:
        """Of the primary node's shell. Without PYTHONPATH: Spark would hand it to the containers."""
        configuration = spark_configuration(
            self.folder / "spark-conf" / cluster.id, self._spark_defaults(hadoop, cluster)
        )
        return {
            **hadoop.clean_environment(),
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_CONF_DIR": str(configuration),
            "HADOOP_CONF_DIR": str(hadoop.configuration),
            "SPARK_DIST_CLASSPATH": f"{jars.folder('spark')}/*",  # S3A, to read what is submitted
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": str(self.node.python()),
        }

    def _spark_defaults(self, hadoop: Hadoop, cluster: Cluster) -> dict[str, str]:
        defaults = {
            "spark.master": "yarn",
            "spark.yarn.tags": cluster.id,
            "spark.yarn.jars": f"local:{SPARK_HOME}/jars/*",  # else every submit zips 400 MB
            "spark.yarn.stagingDir": f"file://{hadoop.folder}/staging",
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
