"""Contract -> the request that creates an OpenSearch index. Pure."""

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
