"""A day's version, from a table's metadata as any library reads it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from emr_jobs.publish import versions
from emr_jobs.publish.versions import Publication, Publications, Version
from tests.domains import LIBRARY

DAY, OTHER = LIBRARY.calendar.partition("2026-11-21"), LIBRARY.calendar.partition("2026-11-20")


def table(*summaries: dict[str, str], current: int | None = None, **properties: str) -> dict[str, Any]:
    """Snapshots 1, 2, ... one after the other, each at a second of its own."""
    snapshots = [
        {"snapshot-id": number, "parent-snapshot-id": number - 1, "timestamp-ms": number * 1000, "summary": summary}
        for number, summary in enumerate(summaries, start=1)
    ]
    return {"current-snapshot-id": current or len(summaries), "snapshots": snapshots, "properties": properties}


def published(wap_id: str, **more: str) -> dict[str, str]:
    return {"operation": "overwrite", versions.PUBLISHED: wap_id, **more}


COMPACTED = {"operation": "replace"}
OLD, NEW, ANOTHER = published(f"{DAY}.old.0"), published(f"{DAY}.new.0"), published(f"{OTHER}.new.0")


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, None),
        ({"current-snapshot-id": -1, "snapshots": [], "properties": {}}, None),
        (table(OLD, NEW, ANOTHER, COMPACTED), Version(f"{DAY}.new.0", None)),
        (table(OLD, NEW, current=1), Version(f"{DAY}.old.0", None)),
        (table(OLD, {"wap.id": f"{DAY}.new.0"}, current=1), Version(f"{DAY}.old.0", None)),
        (table({"wap.id": f"{DAY}.new.0"}), Version(f"{DAY}.new.0", None)),
        (table(ANOTHER), None),
        (table(ANOTHER, **{f"version-of.{DAY}": f"{DAY}.old.0"}), Version(f"{DAY}.old.0", None)),
        (table(NEW, **{f"version-of.{DAY}": f"{DAY}.old.0"}), Version(f"{DAY}.new.0", None)),
    ],
    ids=[
        "no metadata to speak of",
        "an empty table",
        "the newest, through compaction and other days",
        "rolled back",
        "staged, not published",
        "published by fast-forward",
        "never published",
        "expired and kept",
        "newer than the kept one",
    ],
)
def test_of_day(metadata: dict[str, Any], expected: Version | None) -> None:
    assert versions.of_day(metadata, DAY) == expected


def test_the_inputs_are_read_as_they_were_written() -> None:
    inputs = {"staged.loans": "2026-11-21.x.0", "staged.members": None}
    summary = published(f"{DAY}.new.0", **{versions.COMPUTED_FROM: versions.written(inputs)})
    assert versions.of_day(table(summary), DAY) == Version(f"{DAY}.new.0", inputs)


def test_kept_is_the_newest_of_what_expires_and_nothing_younger() -> None:
    older = published(f"{DAY}.older.0")
    assert versions.to_keep(table(older, COMPACTED, OLD, ANOTHER, NEW), before_ms=5000) == {
        f"version-of.{DAY}": f"{DAY}.old.0",
        f"published-of.{DAY}": f'[[1000, "{DAY}.older.0"], [3000, "{DAY}.old.0"]]',
        f"version-of.{OTHER}": f"{OTHER}.new.0",
        f"published-of.{OTHER}": f'[[4000, "{OTHER}.new.0"]]',
    }


def at(second: int, by: str) -> Publication:
    return Publication(datetime.fromtimestamp(second, UTC), f"{DAY}.{by}.0")


def without(metadata: dict[str, Any], *expired: int) -> dict[str, Any]:
    left = [each for each in metadata["snapshots"] if each["snapshot-id"] not in expired]
    return {**metadata, "snapshots": left}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, Publications((), from_the_first=True)),
        (table(ANOTHER), Publications((), from_the_first=True)),
        (table(OLD, ANOTHER, NEW), Publications((at(1, "old"), at(3, "new")), from_the_first=True)),
        (table(OLD, NEW, current=1), Publications((at(1, "old"),), from_the_first=True)),
        (
            table(OLD) | {"snapshot-log": [{"snapshot-id": 1, "timestamp-ms": 90_000}]},
            Publications((at(90, "old"),), from_the_first=True),
        ),
        (
            table(OLD, published(f"{DAY}.old.0", **{versions.RESTORED_BY: f"{DAY}.back.0"})),
            Publications((at(1, "old"), at(2, "back")), from_the_first=True),
        ),
        (
            without(table(OLD, NEW, **{f"version-of.{DAY}": f"{DAY}.old.0"}), 1),
            Publications((at(2, "new"),), from_the_first=False),
        ),
        (without(table(OLD, NEW), 1), Publications((at(2, "new"),), from_the_first=True)),
    ],
    ids=[
        "no metadata to speak of",
        "never published",
        "by two runs",
        "rolled back with the whole table",
        "readable later than staged",
        "taken back by a run",
        "upkeep kept the version alone",
        "expired by hand before the day had ended",
    ],
)
def test_publications_of_a_day(metadata: dict[str, Any], expected: Publications) -> None:
    assert versions.publications(metadata, DAY) == expected


def test_of_a_day_that_had_ended_before_another_hand_expired_snapshots_the_first_is_not_known() -> None:
    metadata = table(OLD, COMPACTED)
    metadata["snapshots"][1]["timestamp-ms"] = DAY.end.timestamp() * 1000 + 1
    assert versions.publications(without(metadata, 1), DAY) == Publications((), from_the_first=False)


def test_first_and_newest_publication_outlive_their_snapshots_upkeep_after_upkeep() -> None:
    middle = published(f"{DAY}.middle.0")
    metadata = table(OLD, middle, NEW)
    metadata["properties"] |= versions.to_keep(metadata, before_ms=2500)
    left = without(metadata, 1, 2)
    assert versions.publications(left, DAY).known == (at(1, "old"), at(2, "middle"), at(3, "new"))
    left["properties"] |= versions.to_keep(left, before_ms=3500)
    expected = Publications((at(1, "old"), at(3, "new")), from_the_first=True)
    assert versions.publications(left, DAY) == expected, "kept and there"
    assert versions.publications(without(left, 3), DAY) == expected


def test_upkeep_claims_no_first_publication_where_an_earlier_one_kept_the_version_alone() -> None:
    metadata = without(table(OLD, NEW, **{f"version-of.{DAY}": f"{DAY}.old.0"}), 1)
    assert versions.to_keep(metadata, before_ms=9000) == {f"version-of.{DAY}": f"{DAY}.new.0"}


def test_staged_days_are_those_whose_newest_staging_nobody_published() -> None:
    staged = [{"wap.id": f"{day}.{run}.0"} for day, run in ((DAY, "old"), (OTHER, "new"), (DAY, "newer"))]
    assert versions.staged_days(table(*staged[:2], OLD, ANOTHER, staged[2], current=4)) == [str(DAY)]
    assert versions.staged_days(table(*staged[:2], OLD, ANOTHER)) == []
    assert versions.staged_days({}) == []


def test_a_restored_day_shows_its_earlier_version_and_is_not_staged_only() -> None:
    staged = {"wap.id": f"{DAY}.back.0"}
    restored = published(f"{DAY}.old.0", **{versions.RESTORED_BY: f"{DAY}.back.0"})
    metadata = table(OLD, NEW, staged, restored)
    metadata["snapshots"][3]["parent-snapshot-id"] = 2
    assert versions.of_day(metadata, DAY) == Version(f"{DAY}.old.0", None)
    assert versions.staged_days(metadata) == []


def test_a_publisher_is_a_run_and_its_attempt() -> None:
    assert versions.publisher(f"{DAY}.a-run.2.0a1b2c3d") == "a-run attempt 2"
