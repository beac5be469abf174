"""The REST client over loopback: what is asked again, what is not, what is never shown, and what is said in the end.

Every request is a real one, so that urllib3 and requests do the retrying; only what they wait is not waited.
"""

import datetime as dt
import gzip
import ipaddress
import itertools
import logging
import pickle
import ssl
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from emr_jobs.core.errors import AccessDenied, BadInput, PipelineError, Unavailable
from emr_jobs.sources.arrow import unpacked
from emr_jobs.sources.rest import Client, Slice
from emr_jobs.sources.rest.fetch import Part, read_part
from tests.emr_jobs.sources.library_api import (
    ASK_OWNER,
    DAY,
    KEY,
    SOURCE,
    TELL_OWNER,
    connection,
    slices_of_an_hour,
)
from tests.emr_jobs.sources.library_server import LOANS, NOON, Library, Wire, hourly, library

ALL = [f"L-{number:02}" for number in range(LOANS)]
IN_NOON = "slice 2026-11-21T12:00:00Z/2026-11-21T13:00:00Z"
CLOSED = "http://127.0.0.1:9"  # the discard port, which nobody serves
BEARER = {"kind": "bearer", "token": "env:LIBRARY_KEY"}
QUERY = {"kind": "query", "name": "key", "key": "env:LIBRARY_KEY"}
BOMB = gzip.compress(b" " * 2**24) * 64  # a gigabyte from a megabyte
CERTIFICATES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
PROXIES = ["http_proxy", "https_proxy", "all_proxy"]
PASSING = [408, 425, 429, 500, 502, 503, 504, 520, 522, 524]


@pytest.fixture(scope="module")
def _api(processes: None) -> Iterator[Library]:
    with library() as api:
        yield api


@pytest.fixture
def api(_api: Library, monkeypatch: pytest.MonkeyPatch) -> Library:
    """Without a fault, with its key in the environment."""
    monkeypatch.setenv("LIBRARY_KEY", KEY)
    _api.reset()
    return _api


