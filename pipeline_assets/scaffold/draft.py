"""The two contracts of a guess: the source's with all its fields, the dataset's with those that are read. Pure.

A field of an object becomes a column of its own; arrays of anything but texts stay in the source. Does not own: their
text (render), where it goes (write).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from emr_jobs.contracts.load import PARTITION_COLUMN

from pipeline_assets.scaffold.guess import COLUMNS, Doubt, Guess
from pipeline_assets.scaffold.infer import Field, day_column_of, key_of
from pipeline_assets.scaffold.names import column_names, is_personal

DEEPEST = 3  # fields in objects that become columns
UNKNOWN, PERSONAL = "unknown", "confidential"

Properties = dict[str, Any]  # as the contract has them


class Line(dict[str, Any]):
    """What stands in one line of the contract."""


@dataclass(frozen=True)
class Names:
    """What a person, or the domain, says of the two."""

    source: str  # layer.name
    layer: str  # of the dataset
    connection: str
    domain: str
    owner: str  # of the dataset
    available_by: str | None  # as the domain's other tables have it
    place: str  # of the domain's days, for people

    @property
    def noun(self) -> str:
        return self.source.partition(".")[2]

    @property
    def dataset(self) -> str:
        return f"{self.layer}.{self.noun}"


@dataclass(frozen=True)
class Column:
    name: str
    path: tuple[str, ...]  # of its field
    field: Field
    is_key: bool
    is_required: bool


@dataclass(frozen=True)
class Draft:
    names: Names
    guess: Guess
    read: Mapping[str, Any]
    columns: Sequence[Column]
    doubts: Sequence[Doubt]


def draft_of(guess: Guess, names: Names) -> Draft:
    named = tuple(field for field in guess.fields if field.name.strip())
    if nameless := len(guess.fields) - len(named):
        doubt = Doubt(COLUMNS, f"fields without a name, {nameless}: left out")
        guess = replace(guess, fields=named, doubts=(*guess.doubts, doubt))
    key, key_doubt = key_of(guess.fields, noun=names.noun, records=guess.records)
    day = day_column_of(guess.fields, records=guess.records)
    keys = [field.name for field in key]
    required = {*keys, *([day.name] if day and day.filled == guess.records else [])}
    leaves = list(_leaves(guess.fields))
    read = [(path, field) for path, field, left_out in leaves if left_out is None]
    columns = [
        Column(name, path, field, is_key=path[0] in keys, is_required=path[0] in required)
        for (path, field), name in zip(read, column_names([path for path, _ in read], dataset=names.noun), strict=True)
    ]
    doubts = list(guess.doubts)
    if key_doubt:
        doubts.append(_of_field(key[0], key_doubt) if key else Doubt(COLUMNS, key_doubt))
    if day and day.filled < guess.records:
        doubts.append(_of_field(day, f"the day, and {guess.records - day.filled} of {guess.records} records have none"))
    column_of = {column.path: column.name for column in columns}
    for path, field, left_out in leaves:
        if says := left_out or field.doubt:
            says = says.replace("{column}", column_of.get(path, ""))
            doubts.append(Doubt(f"{COLUMNS}.{path[0]}", f"{'.'.join(path)}: {says}"))
    doubts.append(Doubt("$.team", "who owns the source is not known"))
    columns.sort(key=lambda column: not column.is_key)
    how = {"kind": guess.read["kind"], "connection": names.connection, **guess.read}
    return Draft(names, guess, how, columns, doubts)


def _of_field(field: Field, says: str) -> Doubt:
    return Doubt(f"{COLUMNS}.{field.name}", f"{field.name}: {says}")


def _leaves(fields: Sequence[Field]) -> Iterator[tuple[tuple[str, ...], Field, str | None]]:
    """What has a value of its own, with why it is no column, if it is none."""
    dotted = {field.name for field in fields if "." in field.name}
    for path, field, left_out in _within(fields, ()):
        is_taken = len(path) > 1 and ".".join(path) in dotted
        yield path, field, "a field has this path as its name: no column" if is_taken else left_out


def _within(fields: Sequence[Field], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Field, str | None]]:
    for field in fields:
        path = (*above, field.name)
        if field.type == "object" and field.fields and len(path) < DEEPEST:
            yield from _within(field.fields, path)
        elif field.type == "object" and field.fields:
            yield path, field, "an object in objects: a transform makes something of it"
        elif above and any("." in name for name in path):
            yield path, field, "a name with a dot, in an object, cannot be referred to: no column"
        else:
            yield path, field, None if field.is_read else field.doubt or "no column"


def source_contract(draft: Draft) -> Properties:
    names, guess = draft.names, draft.guess
    required = {column.path for column in draft.columns if column.is_required}
    seen = f"as seen in {guess.records:,} records" if guess.records else "not seen yet"
    table = {
        "name": names.noun,
        **({"physicalName": guess.physical_name} if guess.physical_name else {}),
        "physicalType": guess.physical_type,
        "properties": [Line(_property(field, required, ())) for field in guess.fields],
    }
    return {
        **_head(names.source, names.domain, f"What we expect of {names.noun}, {seen}; somebody else owns it.", UNKNOWN),
        "customProperties": [
            {"property": "read", "value": {name: _lined(value) for name, value in draft.read.items()}}
        ],
        "schema": [table],
    }


def dataset_contract(draft: Draft) -> Properties:
    names = draft.names
    key = [column for column in draft.columns if column.is_key]
    grain = f"one row per {' and '.join(column.name for column in key)}" if key else "one row per record"
    day = {"name": PARTITION_COLUMN, "logicalType": "date", "required": True, "partitioned": True}
    rows = {"name": "row_count", "metric": "rowCount", "mustBeGreaterThan": 0, "dimension": "completeness"}
    says = f"{names.place}, on the day after the partition"
    promise = {"property": "timeOfAvailability", "value": names.available_by, "description": says}
    return {
        **_head(names.dataset, names.domain, f"A day's {names.noun.replace('_', ' ')}, typed.", names.owner),
        **({"slaProperties": [Line(promise)]} if names.available_by else {}),
        "schema": [
            {
                "name": names.noun,
                "physicalType": "table",
                "dataGranularityDescription": grain,
                "properties": [
                    Line({**day, "partitionKeyPosition": 1}),
                    *(Line(_column(names.source, column, key)) for column in draft.columns),
                ],
                "quality": [Line(rows)],
            }
        ],
    }


def _head(id_: str, domain: str, purpose: str, owner: str) -> Properties:
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": id_,
        "version": "1.0.0",
        "status": "active",
        "domain": domain,
        "description": {"purpose": purpose},
        "team": Line({"name": owner}),
    }


def _lined(value: Any) -> Any:
    return Line(value) if isinstance(value, dict) else value


def _property(field: Field, required: set[tuple[str, ...]], above: tuple[str, ...]) -> Properties:
    path = (*above, field.name)
    found: Properties = {"name": field.name, "logicalType": field.type}
    if field.physical:
        found["physicalType"] = field.physical
    if field.default_timezone:
        found["logicalTypeOptions"] = {"defaultTimezone": field.default_timezone}
    if path in required:
        found["required"] = True
    if is_personal(path) and field.type != "object":
        found["classification"] = PERSONAL
    within = [_property(each, required, path) for each in field.fields]
    if field.type == "array":
        found["items"] = {"logicalType": field.items, **({"properties": within} if within else {})}
    elif within:
        found["properties"] = within
    return found


def _column(source: str, column: Column, key: Sequence[Column]) -> Properties:
    field = column.field
    found: Properties = {"name": column.name, "logicalType": field.type}
    if field.decimal:
        found["physicalType"] = "decimal({},{})".format(*field.decimal)
    if column.is_required:
        found["required"] = True
    if column.is_key:
        found |= {"primaryKey": True, "primaryKeyPosition": key.index(column) + 1}
    if field.type == "array":
        found["items"] = {"logicalType": field.items}
    if is_personal(column.path):
        found["classification"] = PERSONAL
    return {**found, "transformSourceObjects": [".".join((source, *column.path))]}
