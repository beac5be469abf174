"""A secret that the settings name is in the role of the job that reads its source, by itself."""

import json
import re
from typing import Any

import pytest

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Bearer, Lineage, Search, Settings
from pipeline_assets.deployment import deployment
from pipeline_assets.home import deployment_settings
from pipeline_assets.production.generate.secrets import require_a_reader, secrets, secrets_of
from tests.domains import LIBRARY


@pytest.fixture
def settings() -> Settings:
    """Of production, with a search that asks for a password: each connection has a secret of its own."""
    given = deployment_settings()
    search = Search(url="https://search", auth="basic", username="us", password="aws:library/search")  # a name
    club = given.connections["club"]
    api = club.model_copy(update={"auth": Bearer(kind="bearer", token="aws:others/api")})
    return given.model_copy(update={"search": search, "connections": {**given.connections, "club": api}})


def test_each_job_reads_the_secrets_of_its_own_sources(settings: Settings) -> None:
    assert {job.name: secrets_of(job, settings) for job in LIBRARY.jobs} == {
        "extract_loans": [],
        "extract_members": ["aws:library/office-key"],
        "extract_reviews": ["aws:others/api"],
        "catalogue": ["aws:library/search"],
    }


def test_roles_of_instances_and_of_dagster_have_every_secret_of_the_settings(settings: Settings) -> None:
    made = deployment(settings).main["Resources"]
    wanted = {"library/office-key", "others/api", "library/search"}
    assert {title: readable(made[title]) for title in ("EmrInstanceRole", "DagsterPolicy", "DailyRole")} == {
        "EmrInstanceRole": wanted,
        "DagsterPolicy": wanted,
        "DailyRole": set(),
    }


def readable(resource: dict[str, Any]) -> set[str]:
    return set(re.findall(r":secret:([\w/-]+)-\*", json.dumps(resource)))


def test_secret_that_no_job_reads_is_refused_before_anything_is_written(settings: Settings) -> None:
    with pytest.raises(Misconfigured) as refused:
        require_a_reader(settings, tuple(job for job in LIBRARY.jobs if job.name != "extract_reviews"))
    secret = "connections.club.auth.token = aws:others/api"
    assert str(refused.value).startswith(f"settings: no job reads what {secret} is for")


def test_token_of_lineage_is_read_by_dagster_and_by_no_job(settings: Settings) -> None:
    told = settings.model_copy(update={"lineage": Lineage(url="https://lineage", token="aws:library/lineage")})
    require_a_reader(told, LIBRARY.jobs)
    assert not [job.name for job in LIBRARY.jobs if "aws:library/lineage" in secrets_of(job, told)]
    assert "aws:library/lineage" in secrets(told).values()
