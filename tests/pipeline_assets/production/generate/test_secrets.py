"""A secret that the settings name is in the role of the job that reads its source, by itself."""

import json
import re
from typing import Any

import pytest

from emr_jobs.errors import Misconfigured
from emr_jobs.settings import Bearer, Search, Settings
from pipeline_assets.deployment import deployment
from pipeline_assets.home import deployment_settings
from pipeline_assets.production.generate.secrets import require_a_reader, secrets_of
from tests.shop import SHOP


@pytest.fixture
def settings() -> Settings:
    """Of production, with a search that asks for a password: every connection has a secret, one of them is shared."""
    given = deployment_settings()
    search = Search(url="https://search", auth="basic", username="us", password="aws:pipeline/search")  # a name
    carrier = given.connections["carrier"]
    api = carrier.model_copy(update={"auth": Bearer(kind="bearer", token="aws:shop/api")})
    return given.model_copy(update={"search": search, "connections": {**given.connections, "carrier": api}})


def test_each_job_reads_the_secrets_of_its_own_sources(settings: Settings) -> None:
    assert {job.name: secrets_of(job, settings) for job in SHOP.jobs} == {
        "extract_orders": [],
        "extract_customers": ["aws:pipeline/snowflake-key"],
        "extract_shipments": ["aws:shop/api"],
        "master": ["aws:pipeline/search"],
    }


def test_roles_of_instances_and_of_dagster_have_every_secret_of_the_settings(settings: Settings) -> None:
    made = deployment(settings).main["Resources"]
    wanted = {"pipeline/snowflake-key", "shop/api", "pipeline/search"}
    assert {title: readable(made[title]) for title in ("EmrInstanceRole", "DagsterPolicy", "DailyRole")} == {
        "EmrInstanceRole": wanted,
        "DagsterPolicy": wanted,
        "DailyRole": set(),
    }


def readable(resource: dict[str, Any]) -> set[str]:
    return set(re.findall(r":secret:([\w/-]+)-\*", json.dumps(resource)))


def test_secret_that_no_job_reads_is_refused_before_anything_is_written(settings: Settings) -> None:
    with pytest.raises(Misconfigured) as refused:
        require_a_reader(settings, tuple(job for job in SHOP.jobs if job.name != "extract_shipments"))
    secret = "connections.carrier.auth.token = aws:shop/api"
    assert str(refused.value).startswith(f"settings: no job reads what {secret} is for")
