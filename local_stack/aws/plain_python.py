"""Runs a step's program in a container of this machine, with Python alone: without the JVMs of spark-submit.

For programs without Spark; one that imports PySpark finds it, and no gateway to talk to.
"""

from dataclasses import dataclass
from pathlib import Path

from local_stack.aws.agent import OUTPUT
from local_stack.aws.authorisation import instance_environment
from local_stack.aws.container import SCRATCH, Node, Submit, environment, prepare, understand
from local_stack.aws.emr import Cluster, Step
from pipeline_assets.process import TiedProcess


@dataclass(frozen=True)
class PlainPython:
    node: Node
    environment: dict[str, str]  # what the cluster gives every step
    program: str = "python"

    def start(self, cluster: Cluster, step: Step, folder: Path) -> TiedProcess:
        submit = understand(step.args)
        container = folder / "container"
        prepare(submit, self.node, container)
        scratch = container / SCRATCH
        given = {
            **self.environment,
            **instance_environment(cluster.role),
            **dict.fromkeys(("TMPDIR", "SPARK_LOCAL_DIRS"), str(scratch)),
            **self._own_environment(),
        }
        with (folder / OUTPUT).open("wb") as output:
            return TiedProcess(
                self._command(submit),
                env=environment(submit, self.node, given),
                cwd=container,
                output=output,
                scratch=scratch,
            )

    def _command(self, submit: Submit) -> list[str]:
        return [str(self.node.python()), submit.script.rpartition("/")[2], *submit.arguments]

    def _own_environment(self) -> dict[str, str]:
        return {}

    def logs(self, output: str) -> dict[str, bytes]:
        """The program writes into the step's output."""
        return {}

    def end(self, cluster: Cluster) -> None:
        """A step's process is all there is."""