@pytest.fixture(autouse=True)
def _environment_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own certificates and proxies are not the tests'."""
    for name in [*CERTIFICATES, *PROXIES, *map(str.upper, PROXIES)]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long urllib3 and tenacity would have waited between two requests."""
    waited: list[float] = []
    clock = SimpleNamespace(sleep=waited.append, time=time.time)
    monkeypatch.setattr("urllib3.util.retry.time", clock)
    monkeypatch.setattr("tenacity.nap.time", clock)
    return waited


def client(api: Library, read: dict[str, Any] | None = None, **changes: Any) -> Client:
    settings = {"url": api.url, "auth": BEARER, "max_retries": 2} | changes
    return Client(connection(**settings), hourly(**read or {}), source=SOURCE, partition=DAY)


def ids(asking: Client, window: Slice = NOON) -> list[str]:
    return [loan["loan_id"] for page in asking.chain(window, read=list) for loan in page]


def refusal(asking: Client) -> PipelineError:
    """Of the hour; neither it nor what led to it carries the key."""
    with pytest.raises(PipelineError) as refused:
        asking.chain(NOON, read=list)
    assert KEY not in "".join(traceback.format_exception(refused.value))
    return refused.value


def message(expected: str, found: str, fix: str) -> str:
    return f"{SOURCE} {DAY}: expected {expected}, found {found}. {fix}"


def cut_off(announced: int | None = 5000) -> Wire:
    return Wire(parts=lambda: iter([b'{"loans": [']), announced=announced)


@pytest.mark.parametrize(("limit", "pages"), [(10, 3), (25, 1), (1, 25)])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_slice_is_read_to_its_last_page(api: Library, method: str, limit: int, pages: int) -> None:
    sent = {"since": "{start}", "until": "{end}", "limit": limit}
    read = {"method": method} | ({"params": {}, "body": sent} if method == "POST" else {"params": sent})
    assert ids(client(api, read)) == ALL
    assert [each.method for each in api.asked] == [method] * pages


def test_a_window_is_half_open_and_its_total_its_own(api: Library) -> None:
    before_noon, after = slices_of_an_hour()[13], slices_of_an_hour()[15]
    assert (ids(client(api), before_noon), ids(client(api), after)) == ([f"L-{LOANS}"], [])
    windows = (NOON, before_noon, after, Slice(DAY.start, DAY.end))
    assert [client(api).total(window) for window in windows] == [LOANS, 1, 0, LOANS + 1]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "fault",
    [*map(Wire, PASSING), cut_off(), cut_off(None), Wire(parts=lambda: iter([b"<html>"]))],
    ids=[*map(str, PASSING), "cut off", "half a body", "a page"],
)
def test_a_fault_that_passes_is_retried(api: Library, fault: Wire, method: str) -> None:
    api.switch(fault, times=2, after=1)
    assert ids(client(api, {"method": method})) == ALL
    assert len(api.asked) == 3 + 2


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (Wire(429), "429 Too Many Requests after 2 retries"),
        (Wire(500), "500 Internal Server Error after 2 retries"),
        (Wire(503), "503 Service Unavailable after 2 retries"),
        (cut_off(), "a body that was cut off, 3 times"),
        (cut_off(None), "a body that is no JSON, 3 times"),
        (Wire(parts=lambda: iter([b"<html>"])), "a login or error page (HTML) instead of JSON, 3 times"),
    ],
    ids=["429", "500", "503", "cut off", "half a body", "a page"],
)
def test_a_fault_that_stays_is_unavailable(api: Library, fault: Wire, found: str) -> None:
    api.switch(fault)
    error = refusal(client(api))
    expected = message(f"whole answers from {api.url}/v1/loans", found, ASK_OWNER)
    assert (type(error), str(error)) == (Unavailable, expected)
    assert len(api.asked) == 3


def test_a_body_that_stops_coming_is_unavailable(api: Library) -> None:
    api.switch(Wire(parts=lambda: iter([b'{"loans": [']), stalls=True))
    assert refusal(client(api, timeout_s=0.05)).found == "a body that stopped coming, 3 times"


@pytest.mark.parametrize(
    ("retry_after", "waited"),
    [("0", []), ("7", [7, 7]), ("3600", [20, 20]), ("1.5", []), ("-5", []), ("soon", []), ("", [])],
)
def test_as_long_as_the_api_asks_is_waited_up_to_a_limit(
    api: Library, waits: list[float], retry_after: str, waited: list[float]
) -> None:
    api.switch(Wire(429, {"Retry-After": retry_after}), times=2)
    assert ids(client(api, max_retry_after_s=20)) == ALL
    assert [wait for wait in waits if wait > 1] == waited


@pytest.mark.parametrize(("days", "waited"), [(1, [20]), (-1, [])])
def test_the_date_that_the_api_asks_for_is_waited_for(
    api: Library, waits: list[float], days: int, waited: list[float]
) -> None:
    date = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(days=days), usegmt=True)
    api.switch(Wire(503, {"Retry-After": date}), times=1)
    assert ids(client(api, max_retry_after_s=20)) == ALL
    assert [wait for wait in waits if wait > 1] == waited


@pytest.mark.parametrize(("status", "reason"), [(401, "Unauthorized"), (403, "Forbidden")])
def test_a_token_that_is_refused_is_named_not_shown_and_not_sent_again(api: Library, status: int, reason: str) -> None:
    api.switch(Wire(status))
    error = refusal(client(api))
    assert (type(error), str(error)) == (
        AccessDenied,
        message(
            f"{api.url}/v1/loans to accept the token env:LIBRARY_KEY",
            f"{status} {reason}",
            "Renew the token under that name.",
        ),
    )
    assert len(api.asked) == 1


def test_an_answer_that_nobody_expects_is_not_asked_for_again(api: Library) -> None:
    api.switch(Wire(418))
    error = refusal(client(api))
    compare = "Compare the request with the API's documentation; its parameters may have changed."
    expected = message(f"{api.url}/v1/loans to answer 200", "418 I'm a Teapot", compare)
    assert (type(error), str(error)) == (BadInput, expected)
    assert len(api.asked) == 1


def test_a_request_that_the_api_does_not_understand_is_not_sent_again(api: Library) -> None:
    error = refusal(client(api, {"params": {"since": "{start}", "until": "{end}", "limit": 1001}}))
    assert (type(error), error.found, len(api.asked)) == (BadInput, "400 Bad Request", 1)


def test_a_cursor_that_comes_again_is_refused(api: Library) -> None:
    api.change(lambda page: page | {"next": 10})
    error = refusal(client(api))
    twice = "{'cursor': 10} a second time, after 2 pages"
    assert (type(error), str(error)) == (BadInput, message(f"every page once in {IN_NOON}", twice, TELL_OWNER))


def test_a_total_that_is_not_that_of_the_records_is_refused(api: Library) -> None:
    api.change(lambda page: page | {"total": 26})
    error = refusal(client(api))
    assert (type(error), str(error)) == (BadInput, message(f"total 26 in {IN_NOON}", "25 rows", TELL_OWNER))


def test_an_api_that_is_not_there_is_unavailable(api: Library) -> None:
    error = refusal(client(api, url=CLOSED))
    nobody = message(f"whole answers from {CLOSED}/v1/loans", "ConnectionError after 2 retries", ASK_OWNER)
    assert (type(error), str(error)) == (Unavailable, nobody)


def far_too_much() -> Iterator[bytes]:
    """64 MB: whoever reads it to its end has read too much."""
    return itertools.repeat(b" " * 2**16, 2**10)


def nothing_packed() -> Iterator[bytes]:
    """As gzip, 20 MB that unpack to nothing."""
    return itertools.repeat(gzip.compress(b"") * 1000, 2**10)


def zipped(parts: Callable[[], Iterator[bytes]]) -> Wire:
    return Wire(headers={"Content-Encoding": "gzip"}, parts=parts)


def next_elsewhere() -> Iterator[bytes]:
    return iter([b'{"loans":[],"next":"http://127.0.0.1:7/?key=%s","total":0}' % KEY.encode()])


def refusal_and_peak(asking: Client) -> tuple[PipelineError, int]:
    """And the bytes that were held at once."""
    tracemalloc.start()
    error = refusal(asking)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return error, peak


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_body_not_read(api: Library, status: int) -> None:
    api.switch(Wire(status, {"Location": f"{api.url}/v2/loans?key={KEY}"}, far_too_much))
    error, peak = refusal_and_peak(client(api))
    assert type(error) is BadInput
    assert error.found.endswith(f", a redirect to {api.url}/v2/loans")
    assert ([each.path for each in api.asked], peak < 2**24) == (["/v1/loans"], True)


@pytest.mark.parametrize(
    ("wire", "found"),
    [
        (zipped(lambda: iter([BOMB])), "more, unpacked"),
        (Wire(parts=far_too_much), "more, as sent"),
        (zipped(nothing_packed), "more, as sent"),
    ],
    ids=["a bomb", "a large body", "much that is nothing"],
)
def test_a_body_above_the_cap_takes_no_memory_and_is_refused(api: Library, wire: Wire, found: str) -> None:
    api.switch(wire)
    error, peak = refusal_and_peak(client(api, max_page_bytes=2**21))
    expected = f"at most 2,097,152 bytes a page from {api.url}/v1/loans"
    fix = "Ask for fewer records a page, or raise connections.library.max_page_bytes."
    assert (type(error), str(error)) == (BadInput, message(expected, found, fix))
    assert (len(api.asked), peak < 2**24) == (1, True)


def test_a_netrc_of_the_host_is_not_read(api: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert ids(client(api)) == ALL
    assert {each.headers["authorization"] for each in api.asked} == {f"Bearer {KEY}"}


def test_cookies_are_not_kept(api: Library) -> None:
    page = [b'{"loans":[{"loan_id":"L-00"}],"next":1,"total":25}']
    api.switch(Wire(headers={"Set-Cookie": "session=1; Path=/"}, parts=lambda: iter(page)), times=1)
    assert ids(client(api)) == ALL
    assert ["cookie" in each.headers for each in api.asked] == [False] * 4


def test_a_proxy_of_the_environment_is_used(api: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", api.url)
    monkeypatch.setenv("no_proxy", "")
    api.switch(Wire(parts=lambda: iter([b'{"loans":[],"total":0}'])))
    assert ids(client(api, url="http://library.example", auth={"kind": "none"})) == []
    assert [each.headers["host"] for each in api.asked] == ["library.example"]


def test_a_token_that_expires_in_the_middle_is_replaced(api: Library) -> None:
    auth = {"kind": "oauth2", "token_url": f"{api.url}/token", "client_id": "c", "client_secret": "env:LIBRARY_KEY"}
    pages = client(api, auth=auth).pages(NOON)
    first = next(pages)
    api.tokens = set()
    assert [loan["loan_id"] for page in (first, *pages) for loan in page] == ALL
    token, loans = "/token", "/v1/loans"
    assert [each.path for each in api.asked] == [token, loans, loans, token, loans, loans]


@pytest.mark.parametrize(
    ("wire", "url"),
    [
        (Wire(500), None),
        (Wire(403), None),
        (Wire(404), None),
        (Wire(302, {"Location": f"/login?key={KEY}"}), None),
        (cut_off(), None),
        (Wire(parts=far_too_much), None),
        (Wire(parts=next_elsewhere), None),
        (Wire(), CLOSED),
        (Wire(), "http://[::1]:9"),
    ],
    ids=["500", "403", "404", "redirect", "cut off", "large", "next page elsewhere", "closed", "no network"],
)
def test_a_key_in_the_query_is_in_no_error_and_in_no_log(
    api: Library, caplog: pytest.LogCaptureFixture, wire: Wire, url: str | None
) -> None:
    api.switch(wire)
    asking = client(
        api, {"pages": {"kind": "next_url", "field": "$.next"}}, auth=QUERY, url=url or api.url, max_page_bytes=2**17
    )
    with caplog.at_level(logging.DEBUG):
        error = refusal(asking)
    assert KEY not in str(error) + repr(error) + caplog.text
    assert url or all(f"key={KEY}" in each.query for each in api.asked)
    assert any(record.name.startswith("urllib3") for record in caplog.records)


# Certificates.


@pytest.fixture
def secure(api: Library, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An address with https, and the certificate of whom it trusts."""
    pem = tmp_path / "library.pem"
    pem.write_bytes(certificate())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), NoLoans)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", pem
    server.shutdown()
    server.server_close()
    thread.join()


