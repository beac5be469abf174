"""What is JSON, and what is read of it: by orjson, and by the parser for what orjson could get wrong."""

import json
import sys
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from emr_jobs.reading import strict_json
from emr_jobs.reading.strict_json import LEVELS, Malformed, parse

VALUES: dict[bytes, Any] = {
    b'{"a": [1, -2.5, true, false, null, "x"], "b": {}, "c": []}': {
        "a": [1, Decimal("-2.5"), True, False, None, "x"],
        "b": {},
        "c": [],
    },
    b" \t\r\n[ ] \n": [],
    b"{ }": {},
    b'[[[]],{"a":[{}]}]': [[[]], {"a": [{}]}],
    b"0": 0,
    b"-0": 0,
    b'""': "",
    b"null": None,
    b'{"a":1,"b":2,"a":3}': {"a": 3, "b": 2},
    b'{"":{"":1}}': {"": {"": 1}},
    rb'"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0000"': '"\\/\b\f\n\r\té😀\0',
    '"é😀\u2028\x7f"'.encode(): "é😀\u2028\x7f",
}
MALFORMED = [
    *(b"", b" ", b"{", b"}", b"[", b"]", b"[1", b"[1,", b"[1,]", b"[,1]", b"[1 2]", b"[1]]", b"[1}", b'{"a":1]'),
    *(b'{"a"}', b'{"a":}', b'{"a":1,}', b'{,"a":1}', b'{"a" 1}', b'{"a":1 "b":2}', b"{1:2}", b"{a:1}", b"{'a':1}"),
    *(b"[undefined]", b"[tru]", b"[nul]", b"[True]", b"[truex]", b"[NaN]", b"[Infinity]", b"[-Infinity]", b"[-]"),
    *(b"[+1]", b"[01]", b"[-01]", b"[1.]", b"[.5]", b"[1e]", b"[1e+]", b"[0x1]", b"[1_0]", b"[1.5.5]", b"[--1]"),
    *(b'["a]', b'["\\x41"]', b'["\\u12g4"]', b'["\\u123"]', b'["\\u 123"]', b'["a\tb"]', b'["a\nb"]', b'["\0"]'),
    *(b"1 2", b"{}{}", b"{} x", b"{},", b"// x\n{}", b"\xef\xbb\xbf{}", b'["\xf6"]', b'["\xed\xa0\x80"]'),
    *(b"[\x0b1]", b"[1\xc2\xa0]", b"[\xe2\x80\xa81]", b'"a" "b"', b'["a" : 1]', "[\u0661]".encode(), b"[1\x00]"),
    b'["\xc0\x80"]',
]


@pytest.mark.parametrize("in_doubt", [False, True], ids=["orjson", "exact"])
def test_a_value_is_read(in_doubt: bool) -> None:
    assert {text: parse(text, in_doubt=in_doubt)[0] for text in VALUES} == VALUES


@pytest.mark.parametrize("in_doubt", [False, True], ids=["orjson", "exact"])
@pytest.mark.parametrize("text", MALFORMED, ids=repr)
def test_anything_else_is_malformed(text: bytes, in_doubt: bool) -> None:
    with pytest.raises(Malformed):
        parse(text, in_doubt=in_doubt)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"[1e400]", Decimal("1e400")),
        (b"[-1E-400]", Decimal("-1e-400")),
        (b"[1e2]", Decimal(100)),
        (b'{"a":123456789012345678901234567890}', Decimal("123456789012345678901234567890")),
        (b"[9999999999999999.99]", Decimal("9999999999999999.99")),
        (b"[1,12345678.0049999999]", Decimal("12345678.0049999999")),
        (b"[ 0.00000000000000000001]", Decimal("1e-20")),
        (b"[" + b"9" * 5000 + b"]", Decimal("9" * 5000)),
        (b"[1e99999999999999999999]", Decimal(f"1e{10**17}")),
        (b"[-15e-99999999999999999999]", Decimal(f"-15e-{10**17}")),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_number_that_a_double_would_change_is_in_doubt_and_read_exactly(text: bytes, value: Decimal) -> None:
    in_doubt = strict_json.is_doubtful(text)
    found, _ = parse(text, in_doubt=in_doubt)
    assert (in_doubt, found["a"] if isinstance(found, dict) else found[-1]) == (True, value)


def test_ordinary_numbers_and_digits_in_texts_are_in_no_doubt() -> None:
    ordinary = [b'{"a":123456789012345,"b":[-1234567.12345678,0]}', b'{"id":"12345678901234567890","x":"5e3f"}']
    assert strict_json.doubtful(pa.array([*ordinary, b"[1E2]"], pa.binary())) == [False, False, True]


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udc00\\ud800"', '"a\\ud800\\u0041"', '"\\ud800\\ud83d\\ude00"'])
def test_a_surrogate_without_its_other_half_is_replaced(text: str) -> None:
    wanted = json.loads(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert parse(text.encode(), in_doubt=False) == (wanted, False)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"])
def test_nesting_is_read_however_deep(opening: bytes, closing: bytes) -> None:
    assert sys.getrecursionlimit() < LEVELS, "or this shows nothing"

    def nested(levels: int, inside: bytes = b"1") -> bytes:
        return opening * levels + inside + closing * levels

    assert parse(nested(LEVELS), in_doubt=False)[1] is False
    assert parse(nested(LEVELS + 1), in_doubt=False)[1] is True
    value, too_deep = parse(b'{"deep":' + nested(10 * LEVELS) + b',"after":[1]}', in_doubt=False)
    assert (value["after"], too_deep) == ([1], True)
    for levels in (2000, LEVELS + 5):
        for broken in (nested(levels, b"+1"), nested(levels)[:-1], nested(levels) + closing, nested(levels, b"1,")):
            with pytest.raises(Malformed):
                parse(broken, in_doubt=False)


@pytest.mark.parametrize("in_doubt", [False, True], ids=["orjson", "exact"])
def test_what_is_long_is_read(in_doubt: bool) -> None:
    value = {"k" * 60_000: 1, "text": "t" * 25_000_000}
    assert parse(json.dumps(value).encode(), in_doubt=in_doubt) == (value, False)
