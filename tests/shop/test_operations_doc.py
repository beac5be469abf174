"""docs/operations.md takes its examples from the shop: each of them is there."""

import re

from emr_jobs.core import settings as settings_module
from pipeline_assets.home import ROOT
from tests.shop import PROFILES, SHOP

DOC = (ROOT / "docs" / "operations.md").read_text()
PRODUCTION = settings_module.load(str(PROFILES / "production.toml"))


def named(pattern: str) -> set[str]:
    """What stands on the page like this; that is something."""
    names = set(re.findall(pattern, DOC))
    assert names, pattern
    return names


def test_datasets_of_the_page_are_the_shops() -> None:
    layers = {contract.id.partition(".")[0] for contract in SHOP.tables}
    assert named(rf"\b(?:{'|'.join(layers)})\.\w+") <= {contract.id for contract in SHOP.tables}


def test_jobs_of_the_page_are_the_shops() -> None:
    jobs = {job.name for job in SHOP.jobs}
    assert named(r"--(?:only|from) (\w+)") <= jobs
    assert named(r"not published: (extract_\w+)") <= jobs


def test_secrets_of_the_page_are_those_of_the_settings() -> None:
    secrets = {each.removeprefix("aws:") for each in PRODUCTION.secrets.values()}
    assert named(r"pipeline/[a-z]+-[a-z]+") == secrets


def test_every_bucket_of_deliveries_has_a_row() -> None:
    buckets = {each.bucket.strip("${}") for each in PRODUCTION.files.values() if each.bucket}
    assert named(r"(?m)^\| `(\w+)` \| what is read through") == buckets


def test_sizes_and_limits_are_where_the_page_sends_its_reader() -> None:
    assert named(r"`(\w+/jobs\.py)`") == {f"{SHOP.package}/jobs.py"}
    assert (ROOT / SHOP.package / "jobs.py").is_file()
