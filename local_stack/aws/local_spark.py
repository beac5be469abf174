"""Runs a step on local Spark: two cores of this machine instead of a cluster.

The cluster's own configuration, which on EMR lies in /etc/spark/conf, is spark-defaults.conf in the node's folder:
local master, the jars of the release, a JVM that starts quickly.
"""

from dataclasses import dataclass
from pathlib import Path

from local_stack import jars
from local_stack.aws.container import JAVA_REGION, SCRATCH, Submit, command, spark_configuration
from local_stack.aws.plain_python import PlainPython
from pipeline_assets.command import spark_home


@dataclass(frozen=True)
class LocalSpark(PlainPython):
    program: str = "java"

    def _command(self, submit: Submit) -> list[str]:
        return command(submit, spark_home=spark_home())

    def _own_environment(self) -> dict[str, str]:
        return {
            "SPARK_HOME": str(spark_home()),
            "SPARK_CONF_DIR": str(self._configuration()),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }

    def _configuration(self) -> Path:
        options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Djava.io.tmpdir={SCRATCH}", JAVA_REGION]
        if jars.archive("spark").exists():
            options.append(f'"-XX:SharedArchiveFile={jars.archive("spark")}"')
        defaults = {
            "spark.master": "local[2]",
            "spark.ui.enabled": "false",
            "spark.log.level": "WARN",
            "spark.driver.extraClassPath": f"{jars.folder('spark')}/*",
            "spark.driver.defaultJavaOptions": " ".join(options),
        }
        return spark_configuration(self.node.folder / "spark-conf", defaults)
