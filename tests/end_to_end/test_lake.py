"""The tables of the lake: brought up to the contracts, kept in shape, published at most once."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from emr_jobs import maintain
from emr_jobs.contracts import Contract
from emr_jobs.contracts.table import spark_ddl
from emr_jobs.core.errors import CheckFailed
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Settings
from emr_jobs.publish import lake as publishing
from emr_jobs.publish import versions
from pipeline_assets import lake
from pipeline_assets.history import history
from tests.domains import LIBRARY
from tests.running import Day, pipeline, readers_see

DAY, OTHER = LIBRARY.calendar.partition("2026-11-21"), LIBRARY.calendar.partition("2026-11-20")
MEMBERS = LIBRARY.contracts["staged.members"]


def stage(own: SparkSession, ids: str, wap_id: str, *, day: Partition = DAY) -> publishing.Staged:
    return publishing.stage(own, members(own, ids, day=day), MEMBERS, partition=day, wap_id=f"{day}.{wap_id}")


def members(own: SparkSession, ids: str, *, day: Partition = DAY) -> DataFrame:
    """A day of members, a row an id."""
    rows = [(day.date, id, None, "north", None) for id in ids.split()]
    return own.createDataFrame(rows, spark_ddl(MEMBERS).replace(" NOT NULL", ""))


def publish(own: SparkSession, staged: publishing.Staged) -> int:
    """Whatever stands."""
    return publishing.publish(own, staged, inputs={}, permitted=lambda _: None)


def members_of(settings: Settings, day: Partition = DAY) -> list[str]:
    table = lake.table(lake.catalog(settings), MEMBERS)
    assert table is not None
    return sorted(table.scan(row_filter=f"partition_date == '{day}'").to_arrow()["member_id"].to_pylist())


def test_what_is_staged_is_seen_only_after_it_is_published(own: SparkSession, settings: Settings) -> None:
    staged = stage(own, "M1 M2", "a.0")
    assert (staged.rows, members_of(settings)) == (2, [])
    publish(own, staged)
    assert members_of(settings) == ["M1", "M2"]


def test_publishing_twice_is_publishing_once(own: SparkSession, settings: Settings) -> None:
    staged = stage(own, "M1", "a.0")
    publish(own, staged)
    before = len(lake.catalog(settings).load_table(MEMBERS.id).history())
    publish(own, staged)
    assert len(lake.catalog(settings).load_table(MEMBERS.id).history()) == before
    publish(own, stage(own, "M3", "b.0", day=OTHER))
    publish(own, staged)
    assert (members_of(settings), members_of(settings, OTHER)) == (["M1"], ["M3"])


@pytest.mark.parametrize("wrong", ["2026-11-20", None])
def test_a_row_of_another_day_is_refused_before_anything_is_staged(
    own: SparkSession, settings: Settings, wrong: str | None
) -> None:
    publish(own, stage(own, "M1 M2", "other.0", day=OTHER))
    publish(own, stage(own, "M4", "before.0"))
    snapshots = len(lake.catalog(settings).load_table(MEMBERS.id).snapshots())
    day = (
        f"IF(member_id = 'M2', CAST('{wrong}' AS DATE), partition_date)" if wrong else "IF(false, partition_date, null)"
    )
    rows = members(own, "M1 M2").withColumn("partition_date", F.expr(day))
    with pytest.raises(CheckFailed) as refused:
        publishing.stage(own, rows, MEMBERS, partition=DAY, wap_id=f"{DAY}.a.0")
    assert str(refused.value) == (
        f"staged.members {DAY}: expected rows of this partition only, found a row with partition_date {wrong}. "
        "Nothing was staged. Mend the job: it publishes the day that it was started for, and no other."
    )
    assert len(lake.catalog(settings).load_table(MEMBERS.id).snapshots()) == snapshots
    assert (members_of(settings), members_of(settings, OTHER)) == (["M4"], ["M1", "M2"])


def test_what_came_past_the_frame_into_another_day_is_refused_by_the_manifests(
    own: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(own, stage(own, "M1 M2", "other.0", day=OTHER))
    monkeypatch.setattr(publishing, "_of_this_day", lambda rows, partition: rows)
    with pytest.raises(CheckFailed, match=f"rows of this partition only, found files of partition_date={OTHER}"):
        publishing.stage(own, members(own, "M3", day=OTHER), MEMBERS, partition=DAY, wap_id=f"{DAY}.a.0")
    assert members_of(settings, OTHER) == ["M1", "M2"]


def test_two_days_staged_at_once_are_both_published(own: SparkSession, settings: Settings) -> None:
    one, other = stage(own, "M1", "a.0"), stage(own, "M3", "b.0", day=OTHER)
    publish(own, one)
    publish(own, other)
    assert (members_of(settings), members_of(settings, OTHER)) == (["M1"], ["M3"])


def test_an_empty_day_replaces_the_old_one_although_another_day_was_published(
    own: SparkSession, settings: Settings
) -> None:
    publish(own, stage(own, "M1", "a.0"))
    empty = stage(own, "", "b.0")
    publish(own, stage(own, "M3", "c.0", day=OTHER))
    publish(own, empty)
    assert (members_of(settings), members_of(settings, OTHER)) == ([], ["M3"])


@pytest.mark.parametrize("first", ["M1", ""], ids=["with rows", "empty"])
@pytest.mark.parametrize("later", ["M3", ""], ids=["with rows", "empty"])
def test_a_day_is_replaced_only_in_the_version_that_was_looked_at(
    own: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch, first: str, later: str
) -> None:
    publish(own, stage(own, "M4", "before.0"))
    one, other = stage(own, first, "a.0"), stage(own, later, "b.0")
    asked: list[str | None] = []

    def permitted(replaced: str | None) -> None:
        asked.append(replaced)
        if len(asked) == 1:
            publish(own, one)  # between the look and the commit
        elif replaced != f"{DAY}.before.0":
            raise LookupError(replaced)

    with pytest.raises(LookupError):
        publishing.publish(own, other, inputs={}, permitted=permitted)
    assert asked == [f"{DAY}.before.0", f"{DAY}.a.0"]
    assert members_of(settings) == first.split()


def test_the_commit_of_another_day_in_between_is_no_conflict(own: SparkSession, settings: Settings) -> None:
    one, other = stage(own, "M1", "a.0"), stage(own, "M3", "b.0", day=OTHER)
    asked: list[str | None] = []

    def permitted(replaced: str | None) -> None:
        asked.append(replaced)
        if len(asked) == 1:
            publish(own, other)

    publishing.publish(own, one, inputs={}, permitted=permitted)
    assert asked == [None, None]
    assert (members_of(settings), members_of(settings, OTHER)) == (["M1"], ["M3"])


def version(settings: Settings, day: Partition = DAY) -> versions.Version | None:
    """As whoever reads without Spark finds it."""
    return lake.version(lake.catalog(settings).load_table(MEMBERS.id), day)


def test_the_version_of_a_day_and_of_its_inputs_are_the_same_to_every_reader(
    own: SparkSession, settings: Settings
) -> None:
    assert (version(settings), publishing.version(own, MEMBERS, DAY)) == (None, None)
    inputs = {"staged.loans": "2026-11-21.x.0", "staged.reviews": None}
    publishing.publish(own, stage(own, "M1", "a.0"), inputs=inputs, permitted=lambda _: None)
    publish(own, stage(own, "M3", "c.0", day=OTHER))
    stage(own, "M4", "never-published.0")
    assert version(settings) == versions.Version(f"{DAY}.a.0", inputs)
    assert publishing.version(own, MEMBERS, DAY) == f"{DAY}.a.0"


def had(settings: Settings, day: Partition | None = None) -> list[tuple[object, ...]]:
    """What readers had, oldest first."""
    states = history(lake.catalog(settings).load_table(MEMBERS.id), day)
    assert [each.at for each in states] == sorted(each.at for each in states)
    return [(each.operation, each.days, each.rows, each.version) for each in states]


def test_the_version_survives_compaction_and_expiry_and_a_rollback_takes_it_back(
    own: SparkSession, settings: Settings
) -> None:
    publish(own, stage(own, "M1 M2 M3", "old.0"))
    publish(own, stage(own, "", "empty.0", day=OTHER))
    publish(own, stage(own, "M4", "a.0"))
    before = lake.catalog(settings).load_table(MEMBERS.id).current_snapshot()
    assert before is not None
    publish(own, stage(own, "M5", "b.0"))
    own.sql(
        "CALL lake.system.rewrite_data_files(table => 'lake.staged.members', options => map('rewrite-all', 'true'))"
    )
    assert version(settings) == versions.Version(f"{DAY}.b.0", {})
    assert had(settings) == [
        ("published", (str(DAY),), 3, f"{DAY}.old.0"),
        ("published", (str(OTHER),), 0, f"{OTHER}.empty.0"),
        ("published", (str(DAY),), 1, f"{DAY}.a.0"),
        ("published", (str(DAY),), 1, f"{DAY}.b.0"),
        ("compacted", (str(DAY),), None, None),
    ]
    assert had(settings, OTHER) == [("published", (str(OTHER),), 0, f"{OTHER}.empty.0")]

    own.sql(f"CALL lake.system.rollback_to_snapshot('lake.staged.members', {before.snapshot_id})")
    assert (version(settings), members_of(settings)) == (versions.Version(f"{DAY}.a.0", {}), ["M4"])

    later = datetime.now(UTC) + timedelta(days=settings.lake.snapshot_keep_days, hours=1)
    patient = settings.lake.model_copy(update={"staged_keep_days": 30})
    maintain.maintain(own, MEMBERS, patient, LIBRARY.calendar, now=later)
    publish(own, stage(own, "M6", "c.0", day=LIBRARY.calendar.partition("2026-11-19")))
    maintain.maintain(own, MEMBERS, patient, LIBRARY.calendar, now=later)
    assert len(lake.catalog(settings).load_table(MEMBERS.id).snapshots()) == 1
    assert version(settings) == versions.Version(f"{DAY}.a.0", None)
    assert version(settings, OTHER) == versions.Version(f"{OTHER}.empty.0", None)
    assert (members_of(settings), members_of(settings, OTHER)) == (["M4"], [])


def test_what_was_staged_before_a_compaction_is_published(own: SparkSession, settings: Settings) -> None:
    publish(own, stage(own, "M1 M2", "a.0"))
    staged = stage(own, "M3", "b.0")
    own.sql(
        "CALL lake.system.rewrite_data_files(table => 'lake.staged.members', options => map('rewrite-all', 'true'))"
    )
    publish(own, staged)
    assert members_of(settings) == ["M3"]


def test_maintenance_keeps_the_published_rows_and_what_is_young(own: SparkSession, settings: Settings) -> None:
    publish(own, stage(own, "M1", "a.0"))
    publish(own, stage(own, "M3", "b.0"))
    staged = stage(own, "M4", "c.0")
    young = maintain.maintain(own, MEMBERS, settings.lake, LIBRARY.calendar, now=datetime.now(UTC))
    assert (young["deleted_data_files"], young["orphan_files"]) == (0, 0)
    publish(own, staged)
    assert members_of(settings) == ["M4"]


def test_maintenance_expires_what_is_older_than_its_limit(own: SparkSession, settings: Settings) -> None:
    publish(own, stage(own, "M1", "a.0"))
    publish(own, stage(own, "M3", "b.0"))
    stage(own, "M4", "never-published.0")
    files = Path(settings.lake.warehouse.removeprefix("file://")) / "staged" / "members" / "data"
    before = len(list(files.rglob("*.parquet")))
    later = datetime.now(UTC) + timedelta(days=settings.lake.snapshot_keep_days, hours=1)
    patient = settings.lake.model_copy(update={"staged_keep_days": 30})  # orphans of the future cannot be asked for
    done = maintain.maintain(own, MEMBERS, patient, LIBRARY.calendar, now=later)
    assert done["deleted_data_files"] == 2  # M1, replaced, and M4, never published
    assert len(list(files.rglob("*.parquet"))) == before - 2
    assert members_of(settings) == ["M3"]


def test_the_version_of_a_day_of_rejects_outlives_its_snapshot_and_goes_with_the_day(
    own: SparkSession, settings: Settings
) -> None:
    """A run has the loans' day by the version that the rejects show, also when upkeep comes between."""
    rejects, upkeep = LIBRARY.contracts["staged.rejected_loans"], datetime.now(UTC) + timedelta(days=1, hours=1)
    patient = settings.lake.model_copy(update={"snapshot_keep_days": 1, "staged_keep_days": 30})
    # By the day of the upkeep: an hour before midnight in Berlin it is two dates on, else one.
    days = [
        LIBRARY.calendar.of(upkeep.astimezone(ZoneInfo(LIBRARY.calendar.timezone)).date() - timedelta(days=age))
        for age in (30, 20)
    ]
    for day in days:
        frame = own.createDataFrame([(day.date, "malformed", "{}")], spark_ddl(rejects))
        publish(own, publishing.stage(own, frame, rejects, partition=day, wap_id=f"{day}.a.0"))

    def kept() -> list[str | None]:
        return [publishing.version(own, rejects, day) for day in days]

    maintain.maintain(own, rejects, patient, LIBRARY.calendar, now=upkeep)
    assert len(lake.catalog(settings).load_table(rejects.id).snapshots()) == 1
    assert kept() == [f"{day}.a.0" for day in days]
    metadata = lake.as_json(lake.catalog(settings).load_table(rejects.id).metadata)
    found = [versions.publications(metadata, day) for day in days]
    assert [([each.by for each in one.known], one.from_the_first) for one in found] == [([wap], True) for wap in kept()]
    done = maintain.maintain(own, rejects, patient, LIBRARY.calendar, now=upkeep + timedelta(days=2))
    assert (done["deleted_days"], kept()) == (1, [None, f"{days[1]}.a.0"])


