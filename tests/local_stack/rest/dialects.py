"""Every way in which a contract says how an API is read, over the same loans."""

from typing import Any

from tests.local_stack.rest.client import BETWEEN, CURSOR

READS: dict[str, dict[str, Any]] = {
    "cursor": CURSOR,
    "cursor in a header": CURSOR
    | {
        "records": "$",
        "pages": {"kind": "cursor", "header": "X-Next", "param": "after"},
        "complete": {"total_header": "X-Total"},
    },
    "cursor sent first": CURSOR
    | {"pages": {"kind": "cursor", "field": "$.next", "first": "*"}, "complete": {"has_more": "$.more"}},
    "cursor that stays": CURSOR
    | {"pages": {"kind": "cursor", "field": "$.next", "end": "empty_page"}, "complete": "unproven"},
    "cursor deep within": CURSOR
    | {
        "records": "$.result.items",
        "pages": {"kind": "cursor", "field": "$.result.page.next"},
        "complete": {"total": "$.result.page.of"},
    },
    "address": CURSOR | {"pages": {"kind": "next_url", "field": "$.links.next"}},
    "Link header": CURSOR
    | {
        "records": "$",
        "pages": {"kind": "link_header"},
        "complete": {"total_request": {"path": "/v1/loans/count", "field": "$.count"}},
    },
    "offset": CURSOR | {"pages": {"kind": "offset"}, "complete": {"stable": True}},
    "offset to the total": CURSOR
    | {
        "params": BETWEEN | {"take": 3},
        "pages": {"kind": "offset", "param": "skip", "size_param": "take", "end": "total"},
    },
    "page until a short one": CURSOR
    | {
        "params": BETWEEN | {"per_page": 3},
        "pages": {"kind": "page", "size_param": "per_page", "end": "short_page"},
        "complete": {"total_header": "X-Total"},
    },
    "page from 0 while there is more": CURSOR
    | {"pages": {"kind": "page", "first": 0, "end": "has_more"}, "complete": {"has_more": "$.meta.more"}},
    "one answer": CURSOR | {"params": BETWEEN, "pages": {"kind": "none"}},
    "a body": CURSOR | {"method": "POST", "params": {}, "body": {"when": BETWEEN, "kinds": ["book", 1], "limit": 3}},
    "a body and addresses": CURSOR
    | {
        "method": "POST",
        "params": {"limit": 3},
        "body": {"when": ["{start}", "{end}"]},
        "pages": {"kind": "next_url", "field": "$.links.next"},
    },
    "a body and a place within": CURSOR
    | {
        "method": "POST",
        "params": {"limit": 3},
        "body": {"query": "query { loans }", "variables": {"from": "{start}", "to": "{end}"}},
        "records": "$.data.loans.nodes",
        "pages": {"kind": "cursor", "field": "$.data.loans.info.end", "param": "variables.after"},
        "complete": {"total": "$.data.loans.count"},
    },
    "a body and numbers deep within": CURSOR
    | {
        "method": "POST",
        "params": {},
        "body": {"when": BETWEEN, "page": {"rows": 3}},
        "pages": {"kind": "offset", "param": "page.skip.rows", "size_param": "page.rows", "end": "short_page"},
    },
    "seconds": CURSOR | {"times": "epoch"},
    "milliseconds in a filter": CURSOR
    | {"times": "epoch_ms", "params": {"filter": "at ge {start} and at lt {end}", "limit": 3}},
    "dates": CURSOR | {"times": "date"},
    "a day's path": CURSOR
    | {"path": "/v1/days/{partition}/loans", "params": {"limit": 3}, "pages": {"kind": "offset", "end": "total"}},
    "without a day column": {
        "path": "",
        "params": {"day": "{partition}", "page_size": 3},
        "pages": {"kind": "cursor", "field": "$.next"},
        "records": "$.data",
        "complete": {"total": "$.total"},
    },
}
EVERY_PAGE_BUT_THE_LAST = {"cursor that stays", "offset"}  # the last of which is empty
OF_THE_FILE = {"a day's path", "without a day column"}  # in the order that it has
