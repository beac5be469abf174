"""One file, opened by its exact name and unpacked: gzip, zstd or as it is.

From S3 it is a copy, in memory or on disk: the client takes up a download that breaks, which a reader of the stream
could not do. Invariant: a file that is not what was listed, and one that is cut off or damaged, raises Unreadable
before its end was reported.
"""

import gzip
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Literal, Protocol

from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.sources.files import bounds
from emr_jobs.sources.files.listing import File
from emr_jobs.sources.files.refusals import Unreadable

Packing = Literal["none", "gzip", "zstd"]

_ENDINGS: dict[str, Packing] = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
# Which of zstd's refusals is which; any other is damage. Arrow has the text alone.
_ZSTD_WORDS = {
    "Truncated": "that is cut off",
    "Unknown frame descriptor": "that is no zstd",
    "too much memory": "that is packed in a window of more than 128 MiB",
}


class Content(Protocol):
    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""
        ...


def packing_of(name: str) -> Packing:
    return next((packing for ending, packing in _ENDINGS.items() if name.endswith(ending)), "none")


def chunks(content: Content) -> Iterator[bytes]:
    while chunk := content.read(bounds.CHUNK_BYTES):
        yield chunk


def require_bounded(begun: bytes | str) -> None:
    """A line that has not ended yet."""
    if len(begun) > bounds.LONGEST_LINE_BYTES:
        raise Unreadable(f"that unpacks to a line of more than {bounds.LONGEST_LINE_BYTES >> 20} MiB")


@contextmanager
def opened(file: File) -> Iterator[IO[bytes]]:
    """As it is. What is there must be what was listed."""
    with _whole(file.name) as raw:
        size_bytes = raw.seek(0, os.SEEK_END)
        if size_bytes != file.size_bytes:
            raise Unreadable(f"that has {size_bytes} bytes and had {file.size_bytes} when it was listed")
        raw.seek(0)
        yield raw


def unpacked(raw: IO[bytes], packing: Packing) -> Content:
    if packing == "gzip":
        return _Unpacked(gzip.GzipFile(fileobj=raw, mode="rb").read)
    if packing == "zstd":
        import pyarrow as pa

        return _Unpacked(pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd").read)
    return raw


class _Unpacked:
    """What is unpacked, and what the libraries raise meanwhile in the words of the message."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def read(self, size: int, /) -> bytes:
        try:
            return self._read(size)
        except EOFError:
            said = "that is cut off"
        except gzip.BadGzipFile as error:
            said = "that is no gzip" if str(error).startswith("Not a gzipped file") else "that is damaged"
        except zlib.error:
            said = "that is damaged"
        except OSError as error:
            if error.errno is not None:  # of the disk, not of what is on it
                raise
            said = next((words for part, words in _ZSTD_WORDS.items() if part in str(error)), "that is damaged")
        raise Unreadable(said)


@contextmanager
def _whole(name: str) -> Iterator[IO[bytes]]:
    if not name.startswith("s3://"):
        with open(name, "rb") as file:
            yield file
        return
    import boto3
    from boto3.s3.transfer import TransferConfig

    bucket, key = bucket_and_key(name)
    with tempfile.SpooledTemporaryFile(bounds.IN_MEMORY_BYTES) as copy:
        boto3.client("s3").download_fileobj(bucket, key, copy, Config=TransferConfig(use_threads=False))
        yield copy  # type: ignore[misc]
