"""Sample rows that a contract alone gives: their types, keys and days, and the defects among them."""

import gzip
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from emr_jobs.contracts.model import Column, Contract
from emr_jobs.core.partition import Calendar
from local_stack.derived_sample import derived, rows, write
from local_stack.sample_files import Row
from tests.local_stack.sources import API, COLUMNS, FILES, TABLE, source

CALENDAR = Calendar("America/New_York", time(8), date(2025, 1, 1))
DAY = CALENDAR.partition("2026-11-21")
LOANS = source(API)


def of(contract: Contract, count: int = 100, **more: Any) -> list[Row]:
    return rows(contract, partition=DAY, count=count, **more)


def test_a_row_has_every_column_in_the_type_that_it_declares() -> None:
    types = {name: {type(row[name]) for row in of(LOANS)} for name in of(LOANS, 1)[0]}
    assert types == {
        "loan_id": {str},
        "member_id": {str},
        "lent_at": {datetime},
        "due": {date},
        "fee": {Decimal},
        "shelf": {int},
        "renewed": {bool},
        "kind": {str},
        "tags": {list},
        "copies": {list},
        "desk": {dict},
    }


def test_values_are_of_the_day_of_the_enumeration_and_have_two_decimals() -> None:
    sample = of(LOANS)
    assert {row["due"] for row in sample} == {DAY.date}
    assert {row["kind"] for row in sample} == {"book", "film"}
    assert {row["renewed"] for row in sample} == {True, False}
    assert all(DAY.start <= row["lent_at"] < DAY.end for row in sample)
    assert {row["lent_at"].tzinfo for row in sample} == {UTC}
    assert {row["fee"].as_tuple().exponent for row in sample} <= {0, -1, -2}
    assert len({row["fee"] for row in sample}) > 90
    assert {type(text) for row in sample for text in row["tags"]} == {str}
    assert {tuple(map(type, copy.values())) for row in sample for copy in row["copies"]} == {(str, Decimal)}
    assert {tuple(row["desk"]) for row in sample} == {("value",)}


def test_the_same_arguments_give_the_same_rows_and_others_others() -> None:
    assert of(LOANS) == of(LOANS)
    others = [of(LOANS, seed=8), of(LOANS, 99), of(replace(LOANS, id="lending.returns"))]
    days = [rows(LOANS, partition=CALENDAR.partition(day), count=100) for day in ("2026-11-21", "2026-11-22")]
    assert all(other != of(LOANS) for other in others)
    assert days[0] != days[1]


@pytest.mark.parametrize(
    ("columns", "unique", "expected"),
    [
        (COLUMNS, (), {"loan_id"}),  # the first required one, where nobody says more
        (COLUMNS, ("member_id",), {"member_id"}),
        ((Column("no", "integer", key_position=1), Column("text", "string", required=True)), (), {"no"}),
        (
            (
                Column("at", "timestamp", key_position=2),
                Column("sum", "number", key_position=1),
                Column("n", "integer"),
            ),
            (),
            {"at", "sum"},
        ),
        ((Column("a", "string"), Column("b", "integer")), (), set()),
    ],
)
def test_a_key_has_another_value_in_every_row(
    columns: tuple[Column, ...], unique: tuple[str, ...], expected: set[str]
) -> None:
    """Fees and instants are so many that they seldom meet anyway."""
    sample = of(source(TABLE, *columns), 2000, unique=unique)
    judged = {column.name for column in columns} - {"fee", "lent_at"}
    assert {name for name in judged if len({repr(row[name]) for row in sample}) == len(sample)} == expected


def test_an_enumerated_key_keeps_to_its_values() -> None:
    kind = Column("kind", "string", required=True, key_position=1, accepted=("book", "film"))
    assert {row["kind"] for row in of(source(TABLE, kind))} == {"book", "film"}


def test_texts_of_one_name_meet() -> None:
    """A loan's member is one of the members."""
    members = source(TABLE, Column("MEMBER_ID", "string", required=True), name="members")
    assert {row["member_id"] for row in of(LOANS)} <= {row["MEMBER_ID"] for row in of(members)}


