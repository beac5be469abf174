"""The bytes of an answer, unpacked, within a cap: as they are sent and as they are unpacked.

A part is unpacked when it has come, so what unpacks to more than the cap never stands in memory. Does not own: what the
bytes mean (page_body). Only encodings are read that were asked for (ENCODINGS).
"""

import zlib
from collections.abc import Iterator
from typing import Any

from urllib3.exceptions import HTTPError, ReadTimeoutError

from emr_jobs.sources.rest.refusals import BrokenAnswer, TooLarge

ENCODINGS = "gzip, deflate"
PART_BYTES = 2**16


def content_of(answer: Any, cap: int) -> bytes:
    """Of a response of requests whose body is still to come. Raises BrokenAnswer, TooLarge."""
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise BrokenAnswer(f"a body in an encoding that was not asked for ({encoding[:40]})")
    parts = _capped(_sent(answer), cap, "as sent")
    if encoding not in ("", "identity"):
        parts = _capped(_unpacked(parts, encoding), cap, "unpacked")
    return b"".join(parts)


def _sent(answer: Any) -> Iterator[bytes]:
    try:
        yield from answer.raw.stream(PART_BYTES, decode_content=False)
    except ReadTimeoutError:
        raise BrokenAnswer("a body that stopped coming") from None
    except (HTTPError, OSError):
        raise BrokenAnswer("a body that was cut off") from None


def _capped(parts: Iterator[bytes], cap: int, state: str) -> Iterator[bytes]:
    size = 0
    for part in parts:
        size += len(part)
        if size > cap:
            raise TooLarge(f"more, {state}")
        yield part


def _unpacked(parts: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Members of gzip follow each other; what comes behind the last one is nobody's."""
    packed, members = b"", 0
    unpacker = None
    for part in parts:
        packed += part
        while packed and (unpacker or len(packed) > 1):  # the format is told by two bytes
            if unpacker is None:
                unpacker = zlib.decompressobj(_format(encoding, packed))
            try:
                yield unpacker.decompress(packed, PART_BYTES)
            except zlib.error:
                if members:
                    return
                raise BrokenAnswer("a body that does not unpack") from None
            packed = unpacker.unconsumed_tail
            if unpacker.eof:
                packed, unpacker, members = unpacker.unused_data, None, members + 1
    if unpacker is not None:  # what has no checksum behind it can have all come and not be unpacked
        yield unpacker.flush()
    if not (members if unpacker is None else unpacker.eof):
        raise BrokenAnswer("a body that was cut off")


def _format(encoding: str, packed: bytes) -> int:
    """The bits of the window, by which zlib is told the format. What is called deflate is zlib's or, by some, bare."""
    if encoding != "deflate":
        return zlib.MAX_WBITS | 16
    is_zlib = packed[0] & 15 == 8 and int.from_bytes(packed[:2]) % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
