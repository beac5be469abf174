"""The process of the local AWS: see the package. Its steps are tied to it: whatever ends it ends them."""

import json
import logging
import os
import sys
from pathlib import Path
from threading import Event

import boto3
from moto.emr.models import emr_backends
from moto.server import ThreadedMotoServer

from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.settings import Aws
from local_stack.aws import (
    ACCOUNT,
    ADDRESSES,
    REGION,
    authorisation,
    cloudformation,
    control,
    emr,
    glue,
    regional,
    status_changes,
    step_functions,
)
from local_stack.aws.agent import Agent, Runner
from local_stack.aws.container import Node
from local_stack.aws.local_spark import LocalSpark
from local_stack.aws.plain_python import PlainPython
from local_stack.aws.yarn import Yarn
from pipeline_assets.home import aws_environment, write_whole


def main(folder: Path, *, yarn: bool, plain: bool) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    emr.install()
    glue.install()
    step_functions.install()
    cloudformation.install()
    authorisation.install()
    regional.install()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    os.environ |= aws_environment(Aws(region=REGION, endpoint=url))
    environment = aws_environment(Aws(endpoint=url))  # without a region: EMR puts none into a container
    s3 = boto3.client("s3")

    def fetch(address: str, file: Path) -> None:
        s3.download_file(*bucket_and_key(address), str(file))

    def upload(address: str, content: bytes) -> None:
        bucket, key = bucket_and_key(address)
        s3.put_object(Bucket=bucket, Key=key, Body=content)

    node = Node(folder / "node", fetch)
    runner: Runner = PlainPython(node, environment) if plain else LocalSpark(node, environment)
    if yarn:
        runner = Yarn(node, environment, folder / "yarn")
    agent = Agent(
        clusters=lambda: list(emr_backends[ACCOUNT][REGION].clusters.values()),
        runner=runner,
        folder=folder / "clusters",
        upload=upload,
    )
    agent.start()
    status_changes.watch()
    addresses = {"url": url, "faults": control.serve()}
    write_whole(folder / ADDRESSES, json.dumps(addresses))
    Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), yarn="--yarn" in sys.argv[2:], plain="--plain" in sys.argv[2:])