@pytest.mark.parametrize("times", ["epoch", "epoch_ms", "iso", "date"])
@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01", "2026-11-21"])
def test_the_day_column_is_of_the_day_in_its_own_type_and_depth(times: str, day: str) -> None:
    partition = CALENDAR.partition(day)
    types = ("timestamp", "integer", "string", "date")
    for type_ in types:
        for path in ("$.at", "$.at.first.value", "$.elsewhere"):
            contract = source(API | {"day_column": path, "times": times}, Column("at", type_, required=True))
            for row in rows(contract, partition=partition, count=50):
                value: Any = row
                for name in path.split(".")[1:]:
                    value = value[name]
                if isinstance(value, int):
                    value = datetime.fromtimestamp(value / (1000 if times == "epoch_ms" else 1), UTC)
                if isinstance(value, datetime):
                    assert partition.start <= value < partition.end
                else:
                    assert value == partition.date
                    assert (type_, path) == ("date", "$.at")


def test_what_stands_beside_a_day_column_within_an_object_stays() -> None:
    contract = source(API | {"day_column": "$.desk.at"})
    assert {tuple(row["desk"]) for row in of(contract)} == {("value", "at")}


def defects(contract: Contract, sound: list[Row], sample: list[Row]) -> dict[str, int]:
    """Counted without the help of those who planted them."""
    required = {column.name for column in contract.columns if column.required}
    texts = {column.name for column in contract.columns if column.logical_type == "string"}
    known = Counter(map(repr, sound))
    changed = [row for row in sample if repr(row) not in known]
    nulls = sum(any(row[name] is None for name in required) for row in changed)
    wrong = sum(
        any(isinstance(row[name], str) != (name in texts) and row[name] is not None for name in required)
        for row in changed
    )
    assert nulls + wrong == len(changed)
    return {"null_in_required": nulls, "wrong_type": wrong, "duplicate": len(sample) - len(sound)}


def test_one_in_so_many_has_a_defect_and_is_counted() -> None:
    columns = [column for column in COLUMNS if column.name in ("loan_id", "member_id", "lent_at", "fee")]
    contract = source(API, *(replace(column, required=True) for column in columns))
    sample = derived(contract, partition=DAY, count=5000)
    sound = of(contract, 5000)
    assert sample.planted == {"null_in_required": 5, "wrong_type": 5, "duplicate": 10}
    assert defects(contract, sound, sample.rows) == sample.planted
    known = set(map(repr, sound))
    twice = [row for row, times in Counter(map(repr, sample.rows)).items() if times == 2]
    assert len(twice) == 10
    assert set(twice) <= known
    assert all(isinstance(row["lent_at"], datetime) for row in sample.rows)  # or no window would have it


def test_too_few_rows_have_no_defect() -> None:
    sample = derived(LOANS, partition=DAY, count=499)
    assert sorted(map(repr, sample.rows)) == sorted(map(repr, of(LOANS, 499)))
    assert set(sample.planted.values()) == {0}


@pytest.mark.parametrize(
    ("read", "wrong"),
    [
        (API, 2),
        (FILES, 2),
        (FILES | {"format": "csv"}, 2),  # lent_at, which is required
        (FILES | {"format": "parquet"}, 0),
        (TABLE, 0),
    ],
)
def test_a_wrong_type_is_planted_where_the_medium_can_have_one(read: dict[str, Any], wrong: int) -> None:
    contract = source(read)
    sample = derived(contract, partition=DAY, count=2000)
    assert sample.planted == {"null_in_required": 2, "wrong_type": wrong, "duplicate": 4}
    assert defects(contract, of(contract, 2000), sample.rows) == sample.planted


def test_a_contract_that_requires_nothing_has_no_null_and_a_wrong_type_in_any_column() -> None:
    contract = source(FILES, Column("shelf", "integer"), Column("copies", "array"))
    sample = derived(contract, partition=DAY, count=1000)
    assert sample.planted == {"null_in_required": 0, "wrong_type": 1, "duplicate": 2}
    assert [row["shelf"] for row in sample.rows if isinstance(row["shelf"], str)] == ["no integer"]


def test_a_day_is_written_and_its_defects_returned(tmp_path: Path) -> None:
    planted = write(LOANS, tmp_path, partition=DAY, count=1000)
    assert planted == {"rows": 1002, "null_in_required": 1, "wrong_type": 1, "duplicate": 2}
    lines = gzip.decompress((tmp_path / "loans" / "dt=2026-11-21.jsonl.gz").read_bytes()).splitlines()
    sample = derived(LOANS, partition=DAY, count=1000)
    assert [orjson.loads(line)["loan_id"] for line in lines] == [row["loan_id"] for row in sample.rows]
