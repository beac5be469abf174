"""A local AWS for tests that need no search and no sources: its settings, and what its EMR has seen."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import tomlkit
from pyspark.sql import SparkSession

from emr_jobs.core import settings as settings_module
from emr_jobs.core.settings import Aws, Settings
from local_stack.aws.account import LocalAws, client, furnish
from pipeline_assets.home import aws_environment, profile

KEYS = {
    "AWS_ACCESS_KEY_ID": "aws.accessKeyId",
    "AWS_SECRET_ACCESS_KEY": "aws.secretAccessKey",
    "AWS_REGION": "aws.region",
}


@dataclass(frozen=True)
class Cloud:
    settings: Settings
    settings_uri: str
    faults: str

    @property
    def emr(self) -> Any:
        return client("emr", str(self.settings.aws.endpoint))

    @property
    def s3(self) -> Any:
        return client("s3", str(self.settings.aws.endpoint))

    def clusters(self) -> dict[str, str]:
        """Id and state of every cluster that there ever was."""
        pages = self.emr.get_paginator("list_clusters").paginate()
        return {found["Id"]: found["Status"]["State"] for page in pages for found in page["Clusters"]}

    def steps(self, cluster_id: str) -> list[dict[str, Any]]:
        """Oldest first."""
        found = self.emr.list_steps(ClusterId=cluster_id)["Steps"]
        return sorted(found, key=lambda step: step["Status"]["Timeline"]["CreationDateTime"])

    def throttle(self, action: str, times: int) -> None:
        requests.put(self.faults, json={"throttle": action, "times": times}, timeout=10).raise_for_status()

    def switch(self, **wanted: int | str) -> None:
        requests.put(self.faults, json=wanted, timeout=10).raise_for_status()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **aws_environment(self.settings.aws)}


@contextmanager
def running_cloud(folder: Path) -> Iterator[Cloud]:
    aws = LocalAws(folder / "aws", plain=True)
    try:
        addresses = aws.wait()
        values = tomlkit.parse(profile("emulator").read_text()).unwrap()
        values["aws"]["endpoint"] = addresses["url"]
        values["lake"]["database_prefix"] = "library_"
        file = folder / "settings.toml"
        file.write_text(tomlkit.dumps(values))
        settings = settings_module.load(str(file))
        furnish(settings, secrets={}, data=folder / "nothing")
        yield Cloud(settings, str(file), addresses["faults"])
    finally:
        aws.stop()


@contextmanager
def keys_of(aws: Aws, spark: SparkSession) -> Iterator[None]:
    """The clients of the tests' Spark, whose JVM has an environment of its own, have the keys of a local AWS."""
    assert spark._jvm is not None
    properties, environment = spark._jvm.java.lang.System, aws_environment(aws)
    for name, key in KEYS.items():
        properties.setProperty(key, environment[name])
    yield
    for key in KEYS.values():
        properties.clearProperty(key)
