"""What a changed contract does to those who rely on it: a dataset's readers; of a source, the jobs that read it.

Breaking is what makes a query, or a program that worked, fail or mean something else; so is a promise taken back: a
blocking rule, an hour, days that are kept. Pure. Does not own: where the earlier contracts come from.
Invariant: every field of a contract is compared (test_compare), so whatever differs is a change of one kind.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import time
from enum import StrEnum
from math import inf
from typing import Any

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
    Status,
    UniqueKey,
)
from emr_jobs.contracts.read import Complete, Files, Read, Rest
from emr_jobs.contracts.table import spark_type


class Kind(StrEnum):
    COMPATIBLE = "compatible"
    BREAKING = "breaking"


@dataclass(frozen=True)
class Change:
    kind: Kind
    where: str  # in the contract: a column with its dots, `check row_count`, `read.path`, …
    what: str


@dataclass(frozen=True)
class Comparison:
    """Of one contract. A `fault` is what its version, or that it is gone, does not say."""

    contract: str
    before: str | None  # version; None: there was none
    now: str | None  # None: it is gone
    changes: tuple[Change, ...]
    fault: str | None

    @property
    def kind(self) -> Kind:
        return Kind.BREAKING if any(each.kind is Kind.BREAKING for each in self.changes) else Kind.COMPATIBLE


def compared(before: Mapping[str, Contract], now: Mapping[str, Contract]) -> list[Comparison]:
    """Those that differ, by name."""
    both = [_comparison(before[name], now[name]) for name in before.keys() & now.keys()]
    found = [
        *(each for each in both if each.changes or each.before != each.now),
        *(_gone(before[name]) for name in before.keys() - now.keys()),
        *(_new(now[name]) for name in now.keys() - before.keys()),
    ]
    return sorted(found, key=lambda each: each.contract)


def _comparison(before: Contract, now: Contract) -> Comparison:
    found = tuple(changes(before, now))
    return Comparison(now.id, before.version, now.version, found, _version_fault(before.version, now.version, found))


def _gone(before: Contract) -> Comparison:
    gone = _change(before.status is Status.ACTIVE, "contract", f"gone; it was {before.status}")
    fault = "its status must be deprecated before it is taken out, by an earlier change"
    return Comparison(before.id, before.version, None, (gone,), fault if gone.kind is Kind.BREAKING else None)


def _new(now: Contract) -> Comparison:
    return Comparison(now.id, None, now.version, (_compatible("contract", "new"),), None)


def _version_fault(before: str, now: str, found: Iterable[Change]) -> str | None:
    (major, *_), (new_major, *_) = _numbers(before), _numbers(now)
    if new_major <= major and any(each.kind is Kind.BREAKING for each in found):
        return f"version {now}: what is breaking needs {major + 1}.0.0 or higher"
    if _numbers(now) < _numbers(before):
        return f"version {now} is below {before}"
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def changes(before: Contract, now: Contract) -> Iterator[Change]:
    """Of one contract, without its version."""
    if before.medium is not now.medium:
        yield _breaking("physicalType", f"{now.medium} instead of {before.medium}")
        return  # nothing else means the same
    if before.physical_name != now.physical_name:
        # A table is called by its layer and name; an index is read through its alias, a source by its own name.
        by_name = now.medium is not Medium.TABLE
        yield _change(by_name, "physicalName", _instead(now.physical_name, before.physical_name))
    yield from _columns(before.columns, now.columns, now.medium, "")
    yield from _key(before, now)
    yield from _order(before, now)
    yield from _checks(before.checks, now.checks)
    yield from _minima(before.checks, now.checks)
    yield from _promises(before, now)
    yield from _extraction(before.extraction or Extraction(), now.extraction or Extraction())
    if before.read and now.read:
        yield from _read(before.read, now.read)
    yield from _words(before, now)


def _columns(before: Iterable[Column], now: Iterable[Column], medium: Medium, above: str) -> Iterator[Change]:
    old, new = {column.name: column for column in before}, {column.name: column for column in now}
    yield from (_breaking(f"{above}{name}", "gone") for name in old if name not in new)
    for name, column in new.items():
        if name not in old:
            yield _compatible(f"{above}{name}", "new")
        else:
            yield from _column(old[name], column, medium, f"{above}{name}")


def _column(before: Column, now: Column, medium: Medium, where: str) -> Iterator[Change]:
    if _type(before, medium) != _type(now, medium):
        safe = _is_widened(before, now, medium)
        yield _change(not safe, where, _instead(_type(now, medium), _type(before, medium)))
    if before.required != now.required:
        yield _change(before.required, where, "may be null" if before.required else "is never null any more")
    yield from _accepted(before, now, where)
    if before.minimum != now.minimum:
        loosened = before.minimum is not None and not (now.minimum and _is_within(now.minimum, before.minimum))
        yield _change(loosened, where, _instead(str(now.minimum or "any value"), str(before.minimum or "any value")))
    if _squeezed(before.logic) != _squeezed(now.logic):
        yield _breaking(where, "made by another transformLogic")
    if before.default_timezone != now.default_timezone:
        what = _instead(now.default_timezone or "no zone", before.default_timezone or "no zone")
        yield _change(before.default_timezone is not None, where, f"instants without an offset are in {what}")
    if before.classification != now.classification:
        what = _instead(now.classification or "none", before.classification or "none")
        yield _compatible(where, f"classification {what}")
    if before.lineage != now.lineage:
        yield _compatible(where, "comes from other columns")
    if (before.description, before.meanings) != (now.description, now.meanings):
        yield _compatible(where, "other words")
    yield from _columns(before.fields, now.fields, medium, f"{where}.")


def _type(column: Column, medium: Medium) -> str:
    if column.logical_type == "array" and medium is Medium.TABLE:
        return f"array of {column.items}"
    if medium is Medium.TABLE:
        return spark_type(column)
    of = f" of {column.items}" if column.items else ""
    stored = f" as {column.physical_type}" if column.physical_type else ""
    factor = f" with factor {column.scaling_factor}" if column.scaling_factor else ""
    return f"{column.logical_type}{of}{stored}{factor}"


_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


def _is_widened(before: Column, now: Column, medium: Medium) -> bool:
    """A decimal of the same scale, all that Iceberg promotes of a contract's types; or a source that says more."""
    if medium is Medium.SOURCE:
        return before.physical_type is None and _type(before, medium) == _type(replace(now, physical_type=None), medium)
    old, new = (_DECIMAL.fullmatch(_type(column, medium)) for column in (before, now))
    return bool(old and new and old[2] == new[2] and int(old[1]) < int(new[1]))


