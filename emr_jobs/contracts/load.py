"""Reads the ODCS files of a folder into `Contract`s, strictly: every fault at once, with file and path.

Validated by the standard's JSON schema (its pydantic model alone lets misspelt nested keys pass) and by
the rules of this project: one dataset a file, known types, known custom properties, lineage that resolves.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import time
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import jsonschema_rs
import yaml
from open_data_contract_standard.model import (
    DataQuality,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
    Team,
)
from pydantic import ValidationError

from emr_jobs.contracts.extras import (
    ColumnExtras,
    CustomMeasure,
    DatasetExtras,
    QualityExtras,
    SourceExtras,
    TypeOptions,
)
from emr_jobs.contracts.model import (
    AcceptedValues,
    Bound,
    Check,
    Column,
    Contract,
    Extraction,
    Measure,
    Medium,
    MinimumValues,
    Query,
    RequiredColumns,
    RowCount,
    RowCountDrift,
    Rule,
    Severity,
    Status,
    UniqueKey,
)
from emr_jobs.contracts.read import Read, Strict
from emr_jobs.core.errors import Misconfigured

SUFFIX = ".odcs.yaml"
PARTITION_COLUMN = "partition_date"
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
PLACEHOLDER = re.compile(r"\$\{([a-z0-9_]+\.[a-z0-9_]+)\}")

COUNTS = "SELECT count(*) FROM "
ROW_COUNT_DRIFT = "row_count_drift"  # the measure that the audit takes by itself
REJECTED_SHARE = "rejected_share"  # the measure of a job that rejects records: of all that it read

_MEDIUM = {"table": Medium.TABLE, "index": Medium.INDEX}
OPERATORS = (
    "mustBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
)
_Types = Mapping[str, set[str | None]]
TABLE_TYPES: _Types = {  # logicalType -> what physicalType may say; None: it may be left out
    "string": {None},
    "boolean": {None},
    "date": {None},
    "timestamp": {None},
    "integer": {None},
    "number": {"decimal"},
    "array": {None},
}
INDEX_TYPES: _Types = {
    "string": {"keyword", "text"},
    "boolean": {"boolean"},
    "date": {"date"},
    "timestamp": {"date"},
    "integer": {"integer"},
    "number": {"scaled_float"},
    "array": {"keyword", "nested"},
}


class InvalidContracts(Misconfigured):
    """One line per fault: file, path in it, what is wrong."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(dict.fromkeys(faults))  # the standard's schema may find one by two ways
        super().__init__(f"{len(self.faults)} faults in the contracts:\n" + "\n".join(self.faults))


Kind = TypeVar("Kind", bound=Strict)


