"""Adding a dataset takes these steps (README); what lacks one is named here."""

import ast

import pytest

from emr_jobs.contracts import Medium
from pipeline_assets.home import ROOT
from tests.shop import SHOP

PUBLISHED = sorted(name for name, contract in SHOP.contracts.items() if contract.medium is not Medium.SOURCE)


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_a_dataset_has_a_job_and_an_oracle(dataset: str) -> None:
    jobs = [job for job in SHOP.jobs if dataset in job.outputs]
    lacking = {
        "one job in shop/jobs.py": len(jobs) == 1,
        "expected rows in tests/shop/reference": _mentions("tests/shop/reference", dataset),
    }
    assert [step for step, there in lacking.items() if not there] == []


@pytest.mark.parametrize("dataset", sorted(SHOP.contracts))
def test_every_column_says_what_it_is(dataset: str) -> None:
    assert [column.name for column in SHOP.contracts[dataset].columns if not column.description] == []


def test_what_jobs_publish_has_a_contract() -> None:
    assert sorted(dataset for job in SHOP.jobs for dataset in job.outputs) == PUBLISHED


def _mentions(where: str, dataset: str) -> bool:
    """As a string of the code, in a file or in one of a folder."""
    path = ROOT / where
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return any(
        isinstance(node, ast.Constant) and node.value == dataset
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
    )
