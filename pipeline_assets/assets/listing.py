"""The files that a pattern matches, on S3 or on this machine. Names and sizes only; no file is opened."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path
from urllib.parse import urlsplit

from emr_jobs.errors import Misconfigured


@dataclass(frozen=True, order=True)
class File:
    name: str  # path or key
    size_bytes: int
    version: str  # another one when the content is another: the ETag, or the instant of the last change
    changed_at: datetime


def listing(pattern: str) -> list[File]:
    """By name; empty when nothing matches. `*` does not match a slash, as in the jobs that read the same pattern.

    On S3, raises what botocore raises.
    """
    parts = urlsplit(pattern)
    if parts.scheme in ("s3", "s3a"):
        return sorted(_s3(parts.netloc, parts.path.lstrip("/")))
    if parts.scheme in ("", "file"):
        return sorted(_local(pattern.removeprefix("file://")))
    raise Misconfigured(f"{pattern}: files are listed on s3:// or on this machine, not on {parts.scheme}://")


def _local(pattern: str) -> Iterator[File]:
    for path in map(Path, glob(pattern)):
        if path.is_file():
            state = path.stat()
            yield File(str(path), state.st_size, str(state.st_mtime_ns), datetime.fromtimestamp(state.st_mtime, UTC))


def _s3(bucket: str, pattern: str) -> Iterator[File]:
    import boto3

    prefix = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for each in (found for page in pages for found in page.get("Contents", ())):
        if _matches(each["Key"], pattern):
            yield File(f"s3://{bucket}/{each['Key']}", each["Size"], each["ETag"], each["LastModified"])


def _matches(key: str, pattern: str) -> bool:
    names, patterns = key.split("/"), pattern.split("/")
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))
