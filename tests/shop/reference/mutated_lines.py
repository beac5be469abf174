"""Seeded lines of an order export that were damaged or written oddly: by bytes, tokens, structure, numbers, encodings.

Does not own: what is right about them; two readers of one line are compared.
"""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date, datetime, timedelta
from typing import Any

from tests.shop.reference import odd_inputs
from tests.shop.reference.odd_inputs import Json, encoded, make_item, make_order, start_of

_TOKENS = rb"""
undefined NaN Infinity -Infinity +1 1e 1e+ 01 .5 5. - --1 0x1 1_0 tru True nul 'x' x , ,, : [ ] { } " \ // /**/
null true false [] {} "" [[]] {"a":1} 0 -0 -0.0 0e5 1E2 1.0 1.5 100e-2 2147483647 2147483648 9223372036854775808
1e400 -1e400 1e-400 1e1000 1e99999999999999999999 99999999999999999 9999999999999999.99 9999999999999999.995
12345678.0049999999 19.990000000000000000001 "\ud800" "\ude00\ud83d" "\ud83d\ude00" "\u0000" "\x41" "\u00a0"
"""
TOKENS = [
    *_TOKENS.split(),
    *(b'" "', b'"a\tb"', b'"\xff"', b'"\xed\xa0\x80"', b'"\xc2\xa0"', b"9" * 30, b"9" * 5000, b"1.004" + b"9" * 40),
    *(b"[" * 2000 + b"]" * 2000, b"[" * 2000 + b"1" + b"]" * 1999, b'{"a":' * 1100 + b"1" + b"}" * 1100),
]
_NUMBERS = """
2 2.0 1e1 1E+2 1e-400 1e400 1e1000 01 +1 1,5 NaN 1_0 0.005 -0.005 9999999999999999.99 9999999999999999.995
RAW:1E+2 RAW:1e400 RAW:-1e400 RAW:1e-400 RAW:9999999999999999.99 RAW:2.50e0 RAW:-0 RAW:0e999 RAW:12345678.0049999999
RAW:1e99999999999999999999
"""
NUMBERS: list[Any] = [
    *_NUMBERS.split(),
    *(0, 1, -1, 1.5, 2**31 - 1, 2**31, 2**63, 1e30, 10**40, 0.005, 0.004999, 1e-7, 38.48, 99999999999999999, True),
    *(" 2 ", "", " ", "\t1", "1\n", "9" * 5000, "1." + "0" * 60, None, [], {}, [1]),
    *(f"RAW:1.004{'9' * 40}", f"RAW:{'9' * 5000}"),
]
TEXTS: list[Any] = [
    *("", " ", "  a ", "\ta", "\u00a0", "é😀", 'a\\b"c', "\x00", "\u2028", "\x7f", 7, 1.5, True, None, [], {}, ["a"]),
    *("RAW:1e400", "RAW:-1e400", "RAW:12345678901234567890123", "null", "Infinity", "x" * 513, "é" * 256, "é" * 257),
]
_INSTANTS = """
2026-11-21T10:00:00Z 2026-11-21T05:00:00-05:00 2026-11-21T10:00:00.1234567Z 2026-11-21T10:00:00+18:01 2026-11-21
0000-01-01T00:00:00Z 0001-01-01T00:00:00+01:00 9999-12-31T23:59:59-18:00 2026-11-21T24:00:00Z 2026-11-22T05:00:00Z
2026-02-29T10:00:00Z 2024-02-29T10:00:00Z 2026-11-21T10:00:60Z 2026-11-21T10:00:00
"""
INSTANTS: list[Any] = [
    *_INSTANTS.split(),
    *("2026-11-21 10:00:00Z", "2026-11-21T10:00:00Z\n", " 2026-11-21T10:00:00Z ", 1763700000, None, ""),
]
VALUES = [*NUMBERS, *TEXTS, *INSTANTS]


def mutated(partition: date, count: int, seed: int) -> Iterator[bytes]:
    """So many lines without a line feed, none of them blank."""
    rng = random.Random(f"{seed} {partition}")
    start = start_of(partition)
    made = 0
    while made < count:
        at = start + timedelta(seconds=rng.randrange(23 * 3600))
        order = plain(rng, f"M-{made}", at)
        for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
            rng.choice(STRUCTURAL)(rng, order)
        line = encoded(order)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            line = rng.choice(TEXTUAL)(rng, line)
        line = line.replace(b"\n", b" ")
        if line.strip(b" \t\r"):
            made += 1
            yield line


def plain(rng: random.Random, key: str, at: datetime) -> Json:
    changes: Json = {
        "items": [make_item(line_no=number + 1, sku=f"SKU-{number}") for number in range(rng.randint(1, 3))],
        "tags": rng.choice((["gift"], [], ["a", " b "], None)),
        **rng.choice([*(changes for _, changes in odd_inputs.KEPT if len(str(changes)) < 2000), {}, {}]),
    }
    return deepcopy(make_order(key, at, **changes))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every object and array with each of its keys or positions."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in list(inner) for place in ((value, key), *places(each))]


def change_value(rng: random.Random, order: Json) -> None:
    holder, key = rng.choice(places(order))
    holder[key] = deepcopy(rng.choice(VALUES))


