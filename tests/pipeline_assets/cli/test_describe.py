"""`describe` and `show tables`: what a dataset is, and what readers find of it, also where nothing is there."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from emr_jobs.publish.search import SearchIndex
from pipeline_assets import lake
from pipeline_assets.description import description_of
from pipeline_assets.search import index_of
from tests.domains import LIBRARY
from tests.pipeline_assets.cli.test_terminal import shown
from tests.running import PIPELINE, Day, Typed, table_rows, typed


def nothing_runs(*arguments: str, home: Path) -> Typed:
    return typed(*arguments, home=home, env={"PIPELINE_SETTINGS": str(home / "settings.toml")})


def test_without_a_lake_a_table_is_described_and_none_is_made(home: Path) -> None:
    ended = nothing_runs("describe", "marts.lending", home=home)
    assert (ended.code, ended.err) == (0, "")
    said = [line.split(maxsplit=1) for line in ended.out.splitlines()]
    assert ["dataset", "marts.lending"] in [[each.strip() for each in line] for line in said]
    assert ["published", "nothing is published"] in [[each.strip() for each in line] for line in said]
    assert not (home / "lake").exists()


def test_machines_are_told_all_of_it(home: Path) -> None:
    found = nothing_runs("describe", "files.loans", "--json", home=home).json
    assert found.pop("published") is None, "of a source"
    assert found.pop("where").endswith("/loans/{partition:%Y}/{partition:%m%d}-*.csv.gz")
    assert found == json.loads(json.dumps(asdict(description_of(LIBRARY, "files.loans"))))


def test_what_is_no_dataset_is_answered_in_one_line(home: Path) -> None:
    ended = nothing_runs("describe", "lending", home=home)
    said = "Misconfigured: lending: no such dataset; close are find.lending, marts.lending\n"
    assert (ended.code, ended.out, ended.err) == (2, "", said)


def test_show_takes_no_partition_with_tables(home: Path) -> None:
    ended = nothing_runs("show", "tables", "--partition", "2026-11-20", home=home)
    assert (ended.code, ended.out) == (2, "")


def test_every_table_and_index_is_shown_as_readers_find_it(published_day: Day) -> None:
    settings, day = published_day.settings, published_day.partition
    counted = {name: len(rows) for name, rows in table_rows(settings, day).items()}
    catalog = lake.catalog(settings)
    snapshots = {
        each.id: str(catalog.load_table(lake.identifier(catalog, each)).current_snapshot().snapshot_id)  # type: ignore[union-attr]
        for each in LIBRARY.tables
    }
    index = index_of(settings)
    (behind,) = SearchIndex(settings.search, index).published(LIBRARY.calendar.partition(day))
    counted[index.id], snapshots[index.id] = published_day.truth["loans"], behind.name

    found = typed("show", "tables", "--json", home=published_day.home).json
    assert [each["dataset"] for each in found] == LIBRARY.published
    assert {each["dataset"]: each["rows"] for each in found} == counted
    assert {each["dataset"]: each["snapshot"] for each in found} == snapshots
    assert {(each["latest"], each["trouble"]) for each in found} == {(day, None)}
    assert found[-1]["where"] == f"alias {index.physical_name} at {settings.search.url}"

    described = typed("describe", "marts.lending", "--json", home=published_day.home).json
    assert described["published"] == next(each for each in found if each["dataset"] == "marts.lending")


@pytest.mark.parametrize("columns", [60, 80])
def test_a_narrow_terminal_has_every_column_and_check_by_name_in_one_piece(published_day: Day, columns: int) -> None:
    ended = shown([PIPELINE, "describe", "marts.lending"], columns=columns, home=published_day.home)
    lines = ended.output.splitlines()
    assert max(map(len, lines)) <= columns
    contract = LIBRARY.contracts["marts.lending"]
    first_words = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    named = [each.name for each in (*contract.columns, *contract.checks)]
    assert [word for word in first_words if word in named] == named


def test_what_a_column_is_stands_below_it_where_there_is_no_room_beside_it(published_day: Day) -> None:
    ended = shown([PIPELINE, "describe", "marts.lending"], columns=60, home=published_day.home)
    lines = ended.output.splitlines()
    at = lines.index("is_overdue  boolean")
    assert lines[at + 1 : at + 3] == ["  Due before the partition's day", "  staged.loans.due_on"]
