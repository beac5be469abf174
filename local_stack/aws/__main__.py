"""The process of the local AWS: see the package. Its steps are tied to it: whatever ends it ends them."""

import json
import logging
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import boto3
from moto.emr.models import emr_backends
from moto.server import ThreadedMotoServer

from emr_jobs.s3_uri import bucket_and_key
from emr_jobs.settings import Aws
from local_stack.aws import ACCOUNT, ADDRESSES, REGION, emr, glue
from local_stack.aws.agent import Agent, Runner
from local_stack.aws.container import Node
from local_stack.aws.local_spark import LocalSpark
from local_stack.aws.yarn import Yarn
from pipeline_assets.home import aws_environment


class Faults(BaseHTTPRequestHandler):
    """PUT {"throttle": "describe_step", "times": 3}: the next three such calls are refused."""

    def do_PUT(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = wanted.get("throttle") in emr.ACTIONS
        if known:
            emr.THROTTLED[wanted["throttle"]] = wanted["times"]
        self.send_response(200 if known else 501)
        self.end_headers()
        if not known:
            self.wfile.write(f"no such fault: {wanted}; throttle is one of {', '.join(emr.ACTIONS)}".encode())

    def log_message(self, *_: Any) -> None:
        """Requests are no news."""


def main(folder: Path, *, yarn: bool) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    emr.install()
    glue.install()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    environment = aws_environment(Aws(region=REGION, endpoint=url))  # on EMR from the instance
    os.environ |= environment
    s3 = boto3.client("s3")

    def fetch(address: str, file: Path) -> None:
        s3.download_file(*bucket_and_key(address), str(file))

    def upload(address: str, content: bytes) -> None:
        bucket, key = bucket_and_key(address)
        s3.put_object(Bucket=bucket, Key=key, Body=content)

    node = Node(folder / "node", fetch)
    runner: Runner = LocalSpark(node, environment)
    if yarn:
        runner = Yarn(node, environment, folder / "yarn")
        runner.launch()
    agent = Agent(
        clusters=lambda: list(emr_backends[ACCOUNT][REGION].clusters.values()),
        runner=runner,
        folder=folder / "clusters",
        upload=upload,
    )
    agent.start()
    faults = ThreadingHTTPServer(("127.0.0.1", 0), Faults)
    Thread(target=faults.serve_forever, daemon=True).start()
    addresses = {"url": url, "faults": f"http://127.0.0.1:{faults.server_port}"}
    written = folder / f"{ADDRESSES}.part"
    written.write_text(json.dumps(addresses))
    written.rename(folder / ADDRESSES)
    Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), yarn="--yarn" in sys.argv[2:])
