"""What a contract may declare of a web API, and what cannot be right."""

from typing import Any

import pytest
from pydantic import ValidationError

from emr_jobs.contracts.read import Rest

_LOANS: dict[str, Any] = {
    "kind": "rest",
    "connection": "library",
    "params": {"since": "{start}", "until": "{end}", "limit": 2},
    "pages": {"kind": "none"},
    "complete": "unproven",
}
_COUNT = {"path": "/count", "field": "$.n"}
_SHORT_PAGE = {"kind": "page", "end": "short_page"}


def declared(**changes: Any) -> Rest:
    return Rest.model_validate(_LOANS | changes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"params": {"since": "{begin}"}}, "{begin}: known are {start}, {end}, {as_of}, {partition}"),
        ({"complete": {"total_request": _COUNT | {"params": {"on": "{day}"}}}}, "{day}: known are"),
        ({"slice_minutes": 60, "times": "date"}, "a date cannot say which part of the day is asked for"),
        ({"params": {"all": True}}, "params.all"),
        ({"pages": _SHORT_PAGE, "complete": {"stable": True}}, "Count them (total), or say unproven"),
        ({"pages": _SHORT_PAGE | {"size_param": "per_page"}}, "per_page says how many records a whole page has"),
    ],
    ids=["a word", "a word of the total's", "dates", "a boolean", "short pages", "no size"],
)  # fmt: skip
def test_what_cannot_be_right_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        declared(**changes)
    assert why in str(refused.value)


def test_braces_with_spaces_are_those_of_a_query_language() -> None:
    body = {"query": "query { loans(since: {start}) { id } }"}
    assert declared(method="POST", body=body).body == body


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"pages": _SHORT_PAGE}, 2),
        ({"pages": _SHORT_PAGE | {"size_param": "p.size"}, "params": {"p.size": 5}}, 5),
        ({"pages": _SHORT_PAGE | {"size_param": "p.size"}, "method": "POST", "body": {"p": {"size": 7}}}, 7),
        ({}, None),
    ],
    ids=["a parameter", "one with a dot", "of a body", "pages without numbers"],
)
def test_the_size_of_a_page_is_what_is_sent(changes: dict[str, Any], size: int | None) -> None:
    assert declared(**changes).page_size == size