class _NoDuplicates(yaml.CSafeLoader):  # type: ignore[misc]  # the C loader has no stubs
    """A key written twice is a fault, not the later one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is written twice", node.start_mark)
        return super().construct_mapping(node, deep)


class Layers(Strict):
    """Of the datasets, by medium."""

    table: tuple[str, ...]
    index: tuple[str, ...]

    def of(self, medium: Medium) -> tuple[str, ...] | None:
        """None: any."""
        return {Medium.TABLE: self.table, Medium.INDEX: self.index}.get(medium)


def load(folder: Path, layers: Layers) -> Mapping[str, Contract]:
    """All contracts of this folder by dataset. Raises InvalidContracts."""
    loaded, by_file = load_each(folder, layers)
    faults = [fault for each in by_file.values() for fault in each]
    if not (loaded or faults):
        faults.append(f"{folder}: no *{SUFFIX} in it")
    if not faults:  # a reference to a broken contract is not a second fault
        faults = [fault for contract in loaded.values() for fault in _dangling(contract, loaded)]
    if faults:
        raise InvalidContracts(faults)
    return loaded


def described(contracts: Mapping[str, Contract]) -> dict[str, Contract]:
    """A column that says nothing of itself, and comes from one column of the same name, is described as that one."""

    known: dict[tuple[str, str | None], Column] = {
        (id, column.name): column for id, contract in contracts.items() for column in contract.columns
    }

    def description(column: Column) -> str | None:
        passed: set[tuple[str, str | None]] = set()
        while column.description is None and len(column.lineage) == 1 and column.lineage[0] not in passed:
            origin = known.get(column.lineage[0])
            if origin is None or origin.name.lower() != column.name.lower():
                break
            passed.add(column.lineage[0])
            column = origin
        return column.description

    return {
        id: replace(contract, columns=tuple(replace(each, description=description(each)) for each in contract.columns))
        for id, contract in contracts.items()
    }


def load_each(folder: Path, layers: Layers | None) -> tuple[dict[str, Contract], dict[str, list[str]]]:
    """Those that are valid in themselves by dataset, and by file the faults of the others. No layers: any will do."""
    loaded: dict[str, Contract] = {}
    faults: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.yaml")):
        reader = _Reader(path, layers)
        contract = reader.read()
        if contract is not None:
            loaded[contract.id] = contract
        else:
            faults[path.name] = [f"{path.name} {fault}" for fault in reader.faults]
    return described(loaded), faults


def _dangling(contract: Contract, known: Mapping[str, Contract]) -> Iterable[str]:
    where = f"{contract.id}{SUFFIX} $.schema[0]"
    for column in contract.columns:
        for dataset, source_column in column.lineage:
            if dataset not in known:
                yield f"{where}.{column.name}.transformSourceObjects: no contract {dataset}"
            elif source_column and (missing := _missing(known[dataset], source_column)):
                yield f"{where}.{column.name}.transformSourceObjects: {dataset} has no column {missing}"
    for check in contract.checks:
        if isinstance(check.rule, Query):
            for dataset in PLACEHOLDER.findall(check.rule.sql + (check.rule.samples_sql or "")):
                if dataset not in known:
                    yield f"{where}.quality.{check.name}: no contract {dataset}"
            yield from (
                f"{where}.quality.{check.name}.customProperties: samples show {column}, which is classified"
                for column in _classified_samples(check.rule, known)
            )


def _classified_samples(rule: Query, known: Mapping[str, Contract]) -> list[str]:
    """Columns that the samples select by name, of the datasets that the query reads. What is shown is no secret."""
    if rule.samples_sql is None:
        return []
    shown, _, _ = rule.samples_sql.removeprefix(_INNER).partition(" FROM ")
    words = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", shown)))
    read = [known[dataset] for dataset in dict.fromkeys(PLACEHOLDER.findall(rule.sql)) if dataset in known]
    columns = {f"{each.id}.{column.name}": column for each in read for column in each.columns}
    return [name for name, column in columns.items() if column.classification and column.name in words]


_INNER = "SELECT DISTINCT * FROM ("  # around samples that are a statement


def _missing(contract: Contract, reference: str) -> str | None:
    """The part of a reference that the contract does not declare."""
    try:
        contract.path(reference)
    except KeyError as error:
        return str(error.args[0])
    return None


class _Reader:
    """One file. Collects faults instead of raising at the first."""

    def __init__(self, path: Path, layers: Layers | None) -> None:
        self.path = path
        self.layers = layers
        self.faults: list[str] = []

    def fault(self, where: str, what: str) -> None:
        self.faults.append(f"{where}: {what}")

    def read(self) -> Contract | None:
        try:
            raw = yaml.load(self.path.read_text(), Loader=_NoDuplicates)  # noqa: S506  # a safe loader
        except yaml.YAMLError as error:
            self.fault("$", f"not YAML ({' '.join(str(error).split())})")
            return None
        for wrong in sorted(_standard().iter_errors(raw), key=_place):
            deepest = min(_leaves(wrong), key=lambda each: (-len(each.instance_path), each.message))
            self.fault(_place(deepest), _said(deepest)[:300])
        if self.faults:
            return None
        return self.contract(OpenDataContractStandard.model_validate(raw))

    def contract(self, odcs: OpenDataContractStandard) -> Contract | None:
        layer, _, name = (odcs.id or "").partition(".")
        if self.path.name != f"{odcs.id}{SUFFIX}":
            self.fault("$.id", f"{odcs.id} is not the file's name")
        if len(odcs.schema_ or ()) != 1:
            self.fault("$.schema", "one dataset a file")
            return None
        table: SchemaObject = odcs.schema_[0]  # type: ignore[index]
        if table.name != name:
            self.fault("$.schema[0].name", f"{table.name}, but the id {odcs.id} says {name}")
        medium = _MEDIUM.get(table.physicalType or "", Medium.SOURCE)
        expected = self.layers and self.layers.of(medium)
        if expected and layer not in expected:
            self.fault(
                "$.schema[0].physicalType", f"{table.physicalType} belongs to {' or '.join(expected)}, not {layer}"
            )
        if not VERSION.fullmatch(odcs.version or ""):
            self.fault("$.version", f"{odcs.version}: expected three numbers, as 1.0.0")
        if odcs.status not in [*Status]:
            self.fault("$.status", f"{odcs.status}: expected one of {', '.join(Status)}")
        owner = odcs.team.name if isinstance(odcs.team, Team) else None
        if not owner:
            self.fault("$.team", "an owner is required: team: {name: ...}")
        columns = tuple(self.column(column, medium, f"$.schema[0].{column.name}") for column in table.properties or ())
        if medium is not Medium.SOURCE:
            self.partition_column(table.properties or [], medium)
        checks = tuple(self.checks(table, columns, medium))
        for repeated in sorted(
            {check.name for check in checks if [each.name for each in checks].count(check.name) > 1}
        ):
            self.fault("$.schema[0].quality", f"two checks are named {repeated}")
        available_by = self.available_by(odcs)
        keep_days = self.keep_days(odcs, medium)
        read = self.read_of(odcs, medium)
        extraction = self.extraction(odcs, medium, columns, checks)
        if self.faults:
            return None
        return Contract(
            id=odcs.id or "",
            version=odcs.version or "",
            medium=medium,
            physical_name=table.physicalName or table.name or "",
            description=((odcs.description and odcs.description.purpose) or "").strip(),
            granularity=table.dataGranularityDescription,
            owner=owner or "",
            columns=columns,
            checks=checks,
            available_by=available_by,
            keep_days=keep_days,
            read=read,
            extraction=extraction,
            status=Status(odcs.status or ""),
            usage=((odcs.description and odcs.description.usage) or "").strip() or None,
            limitations=((odcs.description and odcs.description.limitations) or "").strip() or None,
        )

    def read_of(self, odcs: OpenDataContractStandard, medium: Medium) -> Read | None:
        if medium is not Medium.SOURCE:
            return None
        extras = self.extras(SourceExtras, odcs.customProperties, "$")
        return extras.read if extras else None

    def extraction(
        self, odcs: OpenDataContractStandard, medium: Medium, columns: tuple[Column, ...], checks: tuple[Check, ...]
    ) -> Extraction | None:
        if medium is Medium.SOURCE:
            return None
        extras = self.extras(DatasetExtras, odcs.customProperties, "$")
        if extras is None or not extras.model_fields_set:
            return None
        where = "$.customProperties"
        if medium is not Medium.TABLE:
            self.fault(where, f"{', '.join(sorted(extras.model_fields_set))}: only a table is read from a source")
        by = extras.duplicates.by if extras.duplicates else None
        if by and by not in {column.name for column in columns}:
            self.fault(f"{where}.duplicates.by", f"no column {by}")
        if by and not any(column.key_position is not None for column in columns):
            self.fault(f"{where}.duplicates", "without a primaryKey no row is another's duplicate")
        if "max_rejected_share" in extras.model_fields_set and REJECTED_SHARE in measures_of(checks):
            self.fault(f"{where}.max_rejected_share", f"a rule of the measure {REJECTED_SHARE} has a limit, too")
        return Extraction(by, extras.new_fields, extras.max_rejected_share)

    def partition_column(self, properties: list[SchemaProperty], medium: Medium) -> None:
        first = properties[0] if properties else None
        if first is None or (first.name, first.logicalType, first.required) != (PARTITION_COLUMN, "date", True):
            self.fault("$.schema[0].properties[0]", f"the first column is {PARTITION_COLUMN}, a required date")
        elif medium is Medium.TABLE and not first.partitioned:
            self.fault("$.schema[0].properties[0]", f"{PARTITION_COLUMN} is partitioned: true")

    def column(self, column: SchemaProperty, medium: Medium, where: str, *, nested: bool = False) -> Column:
        types = {Medium.TABLE: TABLE_TYPES, Medium.INDEX: INDEX_TYPES}.get(medium)
        physical = column.physicalType
        if types is not None and column.logicalType not in types:
            self.fault(f"{where}.logicalType", f"{column.logicalType}: expected one of {', '.join(types)}")
        elif types is not None and (physical and physical.partition("(")[0]) not in types[column.logicalType or ""]:
            allowed = sorted(str(each) for each in types[column.logicalType or ""])
            self.fault(f"{where}.physicalType", f"{physical}: {column.logicalType} takes {' or '.join(allowed)}")
        fields = (column.items.properties if column.items else column.properties) or ()
        if types is not None and column.logicalType == "array" and not (column.items and column.items.logicalType):
            self.fault(f"{where}.items", "an array says what its items are")
        extras = self.extras(ColumnExtras, column.customProperties, where)
        if (physical == "scaled_float") != bool(extras and extras.scalingFactor):
            self.fault(f"{where}.customProperties", "scaled_float, and only it, has a scalingFactor")
        return Column(
            name=column.name or "",
            logical_type=column.logicalType or "string",
            physical_type=physical,
            required=bool(column.required),
            key_position=column.primaryKeyPosition if column.primaryKey else None,
            description=column.description,
            classification=column.classification,
            accepted=tuple(str(each.value) for each in column.enum or ()),
            meanings=tuple((str(each.value), each.description) for each in column.enum or () if each.description),
            minimum=None if medium is Medium.SOURCE else self.minimum(column, medium, where, nested=nested),
            lineage=tuple(_reference(each) for each in column.transformSourceObjects or ()),
            logic=column.transformLogic or None,
            items=column.items.logicalType if column.items else None,
            fields=tuple(self.column(each, medium, f"{where}.{each.name}", nested=True) for each in fields),
            scaling_factor=extras.scalingFactor if extras else None,
            default_timezone=(column.logicalTypeOptions or {}).get("defaultTimezone"),
        )

    def minimum(self, column: SchemaProperty, medium: Medium, where: str, *, nested: bool) -> Bound | None:
        if not column.logicalTypeOptions:
            return None
        where = f"{where}.logicalTypeOptions"
        if medium is not Medium.TABLE or nested or column.logicalType not in ("integer", "number"):
            self.fault(where, "they are of a table's integers and numbers")
            return None
        options = self.parse(TypeOptions, column.logicalTypeOptions, where)
        return options.bound if options else None

    def checks(self, table: SchemaObject, columns: tuple[Column, ...], medium: Medium) -> Iterable[Check]:
        if medium is Medium.TABLE:
            in_words = {each.name for each in table.properties or () if any(map(_is_in_words, each.quality or ()))}
            yield from checks_of_columns(columns, in_words=in_words)
        key = tuple(column.name for column in columns if column.key_position is not None)
        if key:
            yield Check("key_unique", Severity.ERROR, f"One row per {' + '.join(key)}, never null", UniqueKey(key))
        for column, declared in zip(columns, table.properties or (), strict=True):
            for number, quality in enumerate(declared.quality or ()):
                yield from self.check(quality, f"$.schema[0].{column.name}.quality[{number}]", column)
        for number, quality in enumerate(table.quality or ()):
            yield from self.check(quality, f"$.schema[0].quality[{number}]", None)

    def check(self, quality: DataQuality, where: str, column: Column | None) -> Iterable[Check]:
        before = len(self.faults)
        if not quality.name:
            self.fault(where, "a rule needs a name: it becomes the asset check's")
        if quality.severity not in (None, *Severity):
            self.fault(f"{where}.severity", f"{quality.severity}: expected error or warning")
        extras = self.extras(QualityExtras, quality.customProperties, where)
        rule = self.rule(quality, where, column, extras)
        if rule is not None and len(self.faults) == before:
            severity = Severity(quality.severity or Severity.ERROR)
            fix = extras.fix if extras else None
            yield Check(quality.name or "", severity, quality.description or _described(rule), rule, fix)

    def rule(
        self, quality: DataQuality, where: str, column: Column | None, extras: QualityExtras | None
    ) -> Rule | None:
        if quality.type == "sql":
            bound, sql = self.bound(quality.model_dump(exclude_none=True), where), quality.query or ""
            shown = extras.samples if extras else None
            if shown and sql.startswith(COUNTS) == shown.startswith("SELECT "):
                self.fault(
                    f"{where}.customProperties",
                    f"samples of a query that begins with {COUNTS.strip()} are an expression, of another one a SELECT",
                )
            return Query(sql, bound, shown and _samples(sql, shown)) if bound else None
        if quality.type == "custom":
            if quality.engine != "pipeline":
                self.fault(f"{where}.engine", f"{quality.engine}: expected pipeline")
            measure = self.parse(CustomMeasure, quality.implementation, f"{where}.implementation")
            if measure is None:
                return None
            bound = self.bound(measure.model_dump(exclude_none=True), f"{where}.implementation")
            if (measure.measure == ROW_COUNT_DRIFT) != (measure.days is not None):
                self.fault(f"{where}.implementation", f"{ROW_COUNT_DRIFT}, and only it, says over how many days")
                return None
            if bound is None:
                return None
            return RowCountDrift(measure.days, bound) if measure.days else Measure(measure.measure, bound)
        if _is_in_words(quality):
            if column is None or column.minimum is None:
                self.fault(where, "a rule in words is a column's that has a minimum in logicalTypeOptions")
                return None
            return MinimumValues(((column.name, column.minimum),))
        if quality.metric == "rowCount" and column is None:
            bound = self.bound(quality.model_dump(exclude_none=True), where)
            return RowCount(bound) if bound else None
        self.fault(where, f"no such rule here: type {quality.type}, metric {quality.metric}")
        return None

    def bound(self, values: Mapping[str, Any], where: str) -> Bound | None:
        given = [operator for operator in OPERATORS if operator in values]
        if len(given) != 1:
            self.fault(where, f"exactly one of {', '.join(OPERATORS)}")
            return None
        limit = values[given[0]]
        if isinstance(limit, list | tuple):
            return Bound(given[0], (float(limit[0]), float(limit[1])))
        return Bound(given[0], float(limit))

    def available_by(self, odcs: OpenDataContractStandard) -> time | None:
        for number, promise in enumerate(odcs.slaProperties or ()):
            if promise.property == "timeOfAvailability":
                try:
                    return time.fromisoformat(str(promise.value))
                except ValueError:
                    self.fault(f"$.slaProperties[{number}]", f'{promise.value}: expected a time of day, "10:00"')
        return None

    def keep_days(self, odcs: OpenDataContractStandard, medium: Medium) -> int | None:
        for number, promise in enumerate(odcs.slaProperties or ()):
            if promise.property == "retention":
                where = f"$.slaProperties[{number}]"
                if medium is not Medium.TABLE:
                    self.fault(where, "only a table's days are deleted")
                if promise.unit != "d" or type(promise.value) is not int or promise.value < 1:
                    self.fault(where, f"{promise.value} {promise.unit}: expected whole days, unit d")
                    return None
                return promise.value
        return None

    def extras(self, kind: type[Kind], properties: list[Any] | None, where: str) -> Kind | None:
        values = {each.property: each.value for each in properties or ()}
        return self.parse(kind, values, f"{where}.customProperties")

    def parse(self, kind: type[Kind], values: object, where: str) -> Kind | None:
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                self.fault(".".join([where, *map(str, fault["loc"])]), fault["msg"])
            return None


def checks_of_columns(columns: Iterable[Column], *, in_words: Collection[str | None] = ()) -> Iterable[Check]:
    """What a table's columns say of themselves. The minimum of a column that is `in_words` has a check of its own."""
    required = tuple(column.name for column in columns if column.required)
    yield Check("required_columns", Severity.ERROR, f"No null in {', '.join(required)}", RequiredColumns(required))
    accepted = tuple((column.name, column.accepted) for column in columns if column.accepted)
    if accepted:
        names = ", ".join(name for name, _ in accepted)
        yield Check("accepted_values", Severity.ERROR, f"Only declared values in {names}", AcceptedValues(accepted))
    others = (column for column in columns if column.name not in in_words)
    minima = tuple((column.name, column.minimum) for column in others if column.minimum)
    if minima:
        promised = ", ".join(f"{name} {minimum}" for name, minimum in minima)
        yield Check("minimum_values", Severity.ERROR, f"No value below its minimum: {promised}", MinimumValues(minima))