def test_maintenance_deletes_the_rejects_of_expired_days_and_what_holds_them(
    own: SparkSession, settings: Settings
) -> None:
    rejects = LIBRARY.contracts["staged.rejected_loans"]
    now = datetime.now(UTC)
    berlin = now.astimezone(ZoneInfo(LIBRARY.calendar.timezone)).date()
    days = {age: berlin - timedelta(days=age) for age in (30, 31, 400)}

    def deliver(age: int, raw: str) -> None:
        day = LIBRARY.calendar.of(days[age])
        frame = own.createDataFrame([(day.date, "malformed", raw)], spark_ddl(rejects))
        wap_id = f"{day}.{raw}.0"
        publish(own, publishing.stage(own, frame, rejects, partition=day, wap_id=wap_id))

    def kept() -> list[str]:
        return sorted(lake.catalog(settings).load_table(rejects.id).scan().to_arrow()["raw"].to_pylist())

    for age in days:
        deliver(age, f"old-{age}")
    files = Path(settings.lake.warehouse.removeprefix("file://")) / "staged" / "rejected_loans" / "data"
    at_once = maintain.maintain(own, rejects, settings.lake, LIBRARY.calendar, now=now)
    assert (at_once["deleted_days"], kept()) == (0, ["old-30", "old-31", "old-400"]), "published a moment ago"

    impatient = settings.lake.model_copy(update={"snapshot_keep_days": 1})
    patient = impatient.model_copy(update={"staged_keep_days": 30})  # orphans of the future cannot be asked for
    next_day = now + timedelta(days=1, hours=1)
    days_then = maintain.maintain(own, rejects, patient, LIBRARY.calendar, now=next_day)
    assert (days_then["deleted_days"], kept()) == (3, []), "a day later that of 30 days is one of 31"
    maintain.maintain(own, rejects, patient, LIBRARY.calendar, now=next_day + timedelta(days=1, hours=1))
    assert list(files.rglob("*.parquet")) == []
    properties = lake.catalog(settings).load_table(rejects.id).properties
    assert [name for name in properties if name.startswith(("version-of.", "published-of."))] == []
    deliver(31, "anew")
    assert kept() == ["anew"]


