"""What a dataset is said to be, from its contract and its job alone."""

import pytest

from emr_jobs.contracts import Medium
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import load
from pipeline_assets.description import CheckFacts, ColumnFacts, description_of, meaning, place_of
from tests.domains import LIBRARY, LOCAL, settings_domain


def test_a_table_is_described_with_its_job_its_neighbours_and_when_it_is_due() -> None:
    found = description_of(LIBRARY, "marts.lending")
    assert (found.kind, found.status, found.version, found.owner) == ("table", "active", "1.0.0", "librarians")
    assert found.contract == "tests/library/contracts/marts.lending.odcs.yaml"
    assert found.description == "What was lent on a day, to whom, and what was said of it."
    assert (found.grain, found.key) == ("one row per loan of staged.loans", ("loan_id",))
    assert (found.job, found.available_by, found.keep_days) == (
        LIBRARY.job_of("marts.lending").name,
        "08:15 Berlin",
        None,
    )
    assert found.made_of == ("staged.loans", "staged.members", "staged.reviews")
    assert found.read_by == ("marts.branch_days", "find.lending")


def test_a_column_says_what_it_is_what_it_may_hold_and_who_may_see_it() -> None:
    columns = {each.name: each for each in description_of(LIBRARY, "marts.lending").columns}
    assert columns["member_name"] == ColumnFacts(
        name="member_name",
        type="string",
        required=False,
        description=next(
            each.description for each in LIBRARY.contracts["marts.lending"].columns if each.name == "member_name"
        ),
        accepted={},
        classification="confidential",
        comes_from=("staged.members.name",),
        logic=None,
    )
    said = meaning(ColumnFacts("x", "string", True, "What it is.", {"a": "the first", "b": None}, "secret", (), None))
    assert said == "What it is. One of a (the first), b. Classified as secret"


def test_fields_of_a_list_stand_below_it_with_their_path() -> None:
    names = [each.name for each in description_of(LIBRARY, "find.lending").columns]
    assert names[-4:] == ["reviews", "reviews.review_id", "reviews.stars", "reviews.text"]


def test_a_check_says_what_its_number_must_be() -> None:
    checks = {each.name: each for each in description_of(LIBRARY, "marts.lending").checks}
    assert checks["member_known"] == CheckFacts(
        "member_known", "warning", "Share of loans whose member is not in staged.members", "at most 0.05", None
    )
    assert (checks["key_unique"].expected, checks["row_count_drift"].expected) == (None, "-0.4 to 0.4")


@pytest.mark.parametrize("domain", [LIBRARY, settings_domain()], ids=lambda domain: domain.package)
def test_every_dataset_of_a_domain_has_a_description(domain: object) -> None:
    for dataset, contract in domain.contracts.items():  # type: ignore[attr-defined]
        found = description_of(domain, dataset)  # type: ignore[arg-type]
        assert [each.name for each in found.columns if "." not in each.name] == [each.name for each in contract.columns]
        assert (found.job is None) is (contract.medium is Medium.SOURCE)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("lending", "lending: no such dataset; close are find.lending, marts.lending"),
        ("marts.lendings", "marts.lendings: no such dataset; close are marts.lending, find.lending"),
        ("zzz", f"zzz: no such dataset; there are {', '.join(sorted(LIBRARY.contracts))}"),
    ],
)
def test_another_name_is_answered_with_the_close_ones(asked: str, said: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        description_of(LIBRARY, asked)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("dataset", "where"),
    [
        ("marts.lending", "prod_marts.lending in the lake s3://lake/warehouse"),
        ("find.lending", "alias lendings at https://search.example"),
        ("files.loans", "s3://desk/loans/"),
        ("http.reviews", "https://club.example"),
        ("snowflake.members", "LIBRARY."),
    ],
)
def test_where_it_is_read_is_what_the_settings_say(dataset: str, where: str) -> None:
    local = load(str(LOCAL))
    connections = dict(local.connections)
    connections["desk"] = connections["desk"].model_copy(update={"uri": "s3://desk"})
    connections["club"] = connections["club"].model_copy(update={"url": "https://club.example"})
    settings = local.model_copy(
        update={
            "lake": local.lake.model_copy(update={"warehouse": "s3://lake/warehouse", "database_prefix": "prod_"}),
            "search": local.search.model_copy(update={"url": "https://search.example"}),
            "connections": connections,
        }
    )
    assert place_of(settings, LIBRARY.contracts[dataset]).startswith(where)
    none = settings.model_copy(update={"connections": {}})
    if LIBRARY.is_source(dataset):
        named = LIBRARY.contracts[dataset].connection
        assert place_of(none, LIBRARY.contracts[dataset]) == f"connection {named}, which the settings do not have"