def _accepted(before: Column, now: Column, where: str) -> Iterator[Change]:
    """A value more is breaking: a program that tells all of them apart has no branch for it."""
    if before.accepted == now.accepted:
        return
    if not before.accepted or not now.accepted:
        yield _change(
            not now.accepted, where, "holds any value" if before.accepted else f"only {_listed(now.accepted)}"
        )
        return
    if added := [value for value in now.accepted if value not in before.accepted]:
        yield _breaking(where, f"may hold {_listed(added)}")
    if removed := [value for value in before.accepted if value not in now.accepted]:
        yield _compatible(where, f"never holds {_listed(removed)} any more")


def _key(before: Contract, now: Contract) -> Iterator[Change]:
    if before.key == now.key:
        return
    what = _instead(_listed(now.key) or "none", _listed(before.key) or "none")
    yield _change(bool(before.key) and set(before.key) != set(now.key), "primaryKey", what)


def _order(before: Contract, now: Contract) -> Iterator[Change]:
    """It means something where a file has no names in it."""
    if not isinstance(now.read, Files) or now.read.format != "csv" or now.read.csv.header:
        return
    old, new = (tuple(column.name for column in contract.columns) for contract in (before, now))
    if old != new[: len(old)]:
        yield _breaking("properties", "the file's fields in another order")


_OF_COLUMNS = RequiredColumns | AcceptedValues | MinimumValues | UniqueKey  # made of what is compared above


