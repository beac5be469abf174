"""Contract -> the request that creates an OpenSearch index, and how an index of an older contract differs. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emr_jobs.contracts.model import Column, Contract


def index_body(contract: Contract, *, meta: dict[str, Any]) -> dict[str, Any]:
    """The create-index request: strict mapping, one shard; no replica and no refresh while it is loaded.

    Hidden, so that no wildcard finds an index that is not published; readers use the alias.
    """
    return {
        "settings": {
            "index": {
                "number_of_shards": 1,
                "number_of_replicas": 0,
                "refresh_interval": "-1",
                "hidden": True,
            }
        },
        "mappings": {"dynamic": "strict", "_meta": meta, "properties": _properties(contract.columns)},
    }


def _properties(columns: tuple[Column, ...]) -> dict[str, Any]:
    return {column.name: _field(column) for column in columns}


def _field(column: Column) -> dict[str, Any]:
    match column.physical_type:
        case "text":
            return {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 1024}}}
        case "scaled_float":
            return {"type": "scaled_float", "scaling_factor": column.scaling_factor}
        case "nested":
            return {"type": "nested", "dynamic": "strict", "properties": _properties(column.fields)}
        case "date":
            return {"type": "date", "format": "strict_date_optional_time"}
    return {"type": column.physical_type}


@dataclass(frozen=True)
class Drift:
    """What an index lacks of its contract. What it has beyond that hurts no reader."""

    addable: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()  # a field's type and its parameters stay for good


def drift(contract: Contract, mappings: Mapping[str, Any]) -> Drift:
    """Of mappings as OpenSearch gives them."""
    differences = list(_compared(index_body(contract, meta={})["mappings"], mappings))
    return Drift(
        addable=tuple(what for what, can_be_added in differences if can_be_added),
        fixed=tuple(what for what, can_be_added in differences if not can_be_added),
    )


def _compared(wanted: Mapping[str, Any], present: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, bool]]:
    """Each difference, and whether it can be added: a field, or one beside it, or that others are refused."""
    if wanted.get("dynamic") != present.get("dynamic"):
        yield f"{path}dynamic {wanted.get('dynamic')}", True
    for inner in ("properties", "fields"):
        for name, field in wanted.get(inner, {}).items():
            there = present.get(inner, {}).get(name)
            if there is None:
                yield f"{path}{name}", True
                continue
            for key in sorted({*field, *there} - {"properties", "fields", "dynamic"}):
                if field.get(key) != there.get(key):
                    yield f"{path}{name} {key} {there.get(key)} instead of {field.get(key)}", False
            yield from _compared(field, there, f"{path}{name}.")
