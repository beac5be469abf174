"""Each kind of change of a contract, and whether those who rely on it can go on; what the version must say then."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import time
from typing import Any

import pytest

from emr_jobs.contracts.compare import Change, Comparison, Kind, changes, compared
from emr_jobs.contracts.model import (
    Bound,
    Check,
    Column,
    Contract,
    Extraction,
    Measure,
    Medium,
    MinimumValues,
    NewFields,
    Query,
    RowCount,
    RowCountDrift,
    Rule,
    Severity,
    Status,
)
from emr_jobs.contracts.read import Complete, Csv, Cursor, Files, Offset, Rest, Snowflake
from tests.emr_jobs.library import API, CSV, JSON_LINES, WAREHOUSE, make_dataset, make_source, of

COMPATIBLE, BREAKING = Kind.COMPATIBLE, Kind.BREAKING
AT_LEAST_1, AT_LEAST_2 = Bound("mustBeGreaterOrEqualTo", 1.0), Bound("mustBeGreaterOrEqualTo", 2.0)
ABOVE_1 = Bound("mustBeGreaterThan", 1.0)
LEAST = MinimumValues((("stars", AT_LEAST_1), ("pages", AT_LEAST_1)))
PAGED = Rest(
    kind="rest",
    connection="library",
    params={"from": "{start}", "to": "{end}", "limit": 100},
    pages=Offset(kind="offset", end="total"),
    complete=Complete(total="$.total"),
)


def column(**overrides: Any) -> Contract:
    """A table whose column `stars` is this one."""
    return make_dataset(replace(of("stars", "stars", "integer"), **overrides))


def indexed(**overrides: Any) -> Contract:
    stars = replace(of("stars", "stars", "number", physical_type="scaled_float", scaling_factor=100), **overrides)
    return replace(make_dataset(stars), medium=Medium.INDEX)


def ruled(rule: Rule, **overrides: Any) -> Contract:
    return make_dataset(checks=(replace(Check("enough", Severity.ERROR, "", rule), **overrides),))


def keyed(*names: str) -> Contract:
    columns = (Column(name, "string", key_position=names.index(name) + 1 if name in names else None) for name in "abc")
    return make_dataset(*columns)


def field_of(read: Any, **overrides: Any) -> Contract:
    """A source that is read so."""
    return make_source(
        Column("stars", "integer"), read=type(read)(**{**read.model_dump(exclude_unset=True), **overrides})
    )


def other_records(field: str) -> tuple[Kind, str, str]:
    return BREAKING, f"read.{field}", "other records, or none can tell"


def otherwise(field: str) -> tuple[Kind, str, str]:
    return COMPATIBLE, f"read.{field}", "fetched otherwise"


NO_NAMES = Files(**{**CSV.model_dump(exclude_unset=True), "csv": Csv(header=False)})
LOAN, DUE = Column("loan", "string"), Column("due", "date")
CHANGES: dict[str, tuple[Contract, Contract, list[tuple[Kind, str, str]]]] = {
    # columns
    "column added": (make_dataset(LOAN), make_dataset(LOAN, DUE), [(COMPATIBLE, "due", "new")]),
    "required column added": (
        make_dataset(LOAN),
        make_dataset(LOAN, replace(DUE, required=True)),
        [(COMPATIBLE, "due", "new")],
    ),
    "column gone": (make_dataset(LOAN, DUE), make_dataset(LOAN), [(BREAKING, "due", "gone")]),
    "column renamed": (
        make_dataset(DUE),
        make_dataset(replace(DUE, name="due_on")),
        [(BREAKING, "due", "gone"), (COMPATIBLE, "due_on", "new")],
    ),
    "columns in another order": (make_dataset(LOAN, DUE), make_dataset(DUE, LOAN), []),
    "required": (column(), column(required=True), [(COMPATIBLE, "stars", "is never null any more")]),
    "no longer required": (column(required=True), column(), [(BREAKING, "stars", "may be null")]),
    "a value that stands for something": (
        column(),
        column(meanings=(("5", "the best"),)),
        [(COMPATIBLE, "stars", "other words")],
    ),
    "described otherwise": (column(), column(description="1 to 5"), [(COMPATIBLE, "stars", "other words")]),
    "classified": (
        column(),
        column(classification="confidential"),
        [(COMPATIBLE, "stars", "classification confidential instead of none")],
    ),
    "no longer classified": (
        column(classification="confidential"),
        column(),
        [(COMPATIBLE, "stars", "classification none instead of confidential")],
    ),
    "lineage": (
        column(),
        column(lineage=(("web_api.reviews", "rating"),)),
        [(COMPATIBLE, "stars", "comes from other columns")],
    ),
    "made of others": (column(), column(logic="a + b"), [(BREAKING, "stars", "made by another transformLogic")]),
    "made otherwise": (
        column(logic="a + b"),
        column(logic="a - b"),
        [(BREAKING, "stars", "made by another transformLogic")],
    ),
    "logic with other spaces": (column(logic="a + b"), column(logic="a\n  + b"), []),
    # types
    "integer to text": (column(), column(logical_type="string"), [(BREAKING, "stars", "string instead of bigint")]),
    "integer to decimal": (
        column(),
        column(logical_type="number", physical_type="decimal(38,0)"),
        [(BREAKING, "stars", "decimal(38,0) instead of bigint")],
    ),
    "decimal widened": (
        column(logical_type="number", physical_type="decimal(4,2)"),
        column(logical_type="number", physical_type="decimal(6,2)"),
        [(COMPATIBLE, "stars", "decimal(6,2) instead of decimal(4,2)")],
    ),
    "decimal narrowed": (
        column(logical_type="number", physical_type="decimal(6,2)"),
        column(logical_type="number", physical_type="decimal(4,2)"),
        [(BREAKING, "stars", "decimal(4,2) instead of decimal(6,2)")],
    ),
    "decimal of another scale": (
        column(logical_type="number", physical_type="decimal(4,2)"),
        column(logical_type="number", physical_type="decimal(8,4)"),
        [(BREAKING, "stars", "decimal(8,4) instead of decimal(4,2)")],
    ),
    "items of another type": (
        column(logical_type="array", items="string"),
        column(logical_type="array", items="object"),
        [(BREAKING, "stars", "array of object instead of array of string")],
    ),
    "field of an object gone": (
        column(logical_type="array", items="object", fields=(LOAN, DUE)),
        column(logical_type="array", items="object", fields=(LOAN,)),
        [(BREAKING, "stars.due", "gone")],
    ),
    "index: another type": (
        indexed(),
        indexed(physical_type="keyword", logical_type="string", scaling_factor=None),
        [(BREAKING, "stars", "string as keyword instead of number as scaled_float with factor 100")],
    ),
    "index: another factor": (
        indexed(),
        indexed(scaling_factor=1000),
        [
            (
                BREAKING,
                "stars",
                "number as scaled_float with factor 1000 instead of number as scaled_float with factor 100",
            )
        ],
    ),
    "source: another type": (
        make_source(Column("stars", "integer")),
        make_source(Column("stars", "string")),
        [(BREAKING, "stars", "string instead of integer")],
    ),
    "source: says its own type": (
        make_source(Column("stars", "integer")),
        make_source(Column("stars", "integer", physical_type="NUMBER(1,0)")),
        [(COMPATIBLE, "stars", "integer as NUMBER(1,0) instead of integer")],
    ),
    "source: no longer says its own type": (
        make_source(Column("stars", "integer", physical_type="NUMBER(1,0)")),
        make_source(Column("stars", "integer")),
        [(BREAKING, "stars", "integer instead of integer as NUMBER(1,0)")],
    ),
    "source: zone declared": (
        make_source(Column("at", "timestamp")),
        make_source(Column("at", "timestamp", default_timezone="UTC")),
        [(COMPATIBLE, "at", "instants without an offset are in UTC instead of no zone")],
    ),
    "source: another zone": (
        make_source(Column("at", "timestamp", default_timezone="UTC")),
        make_source(Column("at", "timestamp", default_timezone="Europe/Berlin")),
        [(BREAKING, "at", "instants without an offset are in Europe/Berlin instead of UTC")],
    ),
    # values
    "value more": (
        column(accepted=("1", "2")),
        column(accepted=("1", "2", "3")),
        [(BREAKING, "stars", "may hold 3")],
    ),
    "value less": (
        column(accepted=("1", "2")),
        column(accepted=("1",)),
        [(COMPATIBLE, "stars", "never holds 2 any more")],
    ),
    "value exchanged": (
        column(accepted=("1", "2")),
        column(accepted=("1", "3")),
        [(BREAKING, "stars", "may hold 3"), (COMPATIBLE, "stars", "never holds 2 any more")],
    ),
    "values in another order": (column(accepted=("1", "2")), column(accepted=("2", "1")), []),
    "values declared": (column(), column(accepted=("1", "2")), [(COMPATIBLE, "stars", "only 1, 2")]),
    "values no longer declared": (column(accepted=("1",)), column(), [(BREAKING, "stars", "holds any value")]),
    "minimum declared": (
        column(),
        column(minimum=AT_LEAST_1),
        [(COMPATIBLE, "stars", "at least 1 instead of any value")],
    ),
    "minimum raised": (
        column(minimum=AT_LEAST_1),
        column(minimum=ABOVE_1),
        [(COMPATIBLE, "stars", "more than 1 instead of at least 1")],
    ),
    "minimum lowered": (
        column(minimum=ABOVE_1),
        column(minimum=AT_LEAST_1),
        [(BREAKING, "stars", "at least 1 instead of more than 1")],
    ),
    "minimum gone": (
        column(minimum=AT_LEAST_1),
        column(),
        [(BREAKING, "stars", "any value instead of at least 1")],
    ),
    "minimum only warns": (
        ruled(LEAST),
        ruled(LEAST, severity=Severity.WARNING),
        [(BREAKING, "check enough", "warning instead of error")],
    ),
    "minimum of all others is one in words that warns": (
        ruled(LEAST, name="minimum_values"),
        ruled(LEAST, severity=Severity.WARNING),
        [
            (COMPATIBLE, "check minimum_values", "is called enough"),
            (BREAKING, "check minimum_values", "warning instead of error"),
        ],
    ),
    "minimum in other words": (
        ruled(LEAST),
        ruled(LEAST, description="Somebody liked it"),
        [(COMPATIBLE, "check enough", "other words or samples")],
    ),
    # key
    "key declared": (keyed(), keyed("a"), [(COMPATIBLE, "primaryKey", "a instead of none")]),
    "key gone": (keyed("a"), keyed(), [(BREAKING, "primaryKey", "none instead of a")]),
    "key of more columns": (keyed("a"), keyed("a", "b"), [(BREAKING, "primaryKey", "a, b instead of a")]),
    "key of fewer columns": (keyed("a", "b"), keyed("a"), [(BREAKING, "primaryKey", "a instead of a, b")]),
    "key in another order": (keyed("a", "b"), keyed("b", "a"), [(COMPATIBLE, "primaryKey", "b, a instead of a, b")]),
    # rules
    "rule added": (make_dataset(), ruled(RowCount(AT_LEAST_1)), [(COMPATIBLE, "check enough", "new")]),
    "blocking rule gone": (ruled(RowCount(AT_LEAST_1)), make_dataset(), [(BREAKING, "check enough", "gone")]),
    "warning gone": (
        ruled(RowCount(AT_LEAST_1), severity=Severity.WARNING),
        make_dataset(),
        [(COMPATIBLE, "check enough", "gone")],
    ),
    "rule tightened": (
        ruled(RowCount(AT_LEAST_1)),
        ruled(RowCount(AT_LEAST_2)),
        [(COMPATIBLE, "check enough", "at least 2 instead of at least 1")],
    ),
    "rule loosened": (
        ruled(RowCount(AT_LEAST_2)),
        ruled(RowCount(AT_LEAST_1)),
        [(BREAKING, "check enough", "at least 1 instead of at least 2")],
    ),
    "warning loosened": (
        ruled(RowCount(AT_LEAST_2), severity=Severity.WARNING),
        ruled(RowCount(AT_LEAST_1), severity=Severity.WARNING),
        [(COMPATIBLE, "check enough", "at least 1 instead of at least 2")],
    ),
    "rule only warns": (
        ruled(RowCount(AT_LEAST_1)),
        ruled(RowCount(AT_LEAST_1), severity=Severity.WARNING),
        [(BREAKING, "check enough", "warning instead of error")],
    ),
    "warning blocks": (
        ruled(RowCount(AT_LEAST_1), severity=Severity.WARNING),
        ruled(RowCount(AT_LEAST_1)),
        [(COMPATIBLE, "check enough", "error instead of warning")],
    ),
    "rule called otherwise": (
        ruled(RowCount(AT_LEAST_1)),
        ruled(RowCount(AT_LEAST_1), name="some"),
        [(COMPATIBLE, "check enough", "is called some")],
    ),
    "rule explained otherwise": (
        ruled(RowCount(AT_LEAST_1)),
        ruled(RowCount(AT_LEAST_1), description="no day is empty", fix="ask the desks"),
        [(COMPATIBLE, "check enough", "other words or samples")],
    ),
    "another statement": (
        ruled(Query("SELECT 1", AT_LEAST_1)),
        ruled(Query("SELECT 2", AT_LEAST_1)),
        [(BREAKING, "check enough", "asks for something else")],
    ),
    "another statement of a warning": (
        ruled(Query("SELECT 1", AT_LEAST_1), severity=Severity.WARNING),
        ruled(Query("SELECT 2", AT_LEAST_1), severity=Severity.WARNING),
        [(COMPATIBLE, "check enough", "asks for something else")],
    ),
    "statement with other spaces": (
        ruled(Query("SELECT 1", AT_LEAST_1)),
        ruled(Query("SELECT\n  1", AT_LEAST_1)),
        [],
    ),
    "other samples": (
        ruled(Query("SELECT 1", AT_LEAST_1)),
        ruled(Query("SELECT 1", AT_LEAST_1, "SELECT 'a'")),
        [(COMPATIBLE, "check enough", "other words or samples")],
    ),
    "another measure": (
        ruled(Measure("missing", AT_LEAST_1)),
        ruled(Measure("lost", AT_LEAST_1)),
        [(BREAKING, "check enough", "asks for something else")],
    ),
    "drift over other days": (
        ruled(RowCountDrift(7, AT_LEAST_1)),
        ruled(RowCountDrift(8, AT_LEAST_1)),
        [(BREAKING, "check enough", "asks for something else")],
    ),
    # promises
    "earlier": (
        make_dataset(available_by=time(10)),
        make_dataset(available_by=time(9, 30)),
        [(COMPATIBLE, "timeOfAvailability", "09:30 instead of 10:00")],
    ),
    "later": (
        make_dataset(available_by=time(9, 30)),
        make_dataset(available_by=time(10)),
        [(BREAKING, "timeOfAvailability", "10:00 instead of 09:30")],
    ),
    "hour promised": (
        make_dataset(available_by=None),
        make_dataset(available_by=time(10)),
        [(COMPATIBLE, "timeOfAvailability", "10:00 instead of no hour")],
    ),
    "hour no longer promised": (
        make_dataset(available_by=time(10)),
        make_dataset(available_by=None),
        [(BREAKING, "timeOfAvailability", "no hour instead of 10:00")],
    ),
    "kept shorter": (
        make_dataset(keep_days=30),
        make_dataset(keep_days=20),
        [(BREAKING, "retention", "20 days instead of 30 days")],
    ),
    "kept longer": (
        make_dataset(keep_days=20),
        make_dataset(keep_days=30),
        [(COMPATIBLE, "retention", "30 days instead of 20 days")],
    ),
    "no longer kept for ever": (
        make_dataset(),
        make_dataset(keep_days=30),
        [(BREAKING, "retention", "30 days instead of for ever")],
    ),
    "kept for ever": (
        make_dataset(keep_days=30),
        make_dataset(),
        [(COMPATIBLE, "retention", "for ever instead of 30 days")],
    ),
    # the whole
    "table becomes an index": (
        make_dataset(),
        replace(make_dataset(), medium=Medium.INDEX),
        [(BREAKING, "physicalType", "index instead of table")],
    ),
    "index behind another alias": (
        replace(indexed(), physical_name="ratings"),
        replace(indexed(), physical_name="stars"),
        [(BREAKING, "physicalName", "stars instead of ratings")],
    ),
    "source: another table": (
        replace(make_source(read=WAREHOUSE), physical_name="A.REVIEWS"),
        replace(make_source(read=WAREHOUSE), physical_name="B.REVIEWS"),
        [(BREAKING, "physicalName", "B.REVIEWS instead of A.REVIEWS")],
    ),
    "table: a name that no reader uses": (
        make_dataset(physical_name="reviews"),
        make_dataset(physical_name="review"),
        [(COMPATIBLE, "physicalName", "review instead of reviews")],
    ),
    "purpose": (make_dataset(), make_dataset(description="Stars"), [(COMPATIBLE, "description", "other words")]),
    "limitations": (
        make_dataset(),
        make_dataset(limitations="Not before 2020"),
        [(COMPATIBLE, "description", "another usage or limitations")],
    ),
    "usage": (
        make_dataset(),
        make_dataset(usage="By its key"),
        [(COMPATIBLE, "description", "another usage or limitations")],
    ),
    "grain in words": (
        make_dataset(),
        make_dataset(granularity="one row per review"),
        [(COMPATIBLE, "dataGranularityDescription", "other words")],
    ),
    "owner": (make_dataset(), make_dataset(owner="desks"), [(COMPATIBLE, "team", "desks instead of catalogue")]),
    "deprecated": (
        make_dataset(),
        make_dataset(status=Status.DEPRECATED),
        [(COMPATIBLE, "status", "deprecated instead of active")],
    ),
    # how a dataset is taken from its source
    "another row of a key stays": (
        make_dataset(),
        make_dataset(extraction=Extraction(keep_greatest="at")),
        [(BREAKING, "duplicates", "of rows with one key stays that with the greatest at")],
    ),
    "more rejects": (
        make_dataset(),
        make_dataset(extraction=Extraction(max_rejected_share=0.02)),
        [(BREAKING, "max_rejected_share", "0.02 instead of 0.01")],
    ),
    "fewer rejects": (
        make_dataset(),
        make_dataset(extraction=Extraction(max_rejected_share=0.0)),
        [(COMPATIBLE, "max_rejected_share", "0 instead of 0.01")],
    ),
    "new fields block": (
        make_dataset(),
        make_dataset(extraction=Extraction(new_fields=NewFields.FAIL)),
        [(COMPATIBLE, "new_fields", "fail instead of report")],
    ),
    # read
    "read: another kind": (
        make_source(read=API),
        make_source(read=JSON_LINES),
        [(BREAKING, "read.kind", "files instead of rest")],
    ),
    "read: another connection": (field_of(API), field_of(API, connection="desks"), [other_records("connection")]),
    "read: another path": (field_of(API), field_of(API, path="/v2/reviews"), [other_records("path")]),
    "read: other parameters": (
        field_of(PAGED),
        field_of(PAGED, params={**PAGED.params, "to": "{as_of}"}),
        [other_records("params")],
    ),
    "read: pages of another size": (
        field_of(PAGED),
        field_of(PAGED, params={**PAGED.params, "limit": 500}),
        [otherwise("page size")],
    ),
    "read: another body": (
        field_of(API, method="POST"),
        field_of(API, method="POST", body={"q": "new"}),
        [other_records("body")],
    ),
    "read: another method": (field_of(API), field_of(API, method="POST"), [otherwise("method")]),
    "read: other times": (field_of(API), field_of(API, times="epoch"), [otherwise("times")]),
    "read: in slices": (field_of(PAGED), field_of(PAGED, slice_minutes=60), [otherwise("slice_minutes")]),
    "read: other records": (field_of(API), field_of(API, records="$.data"), [other_records("records")]),
    "read: another day": (field_of(API), field_of(API, day_column="$.at"), [other_records("day_column")]),
    "read: other pages": (
        field_of(API),
        field_of(API, pages=Cursor(kind="cursor", field="$.next")),
        [otherwise("pages")],
    ),
    "read: completeness unproven": (
        field_of(API, complete=Complete(has_more="$.more")),
        field_of(API),
        [(BREAKING, "read.complete", "proves less")],
    ),
    "read: completeness no longer counted": (
        field_of(API, complete=Complete(total="$.total")),
        field_of(API, complete=Complete(has_more="$.more")),
        [(BREAKING, "read.complete", "proves less")],
    ),
    "read: completeness proven": (
        field_of(PAGED, complete="unproven", pages=Offset(kind="offset")),
        field_of(PAGED, complete=Complete(stable=True), pages=Offset(kind="offset")),
        [(COMPATIBLE, "read.complete", "proves as much or more")],
    ),
    "read: counted elsewhere": (
        field_of(API, complete=Complete(total="$.total")),
        field_of(API, complete=Complete(total_header="x-total")),
        [(COMPATIBLE, "read.complete", "proves as much or more")],
    ),
    "read: another format": (field_of(JSON_LINES), field_of(JSON_LINES, format="parquet"), [otherwise("format")]),
    "read: another separator": (field_of(CSV), field_of(CSV, csv=Csv(separator=";")), [otherwise("csv")]),
    "read: another compression": (field_of(CSV), field_of(CSV, compression="gzip"), [otherwise("compression")]),
    "read: another statement": (field_of(WAREHOUSE), field_of(WAREHOUSE, sql="sql/a.sql"), [other_records("sql")]),
    "read: another column for the day": (
        field_of(WAREHOUSE, day_column="AT"),
        field_of(WAREHOUSE, day_column="CREATED"),
        [other_records("day_column")],
    ),
    "file without names: a field in between": (
        make_source(LOAN, read=NO_NAMES),
        make_source(DUE, LOAN, read=NO_NAMES),
        [(COMPATIBLE, "due", "new"), (BREAKING, "properties", "the file's fields in another order")],
    ),
    "file without names: a field at the end": (
        make_source(LOAN, read=NO_NAMES),
        make_source(LOAN, DUE, read=NO_NAMES),
        [(COMPATIBLE, "due", "new")],
    ),
    "file with names: a field in between": (
        make_source(LOAN, read=CSV),
        make_source(DUE, LOAN, read=CSV),
        [(COMPATIBLE, "due", "new")],
    ),
}


@pytest.mark.parametrize(("before", "now", "found"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_compatible_or_breaking(
    before: Contract, now: Contract, found: list[tuple[Kind, str, str]]
) -> None:
    assert [(change.kind, change.where, change.what) for change in changes(before, now)] == found


def pairs_within(before: Any, now: Any) -> Iterator[tuple[Any, Any]]:
    """Of a row, every part that has one of its kind on both sides, with it."""
    yield before, now
    if isinstance(before, Contract):
        old = {column.name: column for column in before.columns}
        yield from ((old[column.name], column) for column in now.columns if column.name in old)
        yield from zip(before.checks, now.checks, strict=False)
        yield before.extraction or Extraction(), now.extraction or Extraction()
        yield before.read, now.read


@pytest.mark.parametrize(
    ("kind", "said_elsewhere"),
    [
        (Contract, {"id", "version"}),  # which one it is, and what the changes decide about
        (Column, {"name"}),  # then it is gone, and another is new
        (Check, set()),
        (Extraction, set()),
        (Rest, {"kind"}),  # then it is of another class
        (Files, {"kind", "connection", "path"}),  # as of a Rest
        (Snowflake, {"kind", "connection"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_every_field_is_compared(kind: type, said_elsewhere: set[str]) -> None:
    """One that nobody compares would change without a word."""
    names = set(kind.model_fields) if hasattr(kind, "model_fields") else {each.name for each in fields(kind)}
    compared_fields = {
        name
        for before, now, _ in CHANGES.values()
        for old, new in pairs_within(before, now)
        if type(old) is kind and type(new) is kind
        for name in names
        if getattr(old, name) != getattr(new, name)
    }
    assert names - compared_fields == said_elsewhere


BOUNDS = {
    "mustBe": Bound("mustBe", 2.0),
    "more": Bound("mustBeGreaterThan", 2.0),
    "at least": Bound("mustBeGreaterOrEqualTo", 2.0),
    "less": Bound("mustBeLessThan", 2.0),
    "at most": Bound("mustBeLessOrEqualTo", 2.0),
    "between": Bound("mustBeBetween", (1.0, 2.0)),
    "wider": Bound("mustBeBetween", (0.0, 3.0)),
}


@pytest.mark.parametrize("old", BOUNDS.values(), ids=BOUNDS)
@pytest.mark.parametrize("new", BOUNDS.values(), ids=BOUNDS)
def test_a_rule_is_looser_when_it_lets_pass_what_it_did_not(old: Bound, new: Bound) -> None:
    values = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]
    looser = any(new.allows(value) and not old.allows(value) for value in values)
    found = list(changes(ruled(RowCount(old)), ruled(RowCount(new))))
    assert [change.kind for change in found] == ([] if old == new else [BREAKING if looser else COMPATIBLE])


BREAKS = ((BREAKING, "due", "gone"),)
ADDS = ((COMPATIBLE, "due", "new"),)


@pytest.mark.parametrize(
    ("before", "now", "found", "fault"),
    [
        ("1.4.2", "1.4.2", BREAKS, "version 1.4.2: what is breaking needs 2.0.0 or higher"),
        ("1.4.2", "1.5.0", BREAKS, "version 1.5.0: what is breaking needs 2.0.0 or higher"),
        ("1.4.2", "2.0.0", BREAKS, None),
        ("9.0.0", "10.0.0", BREAKS, None),
        ("0.1.0", "0.2.0", BREAKS, "version 0.2.0: what is breaking needs 1.0.0 or higher"),
        ("1.4.2", "1.4.2", ADDS, None),
        ("1.4.2", "1.5.0", ADDS, None),
        ("1.4.2", "1.4.1", ADDS, "version 1.4.1 is below 1.4.2"),
        ("1.10.0", "1.9.0", ADDS, "version 1.9.0 is below 1.10.0"),
        ("1.4.2", "1.4.1", (), "version 1.4.1 is below 1.4.2"),
        ("1.4.2", "1.4.3", (), None),
    ],
)
def test_the_version_says_what_the_changes_do(
    before: str, now: str, found: tuple[tuple[Kind, str, str], ...], fault: str | None
) -> None:
    old = make_dataset(*([LOAN, DUE] if found == BREAKS else [LOAN]), version=before)
    new = make_dataset(*([LOAN, DUE] if found == ADDS else [LOAN]), version=now)
    expected = Comparison("raw.reviews", before, now, tuple(Change(*each) for each in found), fault)
    assert compared({old.id: old}, {new.id: new}) == [expected]


@pytest.mark.parametrize("status", list(Status))
def test_only_what_is_not_active_may_be_taken_out(status: Status) -> None:
    (found,) = compared({"raw.reviews": make_dataset(status=status)}, {})
    active = status is Status.ACTIVE
    assert (found.before, found.now, found.kind) == ("1.0.0", None, BREAKING if active else COMPATIBLE)
    assert found.changes == (Change(found.kind, "contract", f"gone; it was {status}"),)
    assert found.fault == (
        "its status must be deprecated before it is taken out, by an earlier change" if active else None
    )


def test_contracts_that_differ_are_named_in_order_and_no_others() -> None:
    loans, members = make_dataset(LOAN, id="raw.loans"), make_dataset(LOAN, id="raw.members")
    fines, reviews = make_dataset(id="raw.fines"), make_dataset(LOAN)
    before = {each.id: each for each in (reviews, members, loans)}
    now = {each.id: each for each in (reviews, replace(loans, version="1.0.1"), replace(members, owner="desks"), fines)}
    assert [(each.contract, each.kind, each.before, each.now) for each in compared(before, now)] == [
        ("raw.fines", COMPATIBLE, None, "1.0.0"),
        ("raw.loans", COMPATIBLE, "1.0.0", "1.0.1"),
        ("raw.members", COMPATIBLE, "1.0.0", "1.0.0"),
    ]