def _checks(before: Iterable[Check], now: Iterable[Check]) -> Iterator[Change]:
    old, new = ([check for check in checks if not isinstance(check.rule, _OF_COLUMNS)] for checks in (before, now))
    by_name, by_rule = {check.name: check for check in new}, {check.rule: check for check in new}
    kept: set[str] = set()
    for check in old:
        other = by_name.get(check.name) or by_rule.get(check.rule)
        if other is None:
            yield _change(check.blocking, f"check {check.name}", "gone")
        else:
            kept.add(other.name)
            yield from _check(check, other)
    yield from (_compatible(f"check {check.name}", "new") for check in new if check.name not in kept)


def _check(before: Check, now: Check) -> Iterator[Change]:
    """A warning never kept anything from the readers, so nothing that becomes of it breaks them."""
    yield from _standing(before, now)
    where = f"check {before.name}"
    if _subject(before.rule) != _subject(now.rule):
        yield _change(before.blocking, where, "asks for something else")
    elif (bound := _bound(now.rule)) != (earlier := _bound(before.rule)):
        yield _change(before.blocking and not _is_within(bound, earlier), where, _instead(str(bound), str(earlier)))
    if (before.description, before.fix, _samples(before.rule)) != (now.description, now.fix, _samples(now.rule)):
        yield _compatible(where, "other words or samples")


def _standing(before: Check, now: Check) -> Iterator[Change]:
    where = f"check {before.name}"
    if before.name != now.name:
        yield _compatible(where, f"is called {now.name}")
    if before.severity is not now.severity:
        yield _change(before.blocking, where, _instead(now.severity, before.severity))


def _minima(before: Iterable[Check], now: Iterable[Check]) -> Iterator[Change]:
    """The checks of a minimum that both have; the minimum itself is compared with its column."""
    old, new = _of_minima(before), _of_minima(now)
    for check, other in dict.fromkeys((old[column], new[column]) for column in old if column in new):
        yield from _standing(check, other)
        if check.rule == other.rule and (check.description, check.fix) != (other.description, other.fix):
            yield _compatible(f"check {check.name}", "other words or samples")


def _of_minima(checks: Iterable[Check]) -> dict[str, Check]:
    """By column."""
    return {column: each for each in checks if isinstance(each.rule, MinimumValues) for column, _ in each.rule.minima}


def _subject(rule: Rule) -> tuple[Any, ...]:
    """What is counted or measured."""
    match rule:
        case RowCount():
            return ("rows",)
        case Query(sql):
            return "query", _squeezed(sql)
        case Measure(measure):
            return "measure", measure
        case RowCountDrift(days):
            return "drift", days
    raise AssertionError(f"{rule} is made of columns")


def _bound(rule: Rule) -> Bound:
    assert isinstance(rule, RowCount | Query | Measure | RowCountDrift), f"{rule} is made of columns"
    return rule.bound


def _samples(rule: Rule) -> str | None:
    return rule.samples_sql if isinstance(rule, Query) else None


def _is_within(bound: Bound, other: Bound) -> bool:
    """Whether whatever the bound lets pass, the other one does."""
    return all(own >= its for own, its in zip(_strictness(bound), _strictness(other), strict=True))


def _strictness(bound: Bound) -> tuple[tuple[float, bool], tuple[float, bool]]:
    """Of the lower and the upper end: greater is stricter, and an end that is itself out than one that is in."""
    match bound.operator, bound.limit:
        case "mustBe", float(limit):
            return (limit, False), (-limit, False)
        case ("mustBeGreaterThan" | "mustBeGreaterOrEqualTo") as operator, float(limit):
            return (limit, operator == "mustBeGreaterThan"), (-inf, False)
        case ("mustBeLessThan" | "mustBeLessOrEqualTo") as operator, float(limit):
            return (-inf, False), (-limit, operator == "mustBeLessThan")
        case "mustBeBetween", (float(low), float(high)):
            return (low, False), (-high, False)
    raise AssertionError(f"unknown operator {bound}")


