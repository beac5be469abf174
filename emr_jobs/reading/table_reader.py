"""Typed rows of a source's table -> the columns of a dataset, each row's first fault beside them. Run in the workers.

As record_reader does of records: the plan's columns, then `reason` and `raw` of a row that is refused, without its
classified columns, and `misread`. Columns that the contract does not declare are not asked for.
Does not own: fetching (sources.snowflake), the rules (columns).
"""

from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from emr_jobs.contracts.reading import Plan
from emr_jobs.reading.columns import array_reader, arrow_type
from emr_jobs.reading.record_reader import REPORT, misread
from emr_jobs.reading.records import BatchMismatch, Shape
from emr_jobs.reading.rejects import first_reasons, raw_rows


def typed_rows(plan: Plan) -> Shape:
    """What the batches of a statement become."""
    schema = pa.schema([*((field.name, arrow_type(field)) for field in plan.fields), *REPORT])
    return Shape(schema, partial(_made, plan, schema))


def _made(plan: Plan, schema: pa.Schema, rows: pa.Table) -> pa.Table:
    """Raises BatchMismatch naming every column that is not there once."""
    rows = _in_microseconds(rows)
    names = [name.lower() for name in rows.column_names]
    times = {field.path[0]: names.count(field.path[0].lower()) for field in plan.fields}
    if wrong := [f"{name} {count} times" for name, count in times.items() if count != 1]:
        raise BatchMismatch(f"columns differ: {'; '.join(wrong)}")
    columns = {
        field.name: array_reader(field)(rows.column(names.index(field.path[0].lower())).combine_chunks())
        for field in plan.fields
    }
    reasons = first_reasons(
        plan,
        {name: typed.values for name, typed in columns.items()},
        len(rows),
        too_large={name: typed.too_large for name, typed in columns.items() if typed.too_large is not None},
    )
    arrays = [typed.values for typed in columns.values()]
    report = [
        reasons,
        _raw(plan, rows, reasons),
        misread(plan, columns, len(rows)),
        pa.nulls(len(rows), schema[-1].type),
    ]
    return pa.table([*arrays, *report], schema=schema)


def _in_microseconds(rows: pa.Table) -> pa.Table:
    """Nanoseconds have no value in Python."""
    for number, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            cut = pc.cast(rows.column(number), pa.timestamp("us", field.type.tz), safe=False)
            rows = rows.set_column(number, field.name, cut)
    return rows


def _raw(plan: Plan, rows: pa.Table, reasons: pa.Array) -> pa.Array:
    """Of every row where columns are still to be made of them, which may refuse it."""
    if plan.derived_reason is not None:
        return pa.array(raw_rows(plan, rows), pa.string())
    refused = reasons.is_valid()
    texts = iter(raw_rows(plan, rows.filter(refused)))
    return pa.array([next(texts) if yes else None for yes in refused.to_pylist()], pa.string())