def _is_in_words(quality: DataQuality) -> bool:
    return quality.type == "text"


def measures_of(checks: Iterable[Check]) -> set[str]:
    """The measures that have a limit."""
    return {check.rule.measure for check in checks if isinstance(check.rule, Measure)}


def _samples(sql: str, shown: str) -> str:
    """Up to four of the rows that the query is about."""
    if shown.startswith("SELECT "):
        return f"{_INNER}{shown}) ORDER BY 1 LIMIT 4"  # the contract
    return f"SELECT DISTINCT {shown} FROM {sql.removeprefix(COUNTS)} ORDER BY 1 LIMIT 4"  # noqa: S608  # the contract


def _described(rule: Rule) -> str:
    match rule:
        case RowCount(bound):
            return f"Rows: {bound}"
        case MinimumValues(((column, minimum),)):
            return f"{column} is {minimum}"
    return ""


def _reference(text: str) -> tuple[str, str | None]:
    layer, _, rest = text.partition(".")
    name, _, column = rest.partition(".")
    return f"{layer}.{name}", column or None


@cache
def _standard() -> jsonschema_rs.Draft201909Validator:
    """In Rust: python-jsonschema takes 0.4 s for the nine contracts, in every process; this one 3 ms."""
    return jsonschema_rs.Draft201909Validator(json.loads(OpenDataContractStandard.json_schema()))


def _place(error: jsonschema_rs.ValidationError) -> str:
    return "$" + "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in error.instance_path)


def _said(error: jsonschema_rs.ValidationError) -> str:
    """An enumeration names all its members; the library's message names two."""
    match error.kind:
        case jsonschema_rs.ValidationErrorKind.Enum(options=options):
            return f"{error.instance!r} is not one of {options}"
    return error.message


def _leaves(error: jsonschema_rs.ValidationError) -> list[jsonschema_rs.ValidationError]:
    """The errors below an anyOf or oneOf, which name the place; the error itself where there are none."""
    branches = getattr(error.kind, "context", ())
    return [leaf for branch in branches for each in branch for leaf in _leaves(each)] or [error]