def _promises(before: Contract, now: Contract) -> Iterator[Change]:
    if before.available_by != now.available_by:
        later = before.available_by is not None and (now.available_by is None or now.available_by > before.available_by)
        yield _change(later, "timeOfAvailability", _instead(_hour(now.available_by), _hour(before.available_by)))
    if before.keep_days != now.keep_days:
        shorter = now.keep_days is not None and (before.keep_days is None or now.keep_days < before.keep_days)
        yield _change(shorter, "retention", _instead(_days(now.keep_days), _days(before.keep_days)))


def _extraction(before: Extraction, now: Extraction) -> Iterator[Change]:
    if before.keep_greatest != now.keep_greatest:
        what = "none: they block" if now.keep_greatest is None else f"that with the greatest {now.keep_greatest}"
        yield _breaking("duplicates", f"of rows with one key stays {what}")
    if before.max_rejected_share != now.max_rejected_share:
        what = _instead(f"{now.max_rejected_share:g}", f"{before.max_rejected_share:g}")
        yield _change(now.max_rejected_share > before.max_rejected_share, "max_rejected_share", what)
    if before.new_fields is not now.new_fields:
        yield _compatible("new_fields", _instead(now.new_fields, before.new_fields))


# What says which records are read. The rest says how they are fetched and written down: the reading follows it.
_WHICH = ("connection", "path", "params", "body", "records", "day_column", "sql")


def _read(before: Read, now: Read) -> Iterator[Change]:
    if before.kind != now.kind:
        yield _breaking("read.kind", _instead(now.kind, before.kind))
        return
    old, new = _declared(before), _declared(now)
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name) and name != "complete":
            which = name in _WHICH
            yield _change(which, f"read.{name}", "other records, or none can tell" if which else "fetched otherwise")
    if isinstance(before, Rest) and isinstance(now, Rest) and before.complete != now.complete:
        weaker = _proof(now) < _proof(before)
        yield _change(weaker, "read.complete", "proves less" if weaker else "proves as much or more")


def _declared(read: Read) -> dict[str, Any]:
    """How many records a page has is no part of what is asked for."""
    values = {name: getattr(read, name) for name in type(read).model_fields}
    if isinstance(read, Rest) and (size := getattr(read.pages, "size_param", None)) in read.params:
        values["params"] = {name: value for name, value in read.params.items() if name != size}
        values["page size"] = read.params[size]
    return values


def _proof(read: Rest) -> int:
    """That nothing is missing."""
    if not isinstance(read.complete, Complete):
        return 0
    return 3 if read.complete.is_counted else 2 if read.complete.has_more else 1


def _words(before: Contract, now: Contract) -> Iterator[Change]:
    """What no rule can judge."""
    if before.description != now.description:
        yield _compatible("description", "other words")
    if (before.usage, before.limitations) != (now.usage, now.limitations):
        yield _compatible("description", "another usage or limitations")
    if before.granularity != now.granularity:
        yield _compatible("dataGranularityDescription", "other words")
    if before.owner != now.owner:
        yield _compatible("team", _instead(now.owner, before.owner))
    if before.status is not now.status:
        yield _compatible("status", _instead(now.status, before.status))


def _change(is_breaking: bool, where: str, what: str) -> Change:
    return Change(Kind.BREAKING if is_breaking else Kind.COMPATIBLE, where, what)


def _breaking(where: str, what: str) -> Change:
    return Change(Kind.BREAKING, where, what)


def _compatible(where: str, what: str) -> Change:
    return Change(Kind.COMPATIBLE, where, what)


def _instead(now: str, before: str) -> str:
    return f"{now} instead of {before}"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)


def _hour(time_of_day: time | None) -> str:
    return f"{time_of_day:%H:%M}" if time_of_day else "no hour"


def _days(days: int | None) -> str:
    return f"{days} days" if days else "for ever"


def _squeezed(sql: str | None) -> str | None:
    """White space is no part of a statement."""
    return sql and " ".join(sql.split())