def change_number(rng: random.Random, order: Json) -> None:
    numeric = ("line_no", "quantity", "unit_price", "discount", "amount")
    found = [(holder, key) for holder, key in places(order) if key in numeric]
    if found:
        holder, key = rng.choice(found)
        holder[key] = deepcopy(rng.choice(NUMBERS))


def change_text(rng: random.Random, order: Json) -> None:
    textual = ("order_id", "customer_id", "channel", "sku", "category", "city", "country", "status", "currency")
    holder, key = rng.choice([(holder, key) for holder, key in places(order) if key in textual] or [(order, "channel")])
    holder[key] = deepcopy(rng.choice(TEXTS))


def change_instant(rng: random.Random, order: Json) -> None:
    order[rng.choice(("placed_at", "updated_at"))] = rng.choice(INSTANTS)


def remove(rng: random.Random, order: Json) -> None:
    holder, key = rng.choice(places(order) or [(order, None)])
    if key is not None:
        del holder[key]


def repeat_element(rng: random.Random, order: Json) -> None:
    lists = [holder[key] for holder, key in places(order) if isinstance(holder[key], list) and holder[key]]
    if lists:
        chosen = rng.choice(lists)
        chosen.append(deepcopy(rng.choice([*chosen, *VALUES])))


STRUCTURAL: list[Callable[[random.Random, Json], None]] = [
    *(change_value, change_number, change_number, change_text, change_instant, remove, repeat_element),
]


def _at(rng: random.Random, line: bytes) -> int:
    return rng.randrange(len(line) + 1)


def flip_byte(rng: random.Random, line: bytes) -> bytes:
    at = _at(rng, line)
    return line[:at] + bytes([rng.randrange(256)]) + line[at + 1 :]


def insert_byte(rng: random.Random, line: bytes) -> bytes:
    at = _at(rng, line)
    return line[:at] + bytes([rng.choice(b' \t\r\x0b\xa0{}[]:,"\\0123456789eE+-.atfn\x00\x7f\xc3\xff')]) + line[at:]


def remove_bytes(rng: random.Random, line: bytes) -> bytes:
    at = _at(rng, line)
    return line[:at] + line[at + rng.choice((1, 1, 2, 10, 500)) :]


def insert_token(rng: random.Random, line: bytes) -> bytes:
    at = _at(rng, line)
    return line[:at] + rng.choice(TOKENS) + line[at:]


def replace_value(rng: random.Random, line: bytes) -> bytes:
    """What stands between a colon, a bracket or a comma and the next one."""
    starts = [at + 1 for at, each in enumerate(line) if each in b":[,"]
    if not starts:
        return line
    start = rng.choice(starts)
    end = next((at for at in range(start, len(line)) if line[at] in b",]}"), len(line))
    return line[:start] + rng.choice(TOKENS) + line[end:]


def append_element(rng: random.Random, line: bytes) -> bytes:
    ends = [at for at, each in enumerate(line) if each in b"]}"]
    at = rng.choice(ends) if ends else len(line)
    name = rng.choice((b"order_id", b"status", b"tags", b"amount", b"sku", b"x", b""))
    key = b'"' + name + b'":' if line[at : at + 1] == b"}" else b""
    return line[:at] + rng.choice((b",", b", ", b"")) + key + rng.choice(TOKENS) + line[at:]


def duplicate_key(rng: random.Random, line: bytes) -> bytes:
    name = rng.choice(("order_id", "customer_id", "status", "tags", "items", "payments", "placed_at"))
    value = json.dumps(rng.choice([each for each in VALUES if not str(each).startswith("RAW:")]), ensure_ascii=False)
    pair = f'"{name}":{value}'.encode()
    return line[:-1] + b"," + pair + b"}" if rng.random() < 0.5 else b"{" + pair + b"," + line[1:]


def surround(rng: random.Random, line: bytes) -> bytes:
    before = rng.choice((b"", b" ", b"\t\r", b"\xef\xbb\xbf", b"[", b"\xc2\xa0", b"\x00", b"1 "))
    after = rng.choice((b"", b" \r", b",", b"]", b"}", b" x", line, b"\x00", b"\xe2\x80\xa8", b'{"a":1}'))
    return before + line + after


def encode_otherwise(rng: random.Random, line: bytes) -> bytes:
    text = line.decode("utf-8", errors="replace").replace("Lyon", "Lyón 😀")
    return text.encode(rng.choice(("latin-1", "utf-16", "utf-8-sig", "cp1252", "utf-8")), errors="replace")


def escape(rng: random.Random, line: bytes) -> bytes:
    written = (rb"\u004c", rb"\ud83d", rb"\ude00", rb"\ud83d\ude00", rb"\u0000", rb"\/", rb"\q", rb"\u12", rb"\u00e9")
    return line.replace(rng.choice((b"L", b"w", b"S", b"g")), rng.choice(written), 1)


TEXTUAL: list[Callable[[random.Random, bytes], bytes]] = [
    *(flip_byte, insert_byte, remove_bytes, insert_token, replace_value, replace_value, append_element, append_element),
    *(duplicate_key, surround, encode_otherwise, escape),
]


def shrunk(line: bytes, differs: Callable[[bytes], bool]) -> bytes:
    """The line without whatever can be left out of it so that it still differs."""
    size = len(line) // 2
    while size:
        at = 0
        while at < len(line):
            shorter = line[:at] + line[at + size :]
            if differs(shorter):
                line = shorter
            else:
                at += size
        size //= 2
    return line
