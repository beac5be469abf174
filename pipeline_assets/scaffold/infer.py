"""Fields of records, by their values: type, key, day column. Pure.

A type is that whose rule (emr_jobs.reading.values) reads the values, so a field that is guessed is one that will be
read. Does not own: what a schema says of itself (table_types), columns of the dataset (draft).
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from emr_jobs.reading.values import day, instant, is_blank, number, written_boolean

from pipeline_assets.scaffold.names import singular, words

MOST_NAMES = 100  # in an object that is described by its fields; one with more has keys that are values
DEEPEST = 5  # objects and arrays within each other that are described
MOST_OF = 0.9  # of the values that a rule reads, when there are enough of them to forgive a few
FORGIVING = 20
WITHOUT_OFFSET = "instants without an offset: taken as UTC"

_EPOCH = range(10**9, 4 * 10**9)
_NAIVE = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?")
_SPACED = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)? ?(Z|[+-]\d{2}:?\d{2})")
_DAYS = {"dd.MM.yyyy": re.compile(r"\d{2}\.\d{2}\.\d{4}"), "yyyyMMdd": re.compile(r"(19|20)\d{2}[01]\d[0-3]\d")}
_SLASHED = re.compile(r"\d{1,2}/\d{1,2}/\d{4}")
_COMMA = re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+),\d+")


@dataclass(frozen=True)
class Field:
    """A field of the records, with what a sample shows of it."""

    name: str
    type: str  # logicalType of the standard
    filled: int  # records in which it has a value
    decimal: tuple[int, int] | None = None  # of a number: precision, scale
    items: str | None = None  # of an array: their logicalType
    fields: tuple["Field", ...] = ()  # of an object, or of each in an array
    physical: str | None = None  # as the database names the type
    default_timezone: str | None = None  # of instants without an offset
    is_unique: bool = False  # every record has a value, no two the same
    is_read: bool = True  # False: no rule reads it into a column
    doubt: str | None = None  # what a person must look at
    was_key: bool = False  # the database says so
    was_text: bool = False  # the schema says so, whatever the texts hold


def fields_of(records: Sequence[Mapping[str, Any]], *, written: bool = False) -> tuple[Field, ...]:
    """In the order in which they first come. `written`: every value is a text, as in CSV."""
    return _fields(records, written=written, level=1)


def _fields(records: Sequence[Mapping[str, Any]], *, written: bool, level: int) -> tuple[Field, ...]:
    names = dict.fromkeys(name for record in records for name in record)
    return tuple(_field(name, [record.get(name) for record in records], written, level) for name in names)


def _field(name: str, values: Sequence[Any], written: bool, level: int) -> Field:
    present = [value for value in values if not is_blank(value)]
    if not present:
        return Field(name, "string", 0, doubt="has no value in any record: string is a guess")
    kinds = Counter(map(_kind, present))
    if set(kinds) == {"number", "string"} and all(number(value) is not None for value in present):
        kinds = Counter(number=len(present))
    kind, count = kinds.most_common(1)[0]
    of_kind = [value for value in present if _kind(value) == kind or len(kinds) == 1]
    field = replace(_OF_KIND[kind](name, of_kind, written, level), filled=len(present))
    if len(kinds) > 1:
        others = ", ".join(f"{number} {other}" for other, number in kinds.most_common()[1:])
        field = replace(field, doubt=f"{count} {kind}, {others}: the others are read as null")
    is_scalar = field.type in ("string", "integer")
    return replace(
        field, is_unique=is_scalar and len(kinds) == 1 and len(present) == len(values) == len(set(map(str, present)))
    )


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float() | Decimal():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
        case datetime():
            return "timestamp"
        case date():
            return "date"
    return "other"


def _of_booleans(name: str, values: Sequence[Any], written: bool, level: int) -> Field:
    return Field(name, "boolean", 0)


def _of_numbers(name: str, values: Sequence[Any], written: bool, level: int) -> Field:
    numbers = [read for value in values if (read := number(value)) is not None]
    if all(type(value) is int or (type(value) is str and not _has_point(value)) for value in values):
        if all(abs(value) < 2**63 for value in numbers):
            doubt = None
            if _is_of_time(name) and all(value in _EPOCH or value // 1000 in _EPOCH for value in map(int, numbers)):
                doubt = "may be seconds of an epoch: an instant of it is transformLogic: timestamp_seconds({column})"
            return Field(name, "integer", 0, doubt=doubt)
        return Field(name, "number", 0, decimal=(38, 0))
    decimal = decimal_of(numbers)
    return Field(name, "number", 0, decimal=decimal, doubt=_rounded(numbers, decimal))


def decimal_of(numbers: Sequence[Decimal]) -> tuple[int, int]:
    """Precision and scale that hold them, money's at least."""
    scale = min(18, max([2, *(_scale(each) for each in numbers)]))
    digits = max([1, *(each.adjusted() + 1 for each in numbers if each)])
    return (18 if digits + 3 + scale <= 18 or (scale == 2 and digits <= 16) else 38), scale


