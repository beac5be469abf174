"""How a dataset is read of its source by contract alone: each column's field and rule, and the columns made of these.

A column names its one field (`transformSourceObjects`, a path for a nested one) and its type decides the rule
(emr_jobs/reading/values.py); or a function of the domain picks its value out of the record (catalog.Pick); or
`transformLogic` makes it, one Spark SQL expression over the dataset's read columns. Pure: no Spark, no Arrow.
Does not own: the reading (record_reader), the dataset of what is refused (rejects).
Invariant: a plan is derived whole or not at all; `faults` names everything that stands against it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from emr_jobs.catalog import Pick
from emr_jobs.contracts.load import PARTITION_COLUMN, SUFFIX, InvalidContracts
from emr_jobs.contracts.model import Column, Contract, Medium
from emr_jobs.contracts.read import Files, Snowflake
from emr_jobs.contracts.table import spark_type

MALFORMED, TOO_LARGE = "malformed", "too_large"
REPORT_COLUMNS = ("reason", "raw", "misread", "unknown")  # what a record's reading says beside its values

# What the search index or a column holds.
KEY_BYTES = 512
TEXT_BYTES = 32_766
ELEMENTS = 10_000

EACH = "[]"  # in a path, every element of an array


class Rule(StrEnum):
    TEXT = "text"
    AMOUNT = "amount"
    WHOLE = "whole"
    INSTANT = "instant"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXTS = "texts"


@dataclass(frozen=True)
class Field:
    """A column, and where its value stands in a record."""

    name: str
    path: tuple[str, ...]  # as the source's contract spells it; (), the record itself, of a value that is picked
    rule: Rule
    required: bool = False  # or of the key
    accepted: tuple[str, ...] = ()  # none: any
    limit_bytes: int | None = None  # of UTF-8, of a text and of each in an array; null: the type has no limit
    decimal: tuple[int, int] | None = None  # of an amount: precision, scale
    naive_is_utc: bool = False  # of an instant: Parquet's that have no offset
    classified: bool = False  # here or in the source


@dataclass(frozen=True)
class Plan:
    source: str
    all_text: bool  # as in CSV: numbers and booleans are read of texts
    fields: tuple[Field, ...]  # in contract order
    picks: tuple[Pick, ...]  # of the fields whose path is ()
    derived: Mapping[str, str]  # column -> its Spark SQL expression, of the column's type
    derived_reason: str | None  # Spark SQL over `derived`: why a row without a reason is refused; None: never
    reasons: tuple[str, ...]  # that a record can be refused for
    declared_paths: frozenset[tuple[str, ...]]  # of the source; one that nothing lies below may hold anything


def faults(dataset: Contract, source: Contract, picks: Iterable[Pick] = ()) -> list[str]:
    """Every reason why this dataset cannot be read of this source by contract, with file and path."""
    where = f"{dataset.id}{SUFFIX} $.schema[0]"
    picked = picked_by(picks)
    found = [
        f"{where}.{column.name}{place}: {fault}"
        for column in _columns(dataset)
        for place, fault in _column_faults(column, source, picked)
    ]
    if dataset.medium is not Medium.TABLE:
        found.insert(0, f"{where}.physicalType: only a table is read by contract")
    return found


def picked_by(picks: Iterable[Pick]) -> list[str]:
    """Columns, one that several pick as often."""
    return [column for pick in picks for column in pick.columns]


def _columns(dataset: Contract) -> Iterable[Column]:
    """Without the partition, which is no value of a record."""
    return (column for column in dataset.columns if column.name != PARTITION_COLUMN)


def _column_faults(column: Column, source: Contract, picked: Collection[str]) -> Iterator[tuple[str, str]]:
    """Where in the column, and what."""
    if column.name in REPORT_COLUMNS:
        yield "", f"{', '.join(REPORT_COLUMNS)} are what the reading says of a record; the column needs another name"
    rule = _rule(column)
    if rule is None:
        yield ".logicalType", f"{_said(column)} has no rule for reading; a transform makes it"
    if column.accepted and rule not in (Rule.TEXT, Rule.WHOLE):
        yield ".enum", "accepted values are of a text or a whole number"
    if column.accepted and rule is Rule.WHOLE and not all(re.fullmatch("-?[0-9]{1,18}", v) for v in column.accepted):
        yield ".enum", "not every value is a whole number"
    if column.name in picked:
        if column.logic is not None:
            yield ".transformLogic", "makes it of other columns, and a function picks it out of the record; one of both"
        for fault in _picked_faults(column, rule, source):
            yield ".transformSourceObjects", fault
    elif column.logic is None:
        for fault in _lineage_faults(column, rule, source):
            yield ".transformSourceObjects", fault


def _lineage_faults(column: Column, rule: Rule | None, source: Contract) -> Iterator[str]:
    if len(column.lineage) != 1:
        yield (
            f"{len(column.lineage)} source fields; it names the one that it is read of, or transformLogic says what it "
            "is made of"
        )
        return
    ((origin, reference),) = column.lineage
    if origin != source.id:
        yield f"{origin}, but the dataset is read of {source.id}"
    elif reference is None:
        yield f"all of {source.id}; it names one field"
    else:
        try:
            path = source.path(reference)
        except KeyError as error:
            yield f"{source.id} has no column {error.args[0]}"
        else:
            yield from _path_faults(source, path, rule)


def _picked_faults(column: Column, rule: Rule | None, source: Contract) -> Iterator[str]:
    """Which field it is, its function says; a contract that is loaded names fields that are there."""
    for origin, reference in column.lineage:
        field, columns = None, source.columns
        for part in source.path(reference) if origin == source.id and reference else ():
            field = next((each for each in columns if each.name == part), None)
            columns = field.fields if field else ()
        if field is not None:
            yield from (f"{source.id}.{reference} is {_said(field)}{fault}" for fault in _zone_faults(field, rule))


def _path_faults(source: Contract, path: tuple[str, ...], rule: Rule | None) -> Iterator[str]:
    flat = _is_csv(source) or isinstance(source.read, Snowflake)
    if flat and len(path) > 1:
        yield f"{'.'.join(path)}: a column of {source.id} has no fields"
    if flat and rule is Rule.TEXTS:
        yield f"{'.'.join(path)}: a column of {source.id} is no array"
    columns = source.columns
    for length, part in enumerate(path, start=1):
        column = next((each for each in columns if each.name == part), None)
        if column is None:
            return  # below an object that declares no fields
        named = f"{source.id}.{'.'.join(path[:length])} is {_said(column)}"
        if length < len(path) and column.logical_type != "object":
            yield f"{named} and has no fields"
            return
        if length == len(path):
            yield from (f"{named}{fault}" for fault in _type_faults(column, rule))
        columns = column.fields


def _type_faults(column: Column, rule: Rule | None) -> Iterator[str]:
    """Of the source's column itself."""
    if rule is None:
        return  # which is a fault already
    if column.logical_type == "object":
        yield "; the column names one of its fields"
    elif column.logical_type == "array" and (rule is not Rule.TEXTS or column.fields):
        yield "; a function picks a value of it (picks of the job in jobs.py)"
    elif column.logical_type != "array" and rule is Rule.TEXTS:
        yield " and no array"
    yield from _zone_faults(column, rule)