def test_apply_adds_the_columns_of_a_newer_contract(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    table = lake.catalog(settings).load_table(MEMBERS.id)
    with table.update_schema() as change:
        change.delete_column("branch")
    applied = dict(lake.apply(settings))
    assert "branch" in applied[MEMBERS.id]
    assert {name for dataset, name in applied.items() if dataset != MEMBERS.id} == {"unchanged"}
    names = [field.name for field in lake.catalog(settings).load_table(MEMBERS.id).schema().fields]
    assert sorted(names) == sorted(column.name for column in contract(MEMBERS.id).columns)


def contract(dataset: str) -> Contract:
    return LIBRARY.contracts[dataset]


def test_the_verb_maintains_every_table(published_day: Day) -> None:
    before = readers_see(published_day.settings, published_day.partition)
    letter = published_day.home / "runs" / "dead_letters" / "a-run" / "catalogue" / "0.jsonl.gz"
    letter.parent.mkdir(parents=True)
    letter.touch()
    os.utime(letter, (0, 0))
    ended = pipeline("lake", "maintain", "--json", home=published_day.home)
    assert ended.code == 0, ended.output
    *rows, letters = json.loads(ended.output)
    assert (letters, letter.exists()) == ({"dead_letters": 1}, False)
    done = {row["dataset"]: row for row in rows}
    assert set(done) == set(before) - {"find.lending"}
    assert {row["deleted_data_files"] for row in done.values()} == {0}
    assert readers_see(published_day.settings, published_day.partition) == before
