"""What is in the body of an answer: the records, and what stands around them.

Strict JSON, exactly (strict_json). One record that is none does not cost the others: where a body does not parse, the
array of its records is looked for by its brackets and texts, and each record parsed for itself. Null in the place of
the records is an empty page, unless the body speaks of errors. Invariant: what stands around the records is JSON, or
the answer is broken as a whole.
"""

import re
from typing import Any

import orjson
import pyarrow as pa

from emr_jobs.core.errors import samples
from emr_jobs.reading import strict_json
from emr_jobs.reading.records import Broken
from emr_jobs.sources.rest.json_path import at, is_there, keys_of
from emr_jobs.sources.rest.refusals import BrokenAnswer

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_TOKEN = re.compile(rb'"(?:[^"\\]+|\\.)*+"|["\[\]{},:]', re.DOTALL)
_OPENING = {b"]": b"[", b"}": b"{"}


def json_of(content: bytes, content_type: str) -> Any:
    """Raises BrokenAnswer."""
    try:
        return _strict(content.removeprefix(_BOM))[0]
    except strict_json.Malformed:
        raise BrokenAnswer(_reason(content, content_type)) from None


def parsed(content: bytes, content_type: str, *, path: str) -> tuple[Any, list[Any]]:
    """The body and its records at `path`, a `Broken` for each that is no JSON. Raises BrokenAnswer."""
    content = content.removeprefix(_BOM)
    try:
        body, too_deep = _strict(content)
    except strict_json.Malformed:
        return _record_by_record(content, content_type, path)
    if too_deep:
        return _record_by_record(content, content_type, path)
    return body, _records(body, path)


def fingerprint(records: list[Any], content: bytes) -> int:
    """Equal for equal records, whatever stands around them."""
    try:
        return hash(orjson.dumps(records, default=str))
    except orjson.JSONEncodeError:  # nested deeper than it writes
        return hash(content)


def _strict(content: bytes) -> tuple[Any, bool]:
    return strict_json.parse(content, in_doubt=strict_json.is_doubtful(content))


def _records(body: Any, path: str) -> list[Any]:
    keys = keys_of(path)
    records = at(body, keys)
    if type(records) is list:
        return records
    names = samples(list(body)) if type(body) is dict else ""
    if not is_there(body, keys):
        raise BrokenAnswer(f"a body without {path}{names}")
    if records is not None:
        raise BrokenAnswer(f"a body whose {path} is no array of records{names}")
    if type(body) is dict and (body.get("error") or body.get("errors")):
        raise BrokenAnswer(f"a body without records that speaks of errors{names}")
    return []


def _record_by_record(content: bytes, content_type: str, path: str) -> tuple[Any, list[Any]]:
    try:
        around, texts = split(content, path)
        body, _ = _strict(around)
    except strict_json.Malformed:
        raise BrokenAnswer(_reason(content, content_type)) from None
    if at(body, keys_of(path)) != []:  # of a key that is there twice the last counts
        raise BrokenAnswer(_reason(content, content_type))
    in_doubt = strict_json.doubtful(pa.array(texts, pa.binary()))
    return body, [_record(text, doubtful) for text, doubtful in zip(texts, in_doubt, strict=True)]


def _record(text: bytes, in_doubt: bool) -> Any:
    try:
        record, too_deep = strict_json.parse(text, in_doubt=in_doubt)
    except strict_json.Malformed:
        return Broken(text)
    return Broken(text) if too_deep else record


def _reason(content: bytes, content_type: str) -> str:
    text = content.removeprefix(_BOM).lstrip(_SPACE)
    if text.startswith(b"<") or (text and content_type.lower().startswith("text/html")):
        return "a login or error page (HTML) instead of JSON"
    return "a body that is no JSON" if text else "an empty body"


def split(content: bytes, path: str) -> tuple[bytes, list[bytes]]:
    """The body with an empty array in the place of the records, and the text of each record. Raises Malformed.

    Reads brackets and texts only, so it also splits what is no JSON within a record.
    """
    wanted = list(keys_of(path))
    names: list[str | None] = []  # for each open bracket the key whose value comes; None in an array
    text: str | None = None
    array: tuple[int, int, list[bytes]] | None = None
    at = 0
    while token := _TOKEN.search(content, at):
        mark, at = token[0], token.end()
        if mark == b"[" and names == wanted:
            texts, at = _elements(content, at)
            array = (token.start(), at, texts)
        elif mark in (b"[", b"{"):
            names.append(None)
        elif mark in _OPENING:
            if not names:
                raise strict_json.Malformed("a bracket that nothing opened")
            names.pop()
        elif mark == b":":
            if not names:
                raise strict_json.Malformed("a key outside of an object")
            names[-1] = text
        elif mark == b'"':
            raise strict_json.Malformed("a text without its end")
        elif mark != b",":
            text = _key(mark)
    if array is None:
        raise strict_json.Malformed("no records")
    start, end, texts = array
    return b"".join((content[:start], b"[]", content[end:])), texts


def _elements(content: bytes, at: int) -> tuple[list[bytes], int]:
    """From behind the bracket that opens the array: the text of each element, and where the array has ended."""
    texts: list[bytes] = []
    opened: list[bytes] = []
    start = at
    while token := _TOKEN.search(content, at):
        mark, at = token[0], token.end()
        if mark in (b"[", b"{"):
            opened.append(mark)
        elif mark in _OPENING and _OPENING[mark] in opened:
            while opened.pop() != _OPENING[mark]:  # what a broken record leaves open is closed with it
                pass
        elif mark == b"]" and not opened:
            last = content[start : token.start()].strip(_SPACE)
            return ([*texts, last] if last else texts), at  # nothing is lost by a comma behind the last one
        elif mark == b"," and not opened:
            texts.append(content[start : token.start()].strip(_SPACE))
            start = at
        elif mark == b'"':
            break
    raise strict_json.Malformed("an array without its end")


def _key(text: bytes) -> str | None:
    try:
        return str(orjson.loads(text))
    except orjson.JSONDecodeError:
        return None
