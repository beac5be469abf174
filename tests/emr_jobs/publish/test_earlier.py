"""Which earlier version a day can go back to, from metadata alone."""

from typing import Any

import pytest

from emr_jobs.core.errors import BadInput
from emr_jobs.core.settings import Lake
from emr_jobs.publish import earlier
from emr_jobs.publish.earlier import Indexed
from tests.domains import LIBRARY
from tests.emr_jobs.publish.test_versions import ANOTHER, COMPACTED, DAY, published, table

A, B, C = (f"{DAY}.{run}.0" for run in "abc")
LAKE = Lake(catalog="glue", warehouse="s3://lake")
LENDING, BRANCH_DAYS, REJECTS = "marts.lending", "marts.branch_days", "staged.rejected_loans"


def lineage(*versions: str, **more: Any) -> dict[str, Any]:
    return table(*(published(version) for version in versions), **more)


def restored(version: str) -> dict[str, str]:
    return published(version, **{"restored-by": f"{DAY}.back.0"})


def test_a_version_is_in_every_snapshot_until_the_next_one() -> None:
    metadata = table(published(A), ANOTHER, COMPACTED, published(B))
    assert earlier.snapshot_of(metadata, DAY, A) == 3
    assert earlier.snapshot_of(metadata, DAY, B) == 4
    assert earlier.snapshot_of(metadata, DAY, C) is None
    assert earlier.shown(metadata, DAY) == B


def test_a_version_whose_publication_has_expired_is_found_in_a_younger_snapshot() -> None:
    metadata = table(ANOTHER, published(B), **{f"version-of.{DAY}": A})
    assert earlier.snapshot_of(metadata, DAY, A) == 1


@pytest.mark.parametrize(
    ("lending", "branch_days", "indexed", "expected"),
    [
        (lineage(A, B), lineage(A, B), Indexed(B, {A: "a", B: "b"}), A),
        (lineage(A, B, C), lineage(A, B, C), Indexed(C, {A: "a", B: "b", C: "c"}), B),
        (table(published(A), published(B), published(C), restored(B)),
         table(published(A), published(B), published(C), restored(B)), Indexed(B, {A: "a", B: "b", C: "c"}), A),
        (lineage(A, B, C), lineage(A, C), Indexed(C, {A: "a", B: "b", C: "c"}), A),
        (lineage(A, B, C), lineage(A, B, C), Indexed(C, {A: "a", C: "c"}), A),
        (lineage(A, B), lineage(A), Indexed(A, {A: "a"}), A),
        (table(published(A), published(B), restored(A)), lineage(A, B), Indexed(B, {A: "a", B: "b"}), A),
        (lineage(A), lineage(A), Indexed(A, {A: "a"}), None),
        (table(), table(), Indexed(None, {}), None),
    ],
    ids=[
        "the one before", "the newest before", "not the one that was taken back", "one that is whole in the tables",
        "one whose index is kept", "a run that was stopped halfway", "a rollback that was stopped halfway is finished",
        "nothing before", "never published",
    ],
)  # fmt: skip
def test_previous(lending: dict[str, Any], branch_days: dict[str, Any], indexed: Indexed, expected: str | None) -> None:
    assert earlier.previous({LENDING: lending, BRANCH_DAYS: branch_days}, indexed, LENDING, DAY) == expected


@pytest.mark.parametrize(
    ("dataset", "limit"),
    [(LENDING, "7 days (lake.snapshot_keep_days)"), (REJECTS, "1 days (its contract keeps days for a while only)")],
)
def test_what_has_expired_is_refused_with_its_limit(dataset: str, limit: str) -> None:
    with pytest.raises(BadInput) as refused:
        earlier.snapshots({dataset: lineage(B)}, DAY, A, contracts=LIBRARY.contracts, lake=LAKE)
    assert str(refused.value) == (
        f"{dataset} {DAY}: expected a snapshot with version {A}, found none. It has expired, or never was: snapshots "
        f"are kept for {limit}. Mend the source or the code, and run the day again"
    )
