"""The raw values of one field, or a typed column of a table -> its Arrow column, by the rules of `values`.

What a batch commonly holds, only texts or only numbers, is read by Arrow's own functions at a tenth of the cost; any
other batch value by value. Invariant: both read what `values` reads of each value.
Does not own: the rules (values), where the values stand in a record (record_reader).
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from emr_jobs.contracts.reading import Field, Rule
from emr_jobs.reading.strict_json import NUMBER
from emr_jobs.reading.values import (
    ARROW_INSTANT,
    DAY,
    INSTANT,
    boolean,
    day,
    decimals,
    instant,
    instant_or_utc,
    is_blank,
    text,
    texts,
    whole,
    written_boolean,
)

Values = Sequence[Any]


class Typed(NamedTuple):
    """A column; of each mask None where it would be false everywhere."""

    values: pa.Array
    wrong: pa.BooleanArray | None = None  # there is a value, and it cannot be read
    too_large: pa.BooleanArray | None = None  # it is read, and no column holds it: null


_NOTHING = type(None)
_TEXTS, _BOOLEANS = {str, _NOTHING}, {bool, _NOTHING}
_INTEGERS, _NUMBERS = {int, _NOTHING}, {int, float, _NOTHING}

_LEAST_WHOLE, _GREATEST_WHOLE = -(2**63), 2**63 - 1
_SHORT_WHOLE = r"\A-?(?:0|[1-9][0-9]{0,17})\z"
_PAST_MICROSECONDS = r"(\.[0-9]{6})[0-9]+"
_BLANK, _NULL = pa.scalar(""), pa.scalar(None, pa.string())  # a kernel's call would make them anew
_ROOMY = pa.decimal256(76, 38)  # holds every digit of a double that is an amount


def _all(pattern: str) -> str:
    """The same pattern for RE2, of the whole text."""
    return rf"\A(?:{pattern})\z"


def arrow_type(field: Field) -> pa.DataType:
    match field.rule:
        case Rule.AMOUNT:
            assert field.decimal is not None, field
            return pa.decimal128(*field.decimal)
        case Rule.WHOLE:
            return pa.int64()
        case Rule.INSTANT:
            return ARROW_INSTANT
        case Rule.BOOLEAN:
            return pa.bool_()
        case Rule.DATE:
            return pa.date32()
        case Rule.TEXTS:
            return pa.list_(pa.string())
    return pa.string()


def column_reader(field: Field, *, all_text: bool) -> Callable[[Values], Typed]:
    """`all_text`: booleans are written as texts."""
    match field.rule:
        case Rule.AMOUNT:
            assert field.decimal is not None, field
            return partial(_amounts, *field.decimal)
        case Rule.WHOLE:
            return _wholes
        case Rule.INSTANT:
            one = instant_or_utc if field.naive_is_utc else instant
            return partial(_by_pattern, INSTANT.pattern, one, ARROW_INSTANT)
        case Rule.BOOLEAN:
            return partial(_booleans, written_boolean if all_text else boolean)
        case Rule.DATE:
            return partial(_by_pattern, DAY.pattern, day, pa.date32())
        case Rule.TEXTS:
            return _arrays
    return _texts


def array_reader(field: Field) -> Callable[[pa.Array], Typed]:
    """Of a column that has a type: a timestamp without an offset is in UTC, as Snowflake's sessions here are."""
    by_value = column_reader(field, all_text=False)

    def read(array: pa.Array) -> Typed:
        match field.rule:
            case Rule.TEXT if pa.types.is_string(array.type):
                return Typed(_trimmed(array))
            case Rule.INSTANT if pa.types.is_timestamp(array.type):
                return Typed(pc.cast(array, ARROW_INSTANT, safe=False))  # nanoseconds are cut
            case Rule.AMOUNT if pa.types.is_decimal(array.type) and field.decimal:
                return _read_of(array, _rounded(*field.decimal, pc.cast(array, _ROOMY)))
            case Rule.WHOLE if pa.types.is_signed_integer(array.type):
                return Typed(pc.cast(array, pa.int64()))
            case Rule.BOOLEAN if pa.types.is_boolean(array.type):
                return Typed(array)
            case Rule.DATE if pa.types.is_date32(array.type):
                return Typed(array)
        return by_value(array.to_pylist())

    return read


def _kinds(values: Values) -> set[type]:
    return set(map(type, values))


def _one_by_one(read: Callable[[Any], Any], type_: pa.DataType, values: Values) -> Typed:
    column = list(map(read, values))
    array = pa.array(column, type_)
    if not array.null_count:
        return Typed(array)
    return Typed(array, _mask(one is None and not is_blank(value) for one, value in zip(column, values, strict=True)))


def _mask(flags: Any) -> pa.BooleanArray | None:
    mask = pa.array(flags, pa.bool_())
    return mask if mask.true_count else None


def _trimmed(values: Values) -> pa.StringArray:
    """Of texts and nulls; a blank one is null."""
    trimmed = pc.utf8_trim(pa.array(values, pa.string()), " ")
    blank = pc.equal(trimmed, _BLANK)
    return pc.if_else(blank, _NULL, trimmed) if blank.true_count else trimmed


