"""A real OpenSearch node, one process, no security, started from the jars of versions.toml.

Differs from a production cluster: one node, plain HTTP on loopback, no ISM or ingest plugins, small heap. The
process ends with whoever started it, even when that one is killed.
"""

import random
import re
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from local_stack import jars
from pipeline_assets.process import TiedProcess

JVM_OPTIONS = ("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
START_TIMEOUT_S = 120
# The runner takes the first free port from its base up, but none above 9299.
PORTS = range(9200, 9300)
# Spares the three seconds in which a node looks for others.
CONFIG = "discovery.type: single-node\n"


class OpenSearchNode:
    """Starts at once; `wait` returns when it answers, `stop` ends it."""

    def __init__(self, folder: Path, *, options: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "opensearch.log"
        command = ["java", *JVM_OPTIONS, *options, "-cp", f"{jars.folder('opensearch')}/*"]
        command += ["org.codelibs.opensearch.runner.OpenSearchRunner", "-basePath", str(folder / "node")]
        command += ["-numOfNode", "1", "-baseHttpPort", str(_free_port() - 1), "-clusterName", "local"]
        command += ["-printOnFailure"]
        config = folder / "node" / "node_1" / "config"
        config.mkdir(parents=True, exist_ok=True)
        (config / "opensearch.yml").write_text(CONFIG)
        with self._log.open("w") as log:
            self._process = TiedProcess(command, cwd=folder, output=log)
        self._started = time.monotonic()

    def wait(self) -> str:
        """Its URL, once it answers. The port is read from the log: it moves up when taken."""
        while time.monotonic() - self._started < START_TIMEOUT_S:
            if self._process.poll() is not None:
                break
            port = re.search(r"publish_address \{127\.0\.0\.1:(\d+)\}", self._http_lines())
            if port and _answers(url := f"http://127.0.0.1:{port.group(1)}"):
                return url
            time.sleep(0.1)
        tail = self._log.read_text().splitlines()[-5:]
        self.stop()
        raise RuntimeError(f"OpenSearch did not start; {self._log} ends with:\n" + "\n".join(tail))

    def _http_lines(self) -> str:
        return "\n".join(line for line in self._log.read_text().splitlines() if "HttpServerTransport" in line)

    def end_gently(self) -> None:
        """Let the JVM run its exit hooks; returns when it has ended."""
        self._process.end_gently()

    def stop(self) -> None:
        self._process.kill()


def _free_port() -> int:
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError(f"no free port in {PORTS.start} to {PORTS.stop - 1}")


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=5) as answer:  # noqa: S310
            return answer.status == 200
    except (URLError, OSError):
        return False
