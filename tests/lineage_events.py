"""Whether OpenLineage events are valid: each against its own schema of the standard, and each facet against its own.

The schemas lie in lineage_schemas/; one that an event names and that is not there fails.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator, Registry

from emr_jobs.contracts import Contract, Medium
from emr_jobs.domain import Domain
from pipeline_assets.s3 import Folder

Event = dict[str, Any]
_SCHEMAS = Path(__file__).parent / "lineage_schemas"


@cache
def _schemas() -> dict[str, Any]:
    found = [json.loads(path.read_text()) for path in sorted(_SCHEMAS.rglob("*.json"))]
    return {schema["$id"]: schema for schema in found}


@cache
def _validator(url: str) -> Draft202012Validator:
    assert url.partition("#")[0] in _schemas(), f"no such schema: {url}"
    registry = Registry(list(_schemas().items()))
    return Draft202012Validator({"$ref": url}, registry=registry, validate_formats=True)


def read(folder: Path) -> list[Event]:
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))]


def read_from_s3(uri: str) -> list[Event]:
    folder = Folder(uri)
    return [json.loads(folder.read(name) or b"") for name in sorted(folder.names())]


def facets(event: Event) -> Iterator[tuple[str, Event]]:
    """Every facet with its name."""
    datasets = [*event["inputs"], *event["outputs"]]
    for holder in (event["run"], event["job"], *datasets):
        for kind in ("facets", "inputFacets", "outputFacets"):
            yield from holder.get(kind, {}).items()


def assert_valid(events: Iterable[Event]) -> None:
    for event in events:
        _validator(event["schemaURL"]).validate(event)
        for name, facet in facets(event):
            assert facet["_producer"] == event["producer"]
            _validator(facet["_schemaURL"]).validate(facet)
            # Its file says under which name it stands, too.
            _validator(facet["_schemaURL"].partition("#")[0]).validate({name: facet})
            assert name in _schemas()[facet["_schemaURL"].partition("#")[0]]["properties"]


def published(events: Iterable[Event]) -> dict[str, Event]:
    """Of runs that succeeded, the outputs: a table by its name, an index by `index/` and its own."""
    complete = [event for event in events if event["eventType"] == "COMPLETE"]
    return {_key(output): output for event in complete for output in event["outputs"]}


def assert_whole(events: list[Event], domain: Domain) -> None:
    """Valid, and every dataset of the domain with its version, its columns, where each comes from, and its checks."""
    assert_valid(events)
    outputs = published(events)
    contracts = {_key_of(domain.contracts[name]): domain.contracts[name] for name in domain.published}
    assert set(outputs) == set(contracts)
    for key, contract in contracts.items():
        output, columns = outputs[key], [column.name for column in contract.columns]
        assert [each["name"] for each in output["facets"]["schema"]["fields"]] == columns
        lineage = output["facets"]["columnLineage"]["fields"]
        assert set(lineage) == set(columns)
        for column in contract.columns:
            assert bool(lineage[column.name]["inputFields"]) == bool(column.lineage), column.name
        assert output["facets"]["version"]["datasetVersion"]
        assert output["outputFacets"]["outputStatistics"]["rowCount"] >= 0
    evaluated = {
        (_key(each), assertion["name"])
        for event in events
        if event["job"]["name"].endswith(".checks")
        for each in event["inputs"]
        for assertion in each["inputFacets"]["dataQualityAssertions"]["assertions"]
    }
    assert evaluated == {(key, check.name) for key, contract in contracts.items() for check in contract.checks}
    started = {each["run"]["runId"] for each in events if each["eventType"] == "START"}
    assert started == {each["run"]["runId"] for each in events if each["eventType"] != "START"}


def _key(dataset: Event) -> str:
    last = dataset["name"].rpartition("/")[2]
    return f"index/{last}" if dataset["namespace"].startswith("opensearch://") else last


def _key_of(contract: Contract) -> str:
    return f"index/{contract.physical_name}" if contract.medium is Medium.INDEX else contract.name
