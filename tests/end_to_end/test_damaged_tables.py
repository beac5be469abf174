"""Tables whose catalog names metadata that is not there: what jobs and verbs say, and how they are set back."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from emr_jobs.core.errors import Damaged
from emr_jobs.core.settings import Settings
from emr_jobs.publish.lake import require_table
from pipeline_assets import damaged_tables, lake
from tests.aws import Cloud, keys_of
from tests.domains import LIBRARY
from tests.end_to_end.test_lake import DAY, MEMBERS, OTHER, members_of, publish, stage
from tests.running import Typed, session_for, typed


@pytest.fixture
def on_glue(spark: SparkSession, cloud: Cloud) -> Iterator[SparkSession]:
    """A session whose lake is in the local Glue; its clients have the keys of the local AWS."""
    lake.apply(cloud.settings)
    with keys_of(cloud.settings.aws, spark):
        yield session_for(spark, cloud.settings)
    catalog = lake.catalog(cloud.settings)
    for contract in LIBRARY.tables:
        catalog.drop_table(lake.identifier(catalog, contract))


def verb(cloud: Cloud, *arguments: str) -> Typed:
    return typed("lake", *arguments, "--settings", cloud.settings_uri, home=Path(cloud.settings_uri).parent)


def test_a_commit_that_glue_takes_and_refuses(on_glue: SparkSession, cloud: Cloud) -> None:
    publish(on_glue, stage(on_glue, "M1 M2", "a.0", day=OTHER))
    staged = stage(on_glue, "M3", "b.0")
    cloud.switch(refuse_taken=MEMBERS.name)
    with pytest.raises(Damaged, match=r"staged\.members all days: .*pipeline lake repair staged\.members$"):
        publish(on_glue, staged)

    with pytest.raises(Damaged):  # every later job
        require_table(on_glue, MEMBERS, partition=DAY)
    looked = verb(cloud, "check", "--json")
    damaged = {dataset for dataset, state in json.loads(looked.out).items() if state["damage"]}
    assert (looked.code, damaged) == (1, {MEMBERS.id})

    done = verb(cloud, "repair", MEMBERS.id, "--json").json
    assert done["staged_days"] == [str(DAY)]
    assert verb(cloud, "check").code == 0
    assert (members_of(cloud.settings, OTHER), members_of(cloud.settings)) == (["M1", "M2"], [])
    assert verb(cloud, "repair", MEMBERS.id).out == f"{MEMBERS.id} is whole; nothing was done\n"
    publish(on_glue, stage(on_glue, "M3", "c.0"))
    assert (members_of(cloud.settings, OTHER), members_of(cloud.settings)) == (["M1", "M2"], ["M3"])


def test_a_commit_whose_answer_is_lost_is_found_again(on_glue: SparkSession, cloud: Cloud) -> None:
    staged = stage(on_glue, "M3", "a.0")
    cloud.switch(lose_answer=MEMBERS.name)
    publish(on_glue, staged)
    assert members_of(cloud.settings) == ["M3"]
    assert verb(cloud, "check").code == 0


def metadata_of(settings: Settings) -> Path:
    """The file that the catalog names."""
    return Path(lake.catalog(settings).load_table(MEMBERS.id).metadata_location.removeprefix("file:"))


def append(settings: Settings) -> Path:
    """A commit; returns the metadata file that it replaced."""
    replaced = metadata_of(settings)
    table = lake.catalog(settings).load_table(MEMBERS.id)
    table.append(table.schema().as_arrow().empty_table())
    return replaced


def test_what_no_catalog_has_taken_is_not_taken_for_the_newest(settings: Settings) -> None:
    append(settings)
    replaced = append(settings)
    missing = metadata_of(settings)
    shutil.move(missing, missing.with_name("00099-of-a-killed-job.metadata.json"))
    done = damaged_tables.repair(settings, MEMBERS)
    assert done is not None
    assert (Path(done.missing.removeprefix("file:")), Path(done.found.removeprefix("file:"))) == (missing, replaced)
    assert metadata_of(settings) == replaced


def test_the_newest_that_is_whole_when_what_was_replaced_is_gone_too(settings: Settings) -> None:
    """One is cut off, one names a list of manifests that is not there."""
    replaced = [append(settings) for _ in range(4)]
    metadata_of(settings).unlink()
    replaced[3].unlink()
    replaced[2].write_bytes(replaced[2].read_bytes()[:100])
    (listed,) = [
        each["manifest-list"]
        for content in [json.loads(replaced[1].read_bytes())]
        for each in content["snapshots"]
        if each["snapshot-id"] == content["current-snapshot-id"]
    ]
    Path(listed.removeprefix("file:")).unlink()
    done = damaged_tables.repair(settings, MEMBERS)
    assert done is not None
    assert metadata_of(settings) == replaced[0]


def test_nothing_whole_is_said_and_changes_nothing(settings: Settings) -> None:
    missing = metadata_of(settings)
    shutil.rmtree(missing.parent)
    with pytest.raises(Damaged, match=r"expected a whole state of the table in .*, found none"):
        damaged_tables.repair(settings, MEMBERS)
    (state,) = [each for each in damaged_tables.check(settings) if each.damage]
    assert state.dataset == MEMBERS.id
    assert str(missing) in str(state.damage)