def _zone_faults(column: Column, rule: Rule | None) -> Iterator[str]:
    if rule is Rule.INSTANT and column.default_timezone not in (None, *_UTC):
        yield f" in {column.default_timezone}; instants without an offset are read in UTC only"


_UTC = ("UTC", "Etc/UTC")


def _said(column: Column) -> str:
    if column.logical_type == "array":
        return f"an array of {column.items or 'anything'}"
    if column.logical_type == "number":
        return f"a number as {spark_type(column)}"
    return f"of type {column.logical_type}"


def _is_csv(source: Contract) -> bool:
    return isinstance(source.read, Files) and source.read.format == "csv"


_RULES = {
    "string": Rule.TEXT,
    "integer": Rule.WHOLE,
    "timestamp": Rule.INSTANT,
    "boolean": Rule.BOOLEAN,
    "date": Rule.DATE,
}


def _rule(column: Column) -> Rule | None:
    if column.logical_type == "number":
        return Rule.AMOUNT if _decimal(column) else None
    if column.logical_type == "array":
        return Rule.TEXTS if column.items == "string" else None
    return _RULES.get(column.logical_type)


def _decimal(column: Column) -> tuple[int, int] | None:
    """Precision and scale; None where Spark has no such type."""
    match = re.fullmatch(r"decimal\(([0-9]+),([0-9]+)\)", spark_type(column))
    if match is None or not 1 <= int(match[1]) <= 38 or int(match[2]) > int(match[1]):
        return None
    return int(match[1]), int(match[2])


