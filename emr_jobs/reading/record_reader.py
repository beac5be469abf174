"""Records of a source -> the typed columns of a dataset, each record's first fault beside them. Run in the workers.

A batch has the plan's columns, then `reason` and `raw` of a record that is refused (null of a good one; where columns
are still to be made of these, `raw` of every one, because they may refuse it), `misread` (columns that are null or
lack an element because the value has a wrong type) and `unknown` (undeclared paths).
A function of the domain's only says which value a column has (catalog.Pick); it is read like any other.
Does not own: what the plan says (contracts.reading), the rules (values, columns), the reasons (rejects).
Invariant: a row a record, in order.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pkgutil import resolve_name
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emr_jobs.catalog import Pick
from emr_jobs.contracts.model import NewFields
from emr_jobs.contracts.reading import EACH, REPORT_COLUMNS, Plan, Rule
from emr_jobs.reading.columns import Typed, Values, arrow_type, column_reader
from emr_jobs.reading.rejects import first_reasons, raw_record
from emr_jobs.reading.values import elements, is_blank

_LIST = pa.list_(pa.string())
REPORT = list(zip(REPORT_COLUMNS, (pa.string(), pa.string(), _LIST, _LIST), strict=True))

Tree = dict[str, Any]  # name -> Tree; empty: whatever lies below is declared
_NO_OBJECT = object()  # where a path goes through what has no fields


class RecordReader:
    """Picklable; `read` takes what strict_json gave, a dict a record, or Broken."""

    def __init__(self, plan: Plan, *, new_fields: NewFields) -> None:
        self.plan = plan
        self.new_fields = new_fields
        self.schema = pa.schema([*((field.name, arrow_type(field)) for field in plan.fields), *REPORT])
        self._readers = [column_reader(field, all_text=plan.all_text) for field in plan.fields]
        self._picks = [(pick, resolve_name(pick.function)) for pick in plan.picks]
        self._declared = _tree(plan)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(RecordReader, self.plan, new_fields=self.new_fields), ()

    def read(self, records: Sequence[Any]) -> pa.RecordBatch:
        rows, malformed = _objects(records)
        at: dict[tuple[str, ...], Values] = {}
        picked = self._picked(rows)
        columns = {
            field.name: read(_values(rows, field.path, at) if field.path else picked[field.name])
            for field, read in zip(self.plan.fields, self._readers, strict=True)
        }
        reasons = first_reasons(
            self.plan,
            {name: typed.values for name, typed in columns.items()},
            len(records),
            malformed=malformed,
            too_large={name: typed.too_large for name, typed in columns.items() if typed.too_large is not None},
        )
        unknown: dict[int, dict[str, None]] = {}
        if self.new_fields is not NewFields.IGNORE:
            _collect_unknown(rows, range(len(rows)), self._declared, "", unknown)
        arrays = [
            *(typed.values for typed in columns.values()),
            reasons,
            self._raw(records, reasons),
            misread(self.plan, columns, len(records)),
            _lists(unknown, len(records)),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _picked(self, rows: Sequence[dict[str, Any]]) -> dict[str, Values]:
        """By column. Raises RuntimeError naming the function that does not do."""
        picked: dict[str, Values] = {}
        for pick, function in self._picks:
            try:
                values = [*zip(*map(function, rows), strict=True)] if rows else [()] * len(pick.columns)
            except Exception as error:
                raise RuntimeError(f"{_said(pick)}: {type(error).__name__}: {error}") from error
            if len(values) != len(pick.columns):
                raise RuntimeError(f"{_said(pick)}: expected {len(pick.columns)} values, found {len(values)}")
            picked.update(zip(pick.columns, values, strict=True))
        return picked

    def _raw(self, records: Sequence[Any], reasons: pa.Array) -> pa.Array:
        if self.plan.derived_reason is not None:
            return pa.array(map(raw_record, records), pa.string())
        if reasons.null_count == len(records):
            return pa.nulls(len(records), pa.string())
        refused = reasons.is_valid().to_pylist()
        return pa.array(
            [raw_record(record) if yes else None for record, yes in zip(records, refused, strict=True)], pa.string()
        )


def _said(pick: Pick) -> str:
    return f"{pick.function}, which picks {', '.join(pick.columns)}"


def misread(plan: Plan, columns: Mapping[str, Typed], rows: int) -> pa.Array:
    """Column names by row. A required column's wrong value is the row's reason; an array is never null."""
    found: dict[int, dict[str, None]] = {}
    for field in plan.fields:
        wrong = columns[field.name].wrong
        if wrong is not None and (not field.required or field.rule is Rule.TEXTS):
            for row in pc.indices_nonzero(wrong).to_pylist():
                found.setdefault(row, {})[field.name] = None
    return _lists(found, rows)


def _objects(records: Sequence[Any]) -> tuple[Sequence[dict[str, Any]], pa.BooleanArray | None]:
    """With an empty one where there is none, and where that is."""
    if set(map(type, records)) <= {dict}:
        return records, None
    malformed = [type(record) is not dict for record in records]
    nothing: dict[str, Any] = {}
    return [nothing if bad else record for record, bad in zip(records, malformed, strict=True)], pa.array(malformed)


def _values(rows: Sequence[dict[str, Any]], path: tuple[str, ...], at: dict[tuple[str, ...], Values]) -> Values:
    """Of every row, what stands at the path. `at` remembers what several paths go through."""
    *above, name = path
    if not above:
        return [row.get(name) for row in rows]
    parent = tuple(above)
    if parent not in at:
        at[parent] = _values(rows, parent, at)
    return [each.get(name) if type(each) is dict else _below_no_object(each) for each in at[parent]]


def _below_no_object(value: Any) -> object | None:
    """Something that no rule reads, so that what stands there instead of an object is counted."""
    return None if is_blank(value) else _NO_OBJECT


def _tree(plan: Plan) -> Tree:
    root: Tree = {}
    for path in plan.declared_paths:
        node = root
        for part in path:
            node = node.setdefault(part, {})
    return root


def _collect_unknown(
    objects: Sequence[dict[str, Any]], rows: Sequence[int], declared: Tree, above: str, into: dict[int, dict[str, None]]
) -> None:
    """Undeclared paths of these objects, by the row that each is of."""
    undeclared = set[str]().union(*objects) - declared.keys()
    if undeclared:
        for row, each in zip(rows, objects, strict=True):
            for name in each:
                if name in undeclared:
                    into.setdefault(row, {})[f"{above}{name}"] = None
    for name, below in declared.items():
        if not below:
            continue
        in_array = EACH in below
        within = [
            (row, value)
            for row, each in zip(rows, objects, strict=True)
            for value in (elements(each.get(name)) if in_array else (each.get(name),))
            if type(value) is dict
        ]
        owners, values = [row for row, _ in within], [value for _, value in within]
        place = f"{above}{name}{EACH}." if in_array else f"{above}{name}."
        _collect_unknown(values, owners, below[EACH] if in_array else below, place, into)


def _lists(by_row: dict[int, dict[str, None]], rows: int) -> pa.Array:
    if not by_row:
        return pa.nulls(rows, _LIST)
    return pa.array([list(by_row[row]) if row in by_row else None for row in range(rows)], _LIST)
