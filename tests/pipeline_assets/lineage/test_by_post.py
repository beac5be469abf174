"""Events that are sent to an address: once accepted, with the token, never to where a redirect leads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Lineage
from pipeline_assets.lineage.emit import write


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[str, list[Any]]]:
    """A server that answers with these, and what it was sent."""
    sent: list[Any] = []
    left = list(statuses)

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            sent.append((self.path, self.headers["Authorization"], self.headers["Content-Type"], body))
            self.send_response(left.pop(0))
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/v1/lineage", sent
        finally:
            server.shutdown()
            thread.join()


def test_event_is_sent_again_until_it_is_taken(processes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGE_TOKEN", "s3cret")
    with answering(503, 201) as (url, sent):
        write(Lineage(url=url, token="env:LINEAGE_TOKEN"), "a/path", b"{}")
    assert sent == [("/api/v1/lineage", "Bearer s3cret", "application/json", "{}")] * 2


@pytest.mark.parametrize("status", [307, 401])
def test_refusal_and_redirect_are_no_success(processes: None, status: int) -> None:
    with answering(status) as (url, sent), pytest.raises(Misconfigured, match=f"answered {status}"):
        write(Lineage(url=url), "a/path", b"{}")
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"url": "ftp://x/y"}, "expected a folder"),
        ({"url": "s3:///y"}, "expected a folder"),
        ({"url": "https://somebody:word@x/y"}, "a user or password stands in the address"),
        ({"url": "http://lineage.example/y", "token": "env:T"}, "Use https"),
        ({"url": "s3://x/y", "token": "env:T"}, "token is sent to an http address"),
    ],
)
def test_wrong_destination_is_said_when_the_settings_are_read(section: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Lineage.model_validate(section)
