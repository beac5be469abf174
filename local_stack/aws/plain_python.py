"""Runs a step's program with Python alone, in the container of local_spark: without the JVMs of spark-submit.

For programs without Spark; one that imports PySpark finds it, and no gateway to talk to.
"""

from dataclasses import dataclass
from pathlib import Path

from local_stack.aws.agent import OUTPUT
from local_stack.aws.authorisation import instance_environment
from local_stack.aws.container import Node, environment, prepare, understand
from local_stack.aws.emr import Cluster, Step
from pipeline_assets.launchers.process import TiedProcess


@dataclass(frozen=True)
class PlainPython:
    node: Node
    environment: dict[str, str]  # what the cluster gives every step
    program: str = "python"

    def start(self, cluster: Cluster, step: Step, folder: Path) -> TiedProcess:
        submit = understand(step.args)
        container = folder / "container"
        prepare(submit, self.node, container)
        given = {**self.environment, **instance_environment(cluster.role)}
        with (folder / OUTPUT).open("wb") as output:
            return TiedProcess(
                [str(self.node.python()), submit.script.rpartition("/")[2], *submit.arguments],
                env=environment(submit, self.node, given),
                cwd=container,
                output=output,
            )

    def logs(self, output: str) -> dict[str, bytes]:
        """The program writes into the step's output."""
        return {}

    def end(self, cluster: Cluster) -> None:
        """A step's process is all there is."""