def plan_of(dataset: Contract, source: Contract, picks: Iterable[Pick] = ()) -> Plan:
    """Raises InvalidContracts with `faults`."""
    picks = tuple(picks)
    found = faults(dataset, source, picks)
    if found:
        raise InvalidContracts(found)
    made = [column for column in _columns(dataset) if column.logic]
    read = [column for column in _columns(dataset) if not column.logic]
    picked = picked_by(picks)
    fields = tuple(_field(column, source, is_picked=column.name in picked) for column in read)
    refused = [(reason, test) for column in made for reason, test in _derived_tests(column)]
    return Plan(
        source=source.id,
        all_text=_is_csv(source),
        fields=fields,
        picks=picks,
        derived={column.name: f"try_cast(({column.logic}\n) AS {spark_type(column)})" for column in made},
        derived_reason=f"CASE {' '.join(f'WHEN {test} THEN {_literal(reason)}' for reason, test in refused)} END"
        if refused
        else None,
        reasons=tuple(
            dict.fromkeys(
                (
                    MALFORMED,
                    *(null_reason(field.name) for field in fields if field.required and field.rule is not Rule.TEXTS),
                    *(not_accepted_reason(field.name) for field in fields if field.accepted),
                    TOO_LARGE,
                    *(reason for reason, _ in refused),
                )
            )
        ),
        declared_paths=frozenset(_declared(source.columns, ())),
    )


def null_reason(column: str) -> str:
    return f"null_{column}"


def not_accepted_reason(column: str) -> str:
    return f"not_accepted_{column}"


def _field(column: Column, source: Contract, *, is_picked: bool) -> Field:
    paths = [source.path(reference) for _, reference in column.lineage if reference is not None]
    rule = _rule(column)
    assert rule is not None, "a fault"
    origins = [each for path in paths for each in _along(source.columns, path)]
    return Field(
        name=column.name,
        path=() if is_picked else paths[0],
        rule=rule,
        required=_is_required(column),
        accepted=column.accepted,
        limit_bytes=_limit_bytes(column, rule),
        decimal=_decimal(column) if rule is Rule.AMOUNT else None,
        naive_is_utc=rule is Rule.INSTANT and any(each.default_timezone in _UTC for each in origins),
        classified=any(each.classification for each in (column, *origins)),
    )


def _along(columns: tuple[Column, ...], path: tuple[str, ...]) -> Iterator[Column]:
    """The declared columns that a path goes through."""
    for part in path:
        for column in columns:
            if column.name == part:
                yield column
                columns = column.fields
                break
        else:
            return


def _is_required(column: Column) -> bool:
    """A null in the key would block the day."""
    return column.required or column.key_position is not None


def _limit_bytes(column: Column, rule: Rule | None) -> int | None:
    if rule is Rule.TEXT:
        return TEXT_BYTES if column.key_position is None else KEY_BYTES
    return TEXT_BYTES if rule is Rule.TEXTS else None


def _derived_tests(column: Column) -> Iterator[tuple[str, str]]:
    """Reasons to refuse a row for what was made of it, each with its test in Spark SQL."""
    name, rule = f"`{column.name}`", _rule(column)
    if _is_required(column):
        yield null_reason(column.name), f"{name} IS NULL"
    if column.accepted:
        accepted = ", ".join(map(_literal, column.accepted))
        yield not_accepted_reason(column.name), f"CAST({name} AS string) NOT IN ({accepted})"
    if rule is Rule.TEXT:
        yield TOO_LARGE, f"octet_length({name}) > {_limit_bytes(column, rule)}"
    if rule is Rule.TEXTS:
        yield TOO_LARGE, f"size({name}) > {ELEMENTS} OR exists({name}, each -> octet_length(each) > {TEXT_BYTES})"


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _declared(columns: tuple[Column, ...], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for column in columns:
        path = (*above, column.name)
        yield path
        yield from _declared(column.fields, (*path, EACH) if column.logical_type == "array" else path)