def _where(kept: pa.BooleanArray, array: pa.Array) -> pa.Array:
    """The others null."""
    return array if _is_all(kept) else pc.if_else(kept, array, pa.scalar(None, array.type))


def _is_all(mask: pa.BooleanArray) -> bool:
    """Nulls aside."""
    return mask.true_count + mask.null_count == len(mask)


def _read_of(written: pa.Array, array: pa.Array) -> Typed:
    """What was written and is null now, is wrong."""
    if array.null_count == written.null_count:
        return Typed(array)
    return Typed(array, pc.and_(written.is_valid(), array.is_null()))


def _texts(values: Values) -> Typed:
    if _kinds(values) <= _TEXTS:
        return Typed(_trimmed(values))
    return _one_by_one(text, pa.string(), values)


def _by_pattern(pattern: str, one: Callable[[Any], Any], type_: pa.DataType, values: Values) -> Typed:
    """Instants and days: Arrow reads what the pattern lets through, but for the years before 1 and after 9999."""
    if not _kinds(values) <= _TEXTS:
        return _one_by_one(one, type_, values)
    written = _trimmed(values)
    matching = _where(pc.match_substring_regex(written, _all(pattern)), written)
    try:
        array = _cast_cut(matching, type_)
    except pa.ArrowInvalid:  # the 30th of February
        return _one_by_one(one, type_, values)
    first, last = _YEARS[type_]
    return _read_of(written, _where(pc.and_(pc.greater_equal(array, first), pc.less_equal(array, last)), array))


def _cast_cut(written: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Arrow refuses more digits than microseconds have."""
    try:
        return pc.cast(written, type_)
    except pa.ArrowInvalid:
        return pc.cast(pc.replace_substring_regex(written, _PAST_MICROSECONDS, r"\1"), type_)


_YEARS = {
    type_: [pc.cast(pa.scalar(end), type_) for end in ends]
    for type_, ends in {
        ARROW_INSTANT: ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        pa.date32(): ("0001-01-01", "9999-12-31"),
    }.items()
}


def _amounts(precision: int, scale: int, values: Values) -> Typed:
    type_, kinds = pa.decimal128(precision, scale), _kinds(values)
    one = decimals(precision, scale)
    try:
        if kinds <= _TEXTS:
            written = _trimmed(values)
            matching = _where(pc.match_substring_regex(written, _all(NUMBER.pattern)), written)
        elif kinds <= _NUMBERS:  # a double's shortest text has the digits that were sent
            matching = written = pc.cast(pa.array(values, pa.float64()), pa.string())
        else:
            return _one_by_one(one, type_, values)
        return _read_of(written, _rounded(precision, scale, pc.cast(matching, _ROOMY)))
    except pa.ArrowInvalid:  # more digits than _ROOMY has, a whole number that no double holds, no number at all
        return _one_by_one(one, type_, values)


def _rounded(precision: int, scale: int, exact: pa.Array) -> pa.Array:
    """Of _ROOMY; null where it does not fit."""
    rounded = pc.round(exact, ndigits=scale, round_mode="half_towards_infinity")
    if precision - scale < _ROOMY.precision - _ROOMY.scale:
        fitting = pc.less(pc.abs(rounded), pa.scalar(Decimal(10) ** (precision - scale), _ROOMY))
        rounded = _where(fitting, rounded)
    return pc.cast(rounded, pa.decimal128(precision, scale))


def _wholes(values: Values) -> Typed:
    kinds = _kinds(values)
    if kinds <= _INTEGERS:
        try:
            return Typed(pa.array(values, pa.int64()))
        except (OverflowError, pa.ArrowInvalid):
            pass
    elif kinds <= _TEXTS:
        written = _trimmed(values)
        if _is_all(pc.match_substring_regex(written, _SHORT_WHOLE)):
            return Typed(pc.cast(written, pa.int64()))
    column = list(map(whole, values))
    held = [one is None or _LEAST_WHOLE <= one <= _GREATEST_WHOLE for one in column]
    array = pa.array([one if fits else None for one, fits in zip(column, held, strict=True)], pa.int64())
    wrong = _mask(one is None and not is_blank(value) for one, value in zip(column, values, strict=True))
    return Typed(array, wrong, _mask(not fits for fits in held))


def _booleans(one: Callable[[Any], bool | None], values: Values) -> Typed:
    if _kinds(values) <= _BOOLEANS:
        return Typed(pa.array(values, pa.bool_()))
    return _one_by_one(one, pa.bool_(), values)


def _arrays(values: Values) -> Typed:
    """Wrong is what is no array, and one with an element that is no text."""
    array = pa.array(list(map(texts, values)), pa.list_(pa.string()))
    return Typed(array, _mask(map(_is_no_array_of_texts, values)))


def _is_no_array_of_texts(value: Any) -> bool:
    if type(value) is not list:
        return not is_blank(value)
    return any(each is not None and type(each) is not str for each in value)
