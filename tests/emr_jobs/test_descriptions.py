"""What a column says of itself, and what it says when it comes from another one."""

from dataclasses import replace

import pytest

from emr_jobs.contracts import Column
from emr_jobs.contracts.load import described
from emr_jobs.contracts.table import column_description
from tests.domains import LIBRARY


@pytest.mark.parametrize(
    ("dataset", "column", "description"),
    [
        ("staged.members", "branch", "BRANCH of a member"),
        ("marts.lending", "branch", "BRANCH of a member"),
        ("marts.branch_days", "branch", "none without one"),
        ("staged.members", "partition_date", None),
        ("marts.lending", "member_name", None),
        ("find.lending", "reviews", "In order of review_id"),
    ],
    ids=["of its name", "through two", "says something", "from none", "another name", "from several"],
)
def test_a_column_that_says_nothing_is_what_the_column_of_its_name_is(
    dataset: str, column: str, description: str | None
) -> None:
    members = LIBRARY.contracts["snowflake.members"]
    said = replace(
        members, columns=tuple(replace(each, description=f"{each.name} of a member") for each in members.columns)
    )
    contract = described({**LIBRARY.contracts, members.id: said})[dataset]
    assert [each.description for each in contract.columns if each.name == column] == [description]


def test_a_column_that_comes_from_itself_is_not_looked_for_for_ever() -> None:
    members = LIBRARY.contracts["staged.members"]
    branch = Column("branch", "string", lineage=(("staged.members", "branch"),))
    circle = described({members.id: replace(members, columns=(branch,))})
    assert circle[members.id].columns == (branch,)


def test_catalogues_show_what_values_mean_and_who_may_see_them() -> None:
    kind = Column(
        "kind",
        "string",
        description="What was lent.",
        accepted=("book", "film"),
        meanings=(("film", "on a disc"),),
        classification="confidential",
    )
    assert column_description(kind) == "What was lent. One of book, film (on a disc). Classified as confidential"
    assert column_description(Column("any", "string")) is None
