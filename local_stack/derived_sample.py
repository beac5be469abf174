"""Sample rows of a source for which the domain has no generator: derived from its contract, seeded, with known defects.

A value is of its column's logicalType: an enumerated one, a number with two decimals, an instant of the day, a text
`<column>-<number>`. Texts of one name are of one small range, so sources meet in them. What nests is known only where
the contract says it (fields of an array, the path of day_column); the rest is flat. Defects stay away from the day
column: each row reaches the reader of its day. Does not own: files (sample_files).
Invariant: the same contract, day, count and seed give the same rows; what is planted is counted.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from emr_jobs.contracts import Column, Contract
from emr_jobs.contracts.read import Files, Rest, Snowflake
from emr_jobs.core.partition import Partition
from local_stack import sample_files
from local_stack.sample_files import Row

ROWS, SEED = 20_000, 7
RATES = {"null_in_required": 1000, "wrong_type": 1000, "duplicate": 500}  # one in so many
RANGE = 50  # of numbers in texts that repeat
SCALARS = ("string", "integer", "number", "boolean", "date", "timestamp")


@dataclass(frozen=True)
class Derived:
    rows: list[Row]
    planted: dict[str, int]


def rows(
    contract: Contract, *, partition: Partition, count: int, seed: int = SEED, unique: Collection[str] = ()
) -> list[Row]:
    """Without a defect. Unique are the key's columns and those named; without any, the first that is required."""
    rng = random.Random(f"{seed} {contract.id} {partition} {count}")  # noqa: S311  # sample data
    required = [column.name for column in contract.columns if column.required]
    numbered = {*contract.key, *unique} or set(required[:1])
    return [_row(rng, contract, partition, number, count, numbered) for number in range(count)]


def derived(
    contract: Contract,
    *,
    partition: Partition,
    count: int,
    seed: int = SEED,
    unique: Collection[str] = (),
    duplicates: bool = True,
) -> Derived:
    """Rows of which some have defects; duplicates are rows more, or none where no day would bear them."""
    sound = rows(contract, partition=partition, count=count, seed=seed, unique=unique)
    rng = random.Random(f"defects {seed} {contract.id} {partition} {count}")  # noqa: S311  # sample data
    required = [column for column in _breakable(contract) if column.required]
    mistyped = [column for column in _mistypable(contract) if column.required] or _mistypable(contract)
    planted = {name: count // rate for name, rate in RATES.items()}
    planted["null_in_required"] *= bool(required)
    planted["wrong_type"] *= bool(mistyped)
    planted["duplicate"] *= duplicates
    chosen = iter(rng.sample(range(count), sum(planted.values())))
    for _ in range(planted["null_in_required"]):
        _replace(sound, next(chosen), rng.choice(required).name, None)
    for _ in range(planted["wrong_type"]):
        column = rng.choice(mistyped)
        wrong = 12 if column.logical_type == "string" else f"no {column.logical_type}"
        _replace(sound, next(chosen), column.name, wrong)
    sound += [dict(sound[number]) for number in chosen]
    rng.shuffle(sound)
    return Derived(sound, planted)


def write(
    contract: Contract,
    folder: Path,
    *,
    partition: Partition,
    count: int = ROWS,
    seed: int = SEED,
    unique: Collection[str] = (),
    duplicates: bool = True,
) -> dict[str, int]:
    """Write a day of the source where its local stand-in reads it; returns rows and defects. Other days stay."""
    sample = derived(contract, partition=partition, count=count, seed=seed, unique=unique, duplicates=duplicates)
    sample_files.write(contract, sample.rows, folder, partition=partition)
    return {"rows": len(sample.rows), **sample.planted}


def _replace(all_rows: list[Row], number: int, name: str, value: Any) -> None:
    all_rows[number] = all_rows[number] | {name: value}


def _row(
    rng: random.Random, contract: Contract, partition: Partition, number: int, count: int, numbered: set[str]
) -> Row:
    row = {
        column.name: _numbered(column, partition, number, count)
        if column.name in numbered and not column.accepted
        else _value(rng, column, partition)
        for column in contract.columns
    }
    day_path = _day_path(contract)
    return _of_day(row, contract, day_path, _instant(rng, partition)) if day_path else row


def _value(rng: random.Random, column: Column, partition: Partition) -> Any:
    if column.accepted:
        return rng.choice(column.accepted)
    match column.logical_type:
        case "integer":
            return rng.randrange(1, 100)
        case "number":
            return Decimal(rng.randrange(1, 1_000_000)) / 100
        case "boolean":
            return rng.random() < 0.5
        case "date":
            return partition.date
        case "timestamp":
            return _instant(rng, partition)
        case "array":
            return [_fields(rng, column, partition, alone="") for _ in range(rng.randrange(4))]
        case "object":
            return _fields(rng, column, partition, alone="value")
    return _text(column, rng.randrange(RANGE))


def _fields(rng: random.Random, column: Column, partition: Partition, *, alone: str) -> Any:
    """An object of what is declared; else one field, named `alone`, or the bare text."""
    if column.fields:
        return {each.name: _value(rng, each, partition) for each in column.fields}
    text = _text(column, rng.randrange(RANGE))
    return {alone: text} if alone else text


def _numbered(column: Column, partition: Partition, number: int, count: int) -> Any:
    """Another one for every row, where the type has so many."""
    match column.logical_type:
        case "integer":
            return number + 1
        case "number":
            return Decimal(number + 1) / 100
        case "timestamp":
            return partition.start + (partition.end - partition.start) / count * number
        case "string":
            return _text(column, number)
    return _value(random.Random(number), column, partition)  # noqa: S311  # sample data


def _text(column: Column, number: int) -> str:
    return f"{column.name.lower()}-{number:06d}"


def _instant(rng: random.Random, partition: Partition) -> datetime:
    seconds = (partition.end - partition.start) // timedelta(seconds=1)
    return partition.start + timedelta(seconds=rng.randrange(seconds))


def _day_path(contract: Contract) -> list[str]:
    """Of the column that its rows' day is taken by; empty without one."""
    match contract.read:
        case Rest(day_column=str(path)):
            return path.split(".")[1:]
        case Snowflake(day_column=str(name)):
            return [name]
    return []


def _of_day(row: Row, contract: Contract, path: list[str], at: datetime) -> Row:
    name, *within = path
    if within:
        nested = row.get(name) if isinstance(row.get(name), dict) else {}
        return row | {name: _of_day(nested or {}, contract, within, at)}
    if isinstance(row.get(name), datetime):
        return row  # it is of the day already, and may be numbered
    types = {column.name: column.logical_type for column in contract.columns}
    match types.get(name):
        case "date":
            return row
        case "integer" | "number":
            in_ms = isinstance(contract.read, Rest) and contract.read.times == "epoch_ms"
            return row | {name: int(at.timestamp()) * (1000 if in_ms else 1)}
    return row | {name: at}


def _breakable(contract: Contract) -> list[Column]:
    return [column for column in contract.columns if column.name not in _day_path(contract)[:1]]


def _mistypable(contract: Contract) -> list[Column]:
    """JSON holds any value in any column, CSV any text; a column of Parquet or Snowflake is of one type."""
    columns = [column for column in _breakable(contract) if column.logical_type in SCALARS]
    match contract.read:
        case Rest() | Files(format="json_lines"):
            return columns
        case Files(format="csv"):
            return [column for column in columns if column.logical_type != "string"]
    return []
