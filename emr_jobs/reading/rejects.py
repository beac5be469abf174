"""Which rows of what was read are refused: the first reason of each, and the record as a text.

Does not own: the reading (record_reader), the dataset of the refused (contracts.rejects). Invariant: a row has the
reason that stands first in the order of the plan's, or none.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from emr_jobs.contracts.reading import (
    ELEMENTS,
    MALFORMED,
    TOO_LARGE,
    Field,
    Plan,
    Rule,
    not_accepted_reason,
    null_reason,
)
from emr_jobs.reading.records import Broken

LEVELS = 200  # of objects and arrays that a raw record shows; orjson writes 254


def first_reasons(
    plan: Plan,
    columns: Mapping[str, pa.Array],
    rows: int,
    *,
    malformed: pa.BooleanArray | None = None,
    too_large: Mapping[str, pa.BooleanArray] | None = None,
) -> pa.StringArray:
    """Null for a good row. `too_large`: by column, where a value that was read did not fit into it."""
    large = too_large or {}
    found = [(MALFORMED, malformed)] if malformed is not None else []
    for field in plan.fields:
        if field.required and columns[field.name].null_count:
            nulls = columns[field.name].is_null()
            found.append((null_reason(field.name), _but(nulls, large.get(field.name))))
    for field in plan.fields:
        if field.accepted and (others := _not_accepted(field, columns[field.name])) is not None:
            found.append((not_accepted_reason(field.name), others))
    found += [(TOO_LARGE, mask) for mask in large.values()]
    found += [(TOO_LARGE, mask) for field in plan.fields for mask in _too_large(field, columns[field.name])]
    if not found:
        return pa.nulls(rows, pa.string())
    masks = pa.StructArray.from_arrays([mask for _, mask in found], [str(number) for number in range(len(found))])
    return pc.case_when(masks, *(pa.scalar(reason, pa.string()) for reason, _ in found))


def _but(mask: pa.BooleanArray, excepted: pa.BooleanArray | None) -> pa.BooleanArray:
    return mask if excepted is None else pc.and_not(mask, excepted)


def _not_accepted(field: Field, column: pa.Array) -> pa.BooleanArray | None:
    accepted = pc.cast(pa.array(field.accepted, pa.string()), column.type)
    mask = pc.and_not(column.is_valid(), pc.is_in(column, value_set=accepted))
    return mask if mask.true_count else None


def _too_large(field: Field, column: pa.Array) -> Iterator[pa.BooleanArray]:
    if field.limit_bytes is None or column.nbytes <= field.limit_bytes:
        return  # all of them together are no longer than one may be
    if field.rule is Rule.TEXT:
        masks = [_longer(column, field.limit_bytes)]
    else:
        owners = pc.filter(pc.list_parent_indices(column), _longer(pc.list_flatten(column), field.limit_bytes))
        masks = [
            pc.greater(pc.list_value_length(column), pa.scalar(ELEMENTS, pa.int32())),
            pc.is_in(pa.array(range(len(column)), owners.type), value_set=owners),
        ]
    yield from (mask for mask in masks if mask.true_count)


def _longer(texts: pa.StringArray, limit_bytes: int) -> pa.BooleanArray:
    return pc.greater(pc.binary_length(texts), pa.scalar(limit_bytes, pa.int32()))


def raw_record(record: Any) -> str:
    """The record as JSON; of one that is broken its bytes, those that are no UTF-8 replaced by U+FFFD.

    Whole but for what lies deeper than LEVELS.
    """
    if type(record) is Broken:
        return record.raw.decode(errors="replace")
    try:
        return orjson.dumps(record, default=_of_no_json).decode()
    except orjson.JSONEncodeError:  # too deep, or a whole number of more than 64 bits
        return orjson.dumps(_cut(record, LEVELS), default=_of_no_json).decode()


def raw_rows(plan: Plan, rows: pa.Table) -> list[str]:
    """A table's rows as JSON, without what is classified: its values must not lie about. Names are in any case."""
    hidden = {field.path[0].lower() for field in plan.fields if field.classified}
    read = {field.path[0].lower() for field in plan.fields} - hidden
    shown = rows.select([name for name in rows.column_names if name.lower() in read])
    return [raw_record(row) for row in shown.to_pylist()]


def _of_no_json(value: Any) -> Any:
    if type(value) is Decimal:
        return orjson.Fragment(str(value).encode())
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)


def _cut(value: Any, levels: int) -> Any:
    if type(value) is int and value.bit_length() > 63:
        return Decimal(value)
    if type(value) not in (dict, list):
        return value
    if not levels:
        return "..."
    if type(value) is dict:
        return {name: _cut(each, levels - 1) for name, each in value.items()}
    return [_cut(each, levels - 1) for each in value]
