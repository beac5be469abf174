"""The files that a pattern matches, on S3 or on this machine, by their exact names. No file is opened.

`*` matches no slash, but names that begin with `_` or `.`; a part of the pattern that is the name itself matches it,
whatever characters it has. What writers leave as marks of their own work is no data.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from emr_jobs.errors import Misconfigured

_MARKS = re.compile(r"|_SUCCESS|_committed_.*|_started_.*|_temporary|.*\.crc", re.DOTALL)


@dataclass(frozen=True, order=True)
class File:
    name: str  # path or key
    size_bytes: int
    version: str  # another one when the content is another: the ETag, or the instant of the last change
    changed_at: datetime


def listing(pattern: str) -> list[File]:
    """By name; empty when nothing matches. On S3, raises what botocore raises; here, OSError."""
    scheme, _, rest = pattern.rpartition("://")
    if scheme in ("s3", "s3a"):
        bucket, _, key = rest.partition("/")
        return sorted(_s3(bucket, key))
    if scheme in ("", "file"):
        return sorted(_local(os.path.abspath(rest)))
    raise Misconfigured(f"{pattern}: files are listed on s3:// or on this machine, not on {scheme}://")


def _local(pattern: str) -> Iterator[File]:
    found = ["/"]
    for part in pattern.split("/")[1:]:
        if re.search(r"[*?\[]", part):
            folders = [path for path in found if os.path.isdir(path)]
            found = [os.path.join(path, name) for path in folders for name in os.listdir(path) if _matches(name, part)]
        else:
            found = [os.path.join(path, part) for path in found]
    for path in map(Path, found):
        if path.is_file():
            state = path.stat()
            yield File(str(path), state.st_size, str(state.st_mtime_ns), datetime.fromtimestamp(state.st_mtime, UTC))


def _s3(bucket: str, pattern: str) -> Iterator[File]:
    import boto3

    prefix, parts = re.split(r"[*?\[]", pattern, maxsplit=1)[0], pattern.split("/")
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for each in (found for page in pages for found in page.get("Contents", ())):
        names = each["Key"].split("/")
        if len(names) == len(parts) and all(map(_matches, names, parts)):
            yield File(f"s3://{bucket}/{each['Key']}", each["Size"], each["ETag"], each["LastModified"])


def _matches(name: str, part: str) -> bool:
    return name == part or (fnmatchcase(name, part) and not _MARKS.fullmatch(name))
