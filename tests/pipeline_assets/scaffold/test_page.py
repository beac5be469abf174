"""One page of an API, through a session whose network is replaced."""

from typing import Any

import pytest
import requests

from emr_jobs.contracts.read import Rest
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import RestConnection
from pipeline_assets.scaffold.page import Header, header_of, page_at
from pipeline_assets.scaffold.source import Request, new_source
from tests.emr_jobs.sources.library_api import DAY, Answers, Reply
from tests.pipeline_assets.conftest import Library

URL = "https://library.example/v1/loans?since={start}&until={end}&day={partition}"
KEY = "s3cr3t-k3y"


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sessions that answer so."""

    def answer(*replies: Any) -> Answers:
        answers = Answers(replies)

        def session(connection: RestConnection, *, threads: int) -> requests.Session:
            return answers.session(connection)

        monkeypatch.setattr("emr_jobs.sources.rest.transport.session", session)
        return answers

    monkeypatch.setenv("LIBRARY_KEY", KEY)
    return answer


def test_the_page_of_a_day_is_asked_for_with_the_header(answering: Any) -> None:
    answers = answering(Reply(b'{"a": 1}', headers={"X-Total-Count": "1"}))
    page = page_at(URL, header_of("X-Key=env:LIBRARY_KEY"), DAY)
    assert (page.content, page.headers["X-Total-Count"]) == (b'{"a": 1}', "1")
    (request,) = answers.requests
    assert request.url == (
        "https://library.example/v1/loans?since=2026-11-20T22:00:00Z&until=2026-11-21T22:00:00Z&day=2026-11-21"
    )
    assert request.headers["X-Key"] == KEY


def test_authorization_is_a_bearer_token(answering: Any) -> None:
    answers = answering(Reply(b"[]"))
    page_at(URL, header_of("Authorization=env:LIBRARY_KEY"), DAY)
    assert answers.requests[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("status", [302, 401, 500])
def test_an_answer_that_is_no_page_is_refused_without_query_and_secret(answering: Any, status: int) -> None:
    answering(Reply(b"secret page", status=status, headers={"Location": "https://elsewhere.example"}))
    with pytest.raises(Misconfigured) as refused:
        page_at(URL, header_of("X-Key=env:LIBRARY_KEY"), DAY)
    assert str(refused.value) == (
        f"https://library.example/v1/loans answered {status}. Save a page of it, and name that: --sample page.json"
    )


def test_an_outage_is_a_sentence(answering: Any) -> None:
    def down(request: Any) -> Any:
        raise requests.exceptions.ConnectionError(KEY)

    answers = answering()
    answers._replies = down
    with pytest.raises(Misconfigured) as refused:
        page_at(URL, None, DAY)
    assert str(refused.value).startswith("https://library.example/v1/loans gave no page (ConnectionError).")
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("text", [f"X-Key={KEY}", "X-Key", "=env:KEY", f"X-Key:{KEY}"])
def test_a_header_is_a_reference_and_its_value_is_not_repeated(text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        header_of(text)
    assert KEY not in str(refused.value)


def test_a_secret_is_not_sent_in_clear(answering: Any) -> None:
    answers = answering(Reply(b"[]"))
    with pytest.raises(Misconfigured) as refused:
        page_at("http://library.example/v1", Header("X-Key", "env:LIBRARY_KEY"), DAY)
    assert "others could read the key" in str(refused.value)
    assert answers.requests == []


def test_headers_of_the_answer_say_how_it_pages(library: Library, answering: Any) -> None:
    answering(
        Reply([{"fine_id": "a"}, {"fine_id": "b"}], headers={"X-Total-Count": "2", "Link": '<x?page=2>; rel="next"'})
    )
    outcome = new_source(Request("web_api.fines", url=URL, fetch=True))
    read = Rest.model_validate(outcome.draft.read)
    assert (read.pages.kind, read.complete.total_header) == ("link_header", "X-Total-Count")  # type: ignore[union-attr]
