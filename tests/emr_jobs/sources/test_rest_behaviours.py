"""What APIs do, and what the client makes of it: the records, or an error that says why. Never fewer without a word.

A row is a fact about an API: what its contract declares, how it answers, what comes of it. Seen in the trackers and
test suites of dlt and of Airbyte, and tried.
"""

import gzip
import zlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from emr_jobs.core.errors import AccessDenied, BadInput, PipelineError, Unavailable
from emr_jobs.reading.records import Broken
from tests.emr_jobs.sources.library_api import (
    DAY,
    IN_DAY,
    KEY,
    URL,
    Answers,
    Reply,
    connection,
    declared,
    loan,
    records,
)

WHOLE = f"whole answers from {URL}"
CURSOR = {"kind": "cursor", "field": "$.next"}
NUMBERED = {"kind": "page"}
OFFSET = {"kind": "offset"}
TOTAL = {"total": "$.total"}
SINCE = "since=2026-11-20T22%3A00%3A00Z&until=2026-11-21T22%3A00%3A00Z"


@dataclass(frozen=True)
class Refused:
    kind: type[PipelineError]
    expected: str
    found: str


@dataclass(frozen=True)
class Fact:
    about: str
    answers: list[Any]
    made: list[Any] | Refused
    declared: dict[str, Any] = field(default_factory=dict)
    connection: dict[str, Any] = field(default_factory=dict)
    asked: list[str] | None = None  # the queries behind those of the window


def inconsistent(expected: str, found: str) -> Refused:
    return Refused(BadInput, f"{expected} in {IN_DAY}", found)


def broken(found: str) -> list[Any]:
    """Of an answer that stays broken."""
    return Refused(Unavailable, WHOLE, f"{found}, 3 times")  # type: ignore[return-value]


def link(url: str, rel: str = 'rel="next"') -> dict[str, str]:
    return {"Link": f"<{url}>; {rel}"}


def text_of(*records: bytes, after: bytes = b"}") -> bytes:
    return b'{"loans":[' + b",".join(records) + b"]" + after


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels else 7


L1, L2, L3 = loan(1), loan(2), loan(3)
RAW_1 = b'{"loan_id":"L-1","lent_at":"2026-11-20T22:01:00+00:00"}'
LAST_MIDNIGHT = loan(9, lent_at="2026-11-21T22:00:00Z")
TWELVE = {"slice_minutes": 720, "day_column": "$.lent_at"}
NOON = loan(7, lent_at="2026-11-21T10:00:00Z")
OAUTH = {
    "auth": {
        "kind": "oauth2",
        "token_url": "https://id.example/token",
        "client_id": "reader",
        "client_secret": "env:LIBRARY_KEY",
    }
}
TOKEN = {"access_token": "t0k3n", "expires_in": 3600}
UNAUTHORIZED = Reply(status=401, reason="Unauthorized")
BOMB = gzip.compress(b'{"loans":[' + b" " * 2**24 + b"]}")

