"""The search index as its readers use it: through the alias, by words. Fields come from the contract."""

from typing import Any

from emr_jobs.contracts import Column, contracts
from emr_jobs.partition import Partition
from emr_jobs.publish.search import connect, errors_named
from emr_jobs.settings import Settings

DATASET = "search.orders"


def find(settings: Settings, words: str, *, size: int) -> dict[str, Any]:
    """{"total": n, "hits": [document, ...]}, best first."""
    contract = contracts()[DATASET]
    with errors_named(settings.search, dataset=DATASET, partition=Partition.parse("1970-01-01")):
        answer = connect(settings.search).search(
            index=contract.name, body={"query": _query(contract.columns, words), "size": size, "track_total_hits": True}
        )
    found = answer["hits"]
    return {"total": found["total"]["value"], "hits": [hit["_source"] for hit in found["hits"]]}


def _query(columns: tuple[Column, ...], words: str) -> dict[str, Any]:
    """Words in any text field, or the exact value of a keyword; lines of an order are asked for one by one."""
    wanted: list[dict[str, Any]] = [_match(columns, words)]
    for column in columns:
        if column.fields:
            wanted.append({"nested": {"path": column.name, "query": _match(column.fields, words, f"{column.name}.")}})
    return {"bool": {"should": wanted, "minimum_should_match": 1}}


def _match(columns: tuple[Column, ...], words: str, prefix: str = "") -> dict[str, Any]:
    text = [f"{prefix}{column.name}" for column in columns if column.physical_type == "text"]
    keywords = [f"{prefix}{column.name}" for column in columns if column.physical_type == "keyword"]
    return {
        "bool": {
            "should": [
                {"multi_match": {"query": words, "fields": text, "operator": "and"}},
                {"multi_match": {"query": words, "fields": keywords, "type": "best_fields"}},
            ]
        }
    }
