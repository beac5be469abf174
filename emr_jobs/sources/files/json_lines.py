"""JSON Lines: the lines of a file, and the value of each.

Invariant: every line that is not blank is one record, whatever it holds; what is not exactly one JSON value is Broken.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from emr_jobs.reading.records import Broken
from emr_jobs.sources.files import bounds
from emr_jobs.sources.files.opening import Content, chunks, require_bounded

_SPACE = b" \t\r"  # a line ends at \n, so this is all the white space that JSON allows in it


def records(content: Content) -> Iterator[list[Any]]:
    for ended in lines(content):
        for at in range(0, len(ended), bounds.BATCH_RECORDS):
            yield _values(ended[at : at + bounds.BATCH_RECORDS])


def lines(content: Content) -> Iterator[list[bytes]]:
    """Those that are not blank, by chunks. They end at \\n only: a lone \\r is white space inside JSON."""
    begun = b""
    for chunk in chunks(content):
        *ended, begun = (begun + chunk).split(b"\n")
        require_bounded(begun)
        if filled := [line for line in ended if line.strip(_SPACE)]:
            yield filled
    if begun.strip(_SPACE):
        yield [begun]


def _values(texts: Sequence[bytes]) -> list[Any]:
    import pyarrow as pa

    from emr_jobs.reading import strict_json

    def value(text: bytes, in_doubt: bool) -> Any:
        try:
            found, too_deep = strict_json.parse(text, in_doubt=in_doubt)
        except strict_json.Malformed:
            return Broken(text)
        return Broken(text) if too_deep else found  # it would lack what lies deeper

    return list(map(value, texts, strict_json.doubtful(pa.array(texts, pa.binary()))))