FACTS = [
    # How pages end.
    Fact("no total, as most public APIs", [{"loans": [L1]}], [L1]),
    Fact(
        "a null cursor ends",
        [{"loans": [L1], "next": "a"}, {"loans": [L2], "next": None}],
        [L1, L2],
        asked=["", "&cursor=a"],
    ),
    Fact("the cursor 0 is one", [{"loans": [L1], "next": 0}, {"loans": [L2]}], [L1, L2], asked=["", "&cursor=0"]),
    Fact("an empty cursor is one", [{"loans": [L1], "next": ""}, {"loans": [L2]}], [L1, L2], asked=["", "&cursor="]),
    Fact(
        "a cursor of more digits than a float has",
        [b'{"loans":[],"next":12345678901234567890}', {"loans": [L2]}],
        [L2],
        asked=["", "&cursor=12345678901234567890"],
    ),
    Fact(
        "a cursor with signs of an address",
        [{"loans": [L1], "next": "a+b/c=&d"}, {"loans": [L2]}],
        [L1, L2],
        asked=["", "&cursor=a%2Bb%2Fc%3D%26d"],
    ),
    Fact(
        "a cursor that is false",
        [{"loans": [L1], "next": False}],
        inconsistent("a text or a number as the cursor", "one of type bool"),
    ),
    Fact(
        "a cursor that is an object, in a query",
        [{"loans": [L1], "next": {"id": 1}}],
        inconsistent("a text or a number as the cursor", "one of type dict"),
    ),
    Fact(
        "the cursor must be sent with the first request (dlt 4428)",
        [{"loans": [L1], "next": "a"}, {"loans": [L2]}],
        [L1, L2],
        {"pages": CURSOR | {"first": "*"}},
        asked=["&cursor=%2A", "&cursor=a"],
    ),
    Fact(
        "the first cursor is 0",
        [{"loans": [L1]}],
        [L1],
        {"pages": CURSOR | {"first": 0}},
        asked=["&cursor=0"],
    ),
    Fact(
        "the cursor is still there on the last page, which is empty (dlt 3358)",
        [{"loans": [L1], "next": "a"}, {"loans": [], "next": "b"}],
        [L1],
        {"pages": CURSOR | {"end": "empty_page"}},
    ),
    Fact(
        "the cursor is still there on the last page, and nobody declared it",
        [{"loans": [L1], "next": "a"}, {"loans": [], "next": "b"}, {"loans": [], "next": "c"}],
        inconsistent("a record on every page but one", "1 rows on 3 pages and no end"),
    ),
    Fact(
        "the cursor is still there, has_more ends",
        [{"loans": [L1], "next": "a", "more": True}, {"loans": [L2], "next": "b", "more": False}],
        [L1, L2],
        {"complete": {"has_more": "$.more"}},
    ),
    Fact(
        "has_more as a text",
        [{"loans": [L1], "next": "a", "more": "True"}, {"loans": [L2], "next": "b", "more": "false"}],
        [L1, L2],
        {"complete": {"has_more": "$.more"}},
    ),
    Fact(
        "there is more, and no cursor",
        [{"loans": [L1], "next": None, "more": True}],
        inconsistent("a way to the next page while there is more", "none, on a page that says there is more"),
        {"complete": {"has_more": "$.more"}},
    ),
    Fact(
        "has_more is not there",
        [{"loans": [L1]}] * 3,
        broken("an answer that does not say whether there is more ($.more)"),
        {"complete": {"has_more": "$.more"}},
    ),
    Fact(
        "the cursor is a header's",
        [Reply({"loans": [L1]}, headers={"x-next": "a"}), {"loans": [L2]}],
        [L1, L2],
        {"pages": {"kind": "cursor", "header": "X-Next"}},
    ),
    Fact(
        "a cursor comes again",
        [{"loans": [L1], "next": "a"}, {"loans": [L2], "next": "a"}],
        inconsistent("every page once", "{'cursor': 'a'} a second time, after 2 pages"),
    ),
    Fact(
        "an API that does not look at the cursor and makes a new one each time",
        [{"loans": [L1], "next": "a"}, {"loans": [L1], "next": "b"}],
        inconsistent("every page once", "the records of page 1 again on page 2"),
    ),
    Fact("an empty page in the middle", [{"loans": [], "next": "a"}, {"loans": [L1]}], [L1]),
    Fact(
        "the next address",
        [{"loans": [L1], "links": {"next": f"{URL}?page=2"}}, {"loans": [L2], "links": {}}],
        [L1, L2],
        {"pages": {"kind": "next_url", "field": "$.links.next"}},
        asked=["", "?page=2"],
    ),
    Fact(
        "the next address is relative",
        [{"loans": [L1], "next": "?page=2"}, {"loans": [L2], "next": "/v1/loans?page=3"}, {"loans": [L3], "next": ""}],
        [L1, L2, L3],
        {"pages": {"kind": "next_url", "field": "$.next"}},
        asked=["", "?page=2", "?page=3"],
    ),
    Fact(
        "the next address is another host's",
        [{"loans": [L1], "next": "https://evil.example/v1/loans?page=2"}],
        inconsistent("the next page on https://library.example, as the ones before", "it on https://evil.example"),
        {"pages": {"kind": "next_url", "field": "$.next"}},
    ),
    Fact(
        "the next address is in clear",
        [{"loans": [L1], "next": "http://library.example/v1/loans?page=2"}],
        inconsistent("the next page on https://library.example, as the ones before", "it on http://library.example"),
        {"pages": {"kind": "next_url", "field": "$.next"}},
    ),
    Fact(
        "the next address is another port's",
        [Reply({"loans": [L1]}, headers=link("https://library.example:8443/v1/loans?page=2"))],
        inconsistent(
            "the next page on https://library.example, as the ones before", "it on https://library.example:8443"
        ),
        {"pages": {"kind": "link_header"}},
    ),
    Fact(
        "the port that everybody has is the same one",
        [{"loans": [L1], "next": "https://LIBRARY.example:443/v1/loans?page=2"}, {"loans": [L2]}],
        [L1, L2],
        {"pages": {"kind": "next_url", "field": "$.next"}},
    ),
    Fact(
        "the next address has a user",
        [{"loans": [L1], "next": "https://me:too@library.example/v1/loans?page=2"}],
        inconsistent("the next page on https://library.example, as the ones before", "it on https://library.example"),
        {"pages": {"kind": "next_url", "field": "$.next"}},
    ),
    *(
        Fact(
            f"the next address is {address}",
            [{"loans": [L1], "next": address}],
            inconsistent("the next page on https://library.example, as the ones before", "an address that is none"),
            {"pages": {"kind": "next_url", "field": "$.next"}},
        )
        for address in ("https://[library/v1/loans", "https://library.example:port/v1/loans")
    ),
    Fact(
        "the next address is an object",
        [{"loans": [L1], "next": {"href": "?page=2"}}],
        inconsistent("the next page's address as a text", "one of type dict"),
        {"pages": {"kind": "next_url", "field": "$.next"}},
    ),
    Fact(
        "a Link header",
        [
            Reply({"loans": [L1]}, headers={"Link": f'<{URL}?page=1>; rel="prev", <{URL}?page=2>; rel="next"'}),
            Reply({"loans": [L2]}, headers=link(f"{URL}?page=3", "rel=NEXT")),
            Reply({"loans": [L3]}, headers=link(URL, 'rel="first"')),
        ],
        [L1, L2, L3],
        {"pages": {"kind": "link_header"}},
        asked=["", "?page=2", "?page=3"],
    ),
    Fact(
        "offsets until an empty page",
        [{"loans": [L1, L2]}, {"loans": [L3]}, {"loans": []}],
        [L1, L2, L3],
        {"pages": OFFSET, "complete": {"stable": True}},
        asked=["&offset=0", "&offset=2", "&offset=3"],
    ),
    Fact(
        "a short page in the middle (airbyte 34883)",
        [{"loans": [L1], "total": 3}, {"loans": [L2, L3], "total": 3}],
        [L1, L2, L3],
        {"pages": NUMBERED | {"end": "total"}, "complete": TOTAL},
        asked=["&page=1", "&page=2"],
    ),
    Fact(
        "a short page in the middle, of an API that was declared to end by one",
        [{"loans": [L1], "total": 3}],
        inconsistent("total 3", "1 rows"),
        {"pages": NUMBERED | {"end": "short_page"}, "complete": TOTAL, "params": {"limit": 2}},
    ),
    Fact(
        "a short page ends, where it is declared",
        [{"loans": [L1, L2]}, {"loans": [L3]}],
        [L1, L2, L3],
        {"pages": NUMBERED | {"end": "short_page"}, "params": {"limit": 2}},
    ),
    Fact(
        "pages are counted from 0",
        [{"loans": [L1]}, {"loans": []}],
        [L1],
        {"pages": NUMBERED | {"first": 0, "param": "p"}},
        asked=["&p=0", "&p=1"],
    ),
    Fact(
        "has_more ends numbered pages",
        [{"loans": [L1], "more": True}, {"loans": [L2], "more": False}],
        [L1, L2],
        {"pages": NUMBERED | {"end": "has_more"}, "complete": {"has_more": "$.more"}},
    ),
    Fact(
        "the page after the last repeats the last (airbyte 28226)",
        [{"loans": [L1, L2]}, {"loans": [L3]}, {"loans": [L3]}],
        inconsistent("every page once", "the records of page 2 again on page 3"),
        {"pages": NUMBERED},
    ),
    Fact(
        "an API that does not look at the offset",
        [{"loans": [L1, L2], "total": 4}] * 2,
        inconsistent("every page once", "the records of page 1 again on page 2"),
        {"pages": OFFSET | {"end": "total"}, "complete": TOTAL},
    ),
    Fact("one page has all", [[L1, L2]], [L1, L2], {"pages": {"kind": "none"}, "records": "$"}),
    # How one knows that nothing is missing.
    Fact("a total as a text", [{"loans": [L1], "total": "1"}], [L1], {"complete": TOTAL}),
    Fact(
        "a total of a header",
        [Reply({"loans": [L1]}, headers={"X-Total-Count": "1"})],
        [L1],
        {"complete": {"total_header": "X-Total-Count"}},
    ),
    Fact(
        "a total of a range",
        [Reply({"loans": [L1]}, headers={"Content-Range": "loans 0-0/1"})],
        [L1],
        {"complete": {"total_header": "Content-Range"}},
    ),
    Fact(
        "a total that nobody knows",
        [Reply({"loans": [L1]}, headers={"Content-Range": "loans 0-0/*"})] * 3,
        broken("an answer without total (Content-Range)"),
        {"complete": {"total_header": "Content-Range"}},
    ),
    Fact(
        "a total on the first page only",
        [{"loans": [L1], "total": 2, "next": "a"}, {"loans": [L2], "total": None}],
        [L1, L2],
        {"complete": TOTAL},
    ),
    Fact(
        "a total of a request of its own",
        [{"count": 2}, {"loans": [L1, L2]}],
        [L1, L2],
        {"complete": {"total_request": {"path": "/v1/loans/count", "params": {"exact": 1}, "field": "$.count"}}},
        asked=["/count|&exact=1", ""],
    ),
    Fact(
        "a total of everything instead of the window",
        [{"loans": [L1], "total": 12345}],
        inconsistent("total 12345", "1 rows"),
        {"complete": TOTAL},
    ),
    Fact(
        "a total that changes between pages",
        [{"loans": [L1], "total": 2, "next": "a"}, {"loans": [L2], "total": 3}],
        inconsistent("total 2 on every page", "3 on the next one"),
        {"complete": TOTAL},
    ),
    Fact(
        "a total that is no number",
        [{"loans": [L1], "total": "many"}] * 3,
        broken("an answer without total ($.total)"),
        {"complete": TOTAL},
    ),
    Fact(
        "no total where one was declared",
        [{"loans": [L1]}] * 3,
        broken("an answer without total ($.total)"),
        {"complete": TOTAL},
    ),
    Fact(
        "a total below 0",
        [{"loans": [L1], "total": -1}] * 3,
        broken("an answer without total ($.total)"),
        {"complete": TOTAL},
    ),
    Fact(
        "more records than the total",
        [{"loans": [L1, L2], "total": 1}],
        inconsistent("total 1", "2 rows on 1 pages and no end"),
        {"complete": TOTAL},
    ),
    # Of which time records are.
    Fact(
        "a record of another day",
        [{"loans": [L1, loan(2, lent_at="2026-11-22T10:00:00Z")]}],
        inconsistent("records of that window", "1 of another one (2026-11-22T10:00:00Z)"),
        {"day_column": "$.lent_at"},
    ),
    Fact(
        "a record whose instant cannot be read",
        [{"loans": [loan(1, lent_at="soon"), 7, None]}],
        [loan(1, lent_at="soon"), 7, None],
        {"day_column": "$.lent_at"},
    ),
    Fact(
        "windows that include their end, on the day's",
        [{"loans": [L1, LAST_MIDNIGHT]}],
        [L1],
        {"day_column": "$.lent_at"},
    ),
    Fact(
        "windows that include their end, on a slice's: equal ones count once where they are typed",
        [{"loans": [L1, NOON]}, {"loans": [NOON, LAST_MIDNIGHT]}],
        [L1, NOON, NOON],
        TWELVE,
    ),
    Fact("windows that leave out their start", [{"loans": [L1, NOON]}, {"loans": []}], [L1, NOON], TWELVE),
    Fact(
        "windows that include their end, and a total that counts it twice",
        [{"loans": [L1, LAST_MIDNIGHT], "total": 2}],
        inconsistent("records of that window", "1 of another one (2026-11-21T22:00:00Z)"),
        {"day_column": "$.lent_at", "complete": TOTAL},
    ),
    # What is in a body.
    Fact("records that are null (dlt 2932)", [{"loans": [L1], "next": "a"}, {"loans": None}], [L1]),
    Fact(
        "records that are null, with errors",
        [{"loans": None, "errors": [{"message": "no"}]}] * 3,
        broken("a body without records that speaks of errors (loans, errors)"),
    ),
    Fact("an error with status 200", [{"error": "no", "code": 7}] * 3, broken("a body without $.loans (error, code)")),
    Fact(
        "one record without its array",
        [{"loans": L1}] * 3,
        broken("a body whose $.loans is no array of records (loans)"),
    ),
    Fact("a mark of the byte order", [b"\xef\xbb\xbf" + text_of(RAW_1)], [L1]),
    Fact("NaN in a record", [text_of(RAW_1, b'{"fine":NaN}')], [L1, Broken(b'{"fine":NaN}')]),
    Fact("half a surrogate in a record", [text_of(b'{"title":"\\ud800"}')], [{"title": "\ufffd"}]),
    Fact(
        "bytes of Latin-1 in a record", [text_of(b'{"title":"caf\xe9"}', RAW_1)], [Broken(b'{"title":"caf\xe9"}'), L1]
    ),
    Fact(
        "numbers that lose no digit",
        [text_of(b'{"fine":12345678.0049999999,"big":1e400}')],
        [{"fine": Decimal("12345678.0049999999"), "big": Decimal("1e400")}],
    ),
    Fact(
        "a broken record counts for the total",
        [text_of(RAW_1, b"{'loan_id': 2}", after=b',"total":2}')],
        [L1, Broken(b"{'loan_id': 2}")],
        {"complete": TOTAL},
    ),
    Fact("a record nested deep", [text_of(b"[" * 300 + b"7" + b"]" * 300)], [nested(300)]),
    Fact(
        "a broken body around the records",
        [text_of(RAW_1, after=b',"took":NaN}')] * 3,
        broken("a body that is no JSON"),
    ),
    Fact("a body that is cut off, then whole", [text_of(RAW_1)[:30], text_of(RAW_1)], [L1]),
    Fact("a body that stays cut off", [text_of(RAW_1)[:30]] * 3, broken("a body that is no JSON")),
    Fact("an empty body", [b""] * 3, broken("an empty body")),
    Fact("JSON that is called HTML", [Reply({"loans": [L1]}, headers={"Content-Type": "text/html"})], [L1]),
    Fact(
        "a login page with status 200",
        [b"<!DOCTYPE html><title>Sign in</title>"] * 3,
        broken("a login or error page (HTML) instead of JSON"),
    ),
    Fact(
        "a word with status 200",
        [Reply(b"Please log in", headers={"Content-Type": "text/html; charset=utf-8"})] * 3,
        broken("a login or error page (HTML) instead of JSON"),
    ),
    Fact("a body that is zipped", [Reply(gzip.compress(text_of(RAW_1)), headers={"Content-Encoding": "gzip"})], [L1]),
    Fact(
        "a body that is deflated", [Reply(zlib.compress(text_of(RAW_1)), headers={"Content-Encoding": "deflate"})], [L1]
    ),
    Fact(
        "a body that is deflated without a head",
        [Reply(zlib.compress(text_of(RAW_1), wbits=-15), headers={"Content-Encoding": "deflate"})],
        [L1],
    ),
    Fact(
        "an encoding that nobody asked for",
        [Reply(b"...", headers={"Content-Encoding": "br"})] * 3,
        broken("a body in an encoding that was not asked for (br)"),
    ),
    Fact(
        "a zipped body that is cut off",
        [Reply(gzip.compress(text_of(RAW_1))[:-9], headers={"Content-Encoding": "gzip"})] * 3,
        broken("a body that was cut off"),
    ),
    Fact(
        "a small body that unpacks to a large one",
        [Reply(BOMB, headers={"Content-Encoding": "gzip"})],
        Refused(BadInput, f"at most 1,048,576 bytes a page from {URL}", "more, unpacked"),
        connection={"max_page_bytes": 2**20},
    ),
    Fact(
        "a large body",
        [text_of(RAW_1 * 99)],
        Refused(BadInput, f"at most 1,000 bytes a page from {URL}", "more, as sent"),
        connection={"max_page_bytes": 1000},
    ),
    # Who is let in, and where to.
    Fact(
        "a redirect to another host",
        [Reply(status=302, reason="Found", headers={"Location": "https://evil.example/loans?code=7"})],
        Refused(BadInput, f"{URL} to answer 200", "302 Found, a redirect to https://evil.example/loans"),
    ),
    Fact(
        "a redirect to a login page",
        [Reply(status=302, reason="Found", headers={"Location": "/users/sign_in?return=7"})],
        Refused(
            AccessDenied,
            f"{URL} to let everybody in",
            "302 Found, a redirect to the login page https://library.example/users/sign_in",
        ),
    ),
    Fact("nobody is let in", [UNAUTHORIZED], Refused(AccessDenied, f"{URL} to let everybody in", "401 Unauthorized")),
    Fact(
        "a page is forbidden in the middle",
        [{"loans": [L1], "next": "a"}, Reply(status=403, reason="Forbidden")],
        Refused(AccessDenied, f"{URL} to let everybody in", "403 Forbidden"),
    ),
    Fact(
        "no content",
        [Reply(status=204, reason="No Content")],
        Refused(BadInput, f"{URL} to answer 200", "204 No Content"),
    ),
    Fact(
        "a token is refused in the middle and replaced",
        [TOKEN, {"loans": [L1], "next": "a"}, UNAUTHORIZED, TOKEN, {"loans": [L2]}],
        [L1, L2],
        connection=OAUTH,
    ),
    Fact(
        "a token is refused and so is the next one",
        [TOKEN, {"loans": [L1], "next": "a"}, UNAUTHORIZED, TOKEN, UNAUTHORIZED],
        Refused(AccessDenied, f"{URL} to let reader in with the client secret env:LIBRARY_KEY", "401 Unauthorized"),
        connection=OAUTH,
    ),
    Fact(
        "a client that the token's server does not know",
        [Reply({"error": "invalid_client"}, 401, "Unauthorized")],
        Refused(
            AccessDenied,
            "https://id.example/token to let reader in with the client secret env:LIBRARY_KEY",
            "401 Unauthorized (invalid_client)",
        ),
        connection=OAUTH,
    ),
    Fact(
        "a token's server without a token",
        [{"token": "t0k3n"}],
        Refused(Unavailable, "whole answers from https://id.example/token", "a body without access_token"),
        connection=OAUTH,
    ),
]


@pytest.mark.parametrize("fact", FACTS, ids=[fact.about for fact in FACTS])
def test_what_the_client_makes_of_it(fact: Fact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRARY_KEY", KEY)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    answers = Answers(fact.answers)
    day = records(declared(**fact.declared), answers, connection(**fact.connection))
    if isinstance(fact.made, Refused):
        with pytest.raises(PipelineError) as refused:
            list(day)
        error = refused.value
        assert Refused(type(error), error.expected, error.found) == fact.made
        assert (error.dataset, error.partition) == ("library.loans", str(DAY))
        assert KEY not in str(error)
    else:
        assert list(day) == fact.made
    assert len(answers.requests) == len(fact.answers)
    if fact.asked is not None:
        assert [_behind_window(url) for url in answers.asked] == fact.asked


def _behind_window(url: str) -> str:
    path, _, query = url.removeprefix(URL).partition("?")
    if not query.startswith(SINCE):
        return f"{path}?{query}"
    return f"{path}|{query.removeprefix(SINCE)}" if path else query.removeprefix(SINCE)
