"""A day's version, from a table's metadata as any library reads it."""

from typing import Any

import pytest

from emr_jobs.publish import versions
from emr_jobs.publish.versions import Version
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
    assert versions.to_keep(table(older, OLD, ANOTHER, NEW), before_ms=4000) == {
        f"version-of.{DAY}": f"{DAY}.old.0",
        f"version-of.{OTHER}": f"{OTHER}.new.0",
    }


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