def _scale(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _rounded(numbers: Sequence[Decimal], decimal: tuple[int, int]) -> str | None:
    return "more than 18 decimals: rounded" if any(_scale(each) > decimal[1] for each in numbers) else None


def _of_texts(name: str, values: Sequence[str], written: bool, level: int) -> Field:
    for type_, rule in _rules(name, written).items():
        read = [value for value in values if rule(value)]
        missed = len(values) - len(read)
        if missed and (len(values) < FORGIVING or len(read) < MOST_OF * len(values)):
            if missed < len(read):
                return Field(
                    name, "string", 0, doubt=f"{len(read)} of {len(values)} are a {type_}: all are read as text"
                )
            continue
        if type_ == "number":
            if not written and not any(map(_has_point, read)):
                continue  # digits that somebody put in quotes are a name
            field = _of_numbers(name, [value.strip(" ") for value in read], written, level)
        else:
            field = Field(name, type_, 0)
        return replace(field, doubt=f"{missed} of {len(values)} are no {type_}: null") if missed else field
    return Field(name, "string", 0, doubt=_unread(name, values))


def _rules(name: str, written: bool) -> Mapping[str, Callable[[str], bool]]:
    """By type, the strictest first. Identifiers in a CSV are texts, whatever they look like."""
    rules: dict[str, Callable[[str], bool]] = {
        "timestamp": lambda value: instant(value) is not None,
        "date": lambda value: day(value) is not None,
    }
    if written:
        rules["boolean"] = lambda value: written_boolean(value) is not None
    if not (written and is_identifier(name)):
        rules["number"] = lambda value: number(value) is not None
    return rules


def _has_point(number: str) -> bool:
    return "." in number or "e" in number.lower()


def _unread(name: str, values: Sequence[str]) -> str | None:
    """What a text seems to be that no rule reads."""

    def all_are(pattern: re.Pattern[str]) -> bool:
        return all(pattern.fullmatch(value.strip(" ")) for value in values)

    if all_are(_NAIVE):
        return "instants without an offset are not read: transformLogic: to_utc_timestamp({column}, 'ZONE')"
    if all_are(_SPACED):
        return "instants are read with a T in the middle: transformLogic: to_timestamp({column})"
    for form, pattern in _DAYS.items():
        if all_are(pattern):
            return f"may be days: transformLogic: to_date({{column}}, '{form}')"
    if all_are(_SLASHED):
        return "may be days, of the month or of the day first: transformLogic: to_date({column}, 'FORM')"
    if all_are(_COMMA):
        plain = "replace({column}, '.', '')" if any("." in value for value in values) else "{column}"
        return f"numbers with a decimal comma: transformLogic: cast(replace({plain}, ',', '.') AS decimal(18,2))"
    are_numbers = all(number(value) is not None for value in values)
    return "digits in quotes: read as text" if are_numbers and not is_identifier(name) else None


def _of_arrays(name: str, values: Sequence[list[Any]], written: bool, level: int) -> Field:
    elements = [element for value in values for element in value if not is_blank(element)]
    if not elements:
        return Field(name, "array", 0, items="string", doubt="an array without elements in every record: of texts?")
    kinds = Counter(map(_kind, elements))
    kind = kinds.most_common(1)[0][0]
    if kind == "string":
        doubt = "has elements that are no text: they are left out" if len(kinds) > 1 else None
        return Field(name, "array", 0, items="string", doubt=doubt)
    said = f"an array of {kind}s: a transform makes something of it"
    if kind == "object" and level < DEEPEST:
        fields = _fields([each for each in elements if type(each) is dict], written=written, level=level + 1)
        return Field(name, "array", 0, items="object", fields=_described(fields), is_read=False, doubt=said)
    items = {"array": "array", "object": "object", "boolean": "boolean"}.get(kind, "number")
    return Field(name, "array", 0, items=items, is_read=False, doubt=said)


def _of_objects(name: str, values: Sequence[dict[str, Any]], written: bool, level: int) -> Field:
    fields = _described(_fields(values, written=written, level=level + 1)) if level < DEEPEST else ()
    if fields:
        return Field(name, "object", 0, fields=fields)
    return Field(name, "object", 0, is_read=False, doubt="an object of no fields of its own: none becomes a column")


def _described(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(field for field in fields if field.name.strip()) if len(fields) <= MOST_NAMES else ()


def _of_days(name: str, values: Sequence[Any], written: bool, level: int) -> Field:
    if type(values[0]) is date:
        return Field(name, "date", 0)
    if any(value.tzinfo is None for value in values):
        return Field(name, "timestamp", 0, default_timezone="UTC", doubt=WITHOUT_OFFSET)
    return Field(name, "timestamp", 0)


def _of_others(name: str, values: Sequence[Any], written: bool, level: int) -> Field:
    return Field(name, "string", 0, is_read=False, doubt=f"of type {type(values[0]).__name__}: no rule reads it")


_OF_KIND: Mapping[str, Callable[[str, Sequence[Any], bool, int], Field]] = {
    "boolean": _of_booleans,
    "number": _of_numbers,
    "string": _of_texts,
    "array": _of_arrays,
    "object": _of_objects,
    "timestamp": _of_days,
    "date": _of_days,
    "other": _of_others,
}

_UNNAMED = 4  # the rank of a key whose name does not say so
_IDENTIFIERS = {"id", "ids", "uuid", "guid", "key", "number", "no", "nr", "code", "ref", "reference", "sku", "ean"}
_NAMING = {"zip", "postcode", "postal", "phone", "mobile", "account", "iban", "isbn", "barcode"}
_TIMES = {"at", "on", "time", "timestamp", "date", "day", "when"}
_CREATED = {
    *("created", "issued", "ordered", "placed", "booked", "posted", "occurred", "recorded", "written", "returned"),
    *("received", "registered", "event"),
}
_CHANGED = {"updated", "modified", "changed"}
_LATER = {
    *("due", "expires", "expiry", "deleted", "valid", "until", "end", "ended", "promised", "delivered", "delivery"),
    *("paid", "closed", "cancelled", "birth"),
}


def is_identifier(name: str) -> bool:
    """Whose digits are a name, not a quantity."""
    found = [word for word in words(name) if not word.isdigit()]
    return found[-1:] != [] and found[-1] in _IDENTIFIERS | _NAMING


def _is_of_time(name: str) -> bool:
    return bool((_TIMES | _CREATED | _CHANGED | _LATER) & set(words(name)))


def key_of(fields: Sequence[Field], *, noun: str, records: int) -> tuple[tuple[Field, ...], str | None]:
    """The key, and why it may be another: what the database says, or values that are all there and differ.

    `noun`: what a record is, in the plural: its own identifier is preferred to another's.
    """
    if declared := tuple(field for field in fields if field.was_key):
        return declared, None
    scalars = [field for field in fields if field.is_read and field.type in ("string", "integer")]
    ranked = sorted(scalars, key=lambda field: _key_rank(field, noun))
    if not records:
        named = [field for field in ranked if _key_rank(field, noun) < _UNNAMED]
        return tuple(named[:1]), "the key, by its name alone" if named else "no field is named as a key is"
    key = next((field for field in ranked if field.is_unique), None)
    if key is None:
        return (), "no field is there and different in every record: without a key no row is another's duplicate"
    if records == 1:
        return (key,), "the key, of one record"
    if _key_rank(key, noun) == _UNNAMED:
        return (key,), "the key, by its values alone"
    if _key_rank(ranked[0], noun) < _key_rank(key, noun):
        return (key,), f"the key; by its name it is {ranked[0].name}, but that is not in every record, or comes twice"
    return (key,), None


def _key_rank(field: Field, noun: str) -> int:
    found = words(field.name)
    if not found or found[-1] not in _IDENTIFIERS:
        return _UNNAMED
    if found[:-1] in ([], singular(noun).split("_")):
        return 0 if found[-1] == "id" else 1
    return 2 if found[-1] in ("id", "uuid", "guid") else 3


def day_column_of(fields: Sequence[Field], *, records: int) -> Field | None:
    """The instant at which a record came to be; without any, such a day."""
    seen = [field for field in fields if field.is_read and (field.filled or not records)]
    instants = [field for field in seen if field.type == "timestamp"] or [each for each in seen if each.type == "date"]
    return min(instants, key=lambda field: (_day_rank(words(field.name)), field.filled < records), default=None)


def _day_rank(found: list[str]) -> int:
    if _LATER & set(found):
        return 3
    if _CREATED & set(found):
        return 0
    if _CHANGED & set(found):
        return 2
    return 1
