"""The search index as its readers use it: through the alias, by words; its days brought up to the contract.

Fields come from the contract.
"""

from decimal import Decimal
from typing import Any

from emr_jobs.contracts import Column, Contract
from emr_jobs.core.errors import Misconfigured, Unavailable
from emr_jobs.core.settings import Settings
from emr_jobs.domain import domain_of
from emr_jobs.publish.search import FIXED, SearchIndex, answer_of, connect, errors_named, in_words


def apply(settings: Settings) -> list[tuple[str, str]]:
    """Add missing fields to the indices that are there, and close them to writers. Returns (dataset, what was done).

    Raises Misconfigured for a difference that adding fields cannot mend.
    """
    indices = domain_of(settings).indices
    return [(contract.id, _apply(SearchIndex(settings.search, contract))) for contract in indices]


def index_of(settings: Settings) -> Contract:
    """The domain's one index. Raises Misconfigured when it has none, or several."""
    found = domain_of(settings).indices
    if len(found) != 1:
        raise Misconfigured(f"domain {settings.domain}: expected one search index, found {len(found)}")
    return found[0]


def _apply(target: SearchIndex) -> str:
    from opensearchpy.exceptions import OpenSearchException

    try:
        fixed = {name: each.fixed for name, each in target.drifts(target.alias).items() if each.fixed}
        added = {} if fixed else target.add_fields()
    except OpenSearchException as error:
        raise Unavailable(
            dataset=target.contract.id,
            partition="all days",
            expected=f"OpenSearch at {target.settings.url} to answer",
            found=answer_of(error),
            fix="The tables are as their contracts say; for the indices once more: pipeline lake apply",
        ) from None
    if fixed:
        raise Misconfigured(
            f"{target.contract.id}: expected fields that can be added, found {in_words(fixed)}. {FIXED}"
        )
    return f"added {in_words(added)}" if added else "unchanged"


def find(settings: Settings, words: str, *, size: int) -> dict[str, Any]:
    """{"total": n, "hits": [document, ...]}, best first; decimals with the digits that their fields keep."""
    contract = index_of(settings)
    with errors_named(settings.search, dataset=contract.id, partition=None):
        answer = connect(settings.search).search(
            index=contract.physical_name,
            body={"query": _query(contract.columns, words), "size": size, "track_total_hits": True},
        )
    found = answer["hits"]
    hits = [with_decimals(contract.columns, hit["_source"]) for hit in found["hits"]]
    return {"total": found["total"]["value"], "hits": hits}


def with_decimals(columns: tuple[Column, ...], document: dict[str, Any]) -> dict[str, Any]:
    """A JSON number, which Python has read as a float, as the decimal that the contract says it is. Pure."""
    declared = {column.name: column for column in columns}
    return {name: _decimal(declared.get(name), value) for name, value in document.items()}


def _decimal(column: Column | None, value: Any) -> Any:
    if column is None or value is None:
        return value
    if column.fields:
        return [with_decimals(column.fields, each) for each in value]
    if column.scaling_factor is None:
        return value
    return Decimal(str(value)).quantize(Decimal(1) / column.scaling_factor)


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