class NoLoans(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"loans":[],"total":0}')

    def log_message(self, *_: object) -> None: ...


def certificate() -> bytes:
    """Of 127.0.0.1, signed by itself, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "library")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + signed.public_bytes(serialization.Encoding.PEM)


def test_a_certificate_that_nobody_vouches_for_is_refused(api: Library, secure: tuple[str, Path]) -> None:
    error = refusal(client(api, url=secure[0], max_retries=0))
    assert (type(error), error.found) == (Unavailable, "SSLError after 0 retries")


@pytest.mark.parametrize("variable", CERTIFICATES)
def test_certificates_of_the_environment_are_trusted(
    api: Library, secure: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(secure[1]))
    assert ids(client(api, url=secure[0])) == []


# What a worker of Spark does.

SCHEMA = pa.schema({"loan_id": pa.string()})


def read_loans(records: list[Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"loan_id": [record["loan_id"] for record in records]}, schema=SCHEMA)


def part(api: Library, **changes: Any) -> Part:
    """As it comes to the worker."""
    settings = connection(**{"url": api.url, "auth": BEARER, "max_retries": 0} | changes)
    whole = Part(tuple(slices_of_an_hour()), settings, hourly(), SOURCE, DAY, 1, SCHEMA, read_loans)
    return pickle.loads(pickle.dumps(whole))


def test_a_worker_reads_each_page_of_its_slices_into_a_batch(api: Library) -> None:
    batches = list(read_part(part(api)))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert {batch.schema for batch in batches} == {SCHEMA.append(pa.field("error", pa.string()))}
    assert rows == [{"loan_id": id, "error": None} for id in (f"L-{LOANS}", *ALL)]
    assert len(batches) == 24 + 2


def test_what_a_worker_met_is_its_last_row(api: Library) -> None:
    api.switch(Wire(503), after=20)
    *_, last = list(read_part(part(api)))
    (row,) = last.to_pylist()
    assert last.schema == SCHEMA.append(pa.field("error", pa.string()))
    assert row["loan_id"] is None
    error = unpacked(row["error"], dataset=SOURCE, partition=DAY)
    found = "503 Service Unavailable after 0 retries"
    expected = message(f"whole answers from {api.url}/v1/loans", found, ASK_OWNER)
    assert (type(error), str(error)) == (Unavailable, expected)


def test_slices_are_not_asked_for_when_one_has_failed(api: Library) -> None:
    api.switch(Wire(403))
    list(read_part(part(api, concurrency=1)))
    assert len(api.asked) == 1
