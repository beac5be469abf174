"""The files that a pattern matches, on S3 or on this machine, by their exact names. No file is opened.

`*` matches no slash, but names that begin with `_` or `.`; a part of the pattern that is the name itself matches it,
whatever characters it has. What writers leave as marks of their own work is no data.
"""

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Partition

if TYPE_CHECKING:
    from emr_jobs.contracts import Contract
    from emr_jobs.contracts.read import Files
    from emr_jobs.core.settings import FilesConnection, Settings

_SCHEME = re.compile("([a-z][a-z0-9]*)://")

_MARKS = re.compile(r"|_SUCCESS|_committed_.*|_started_.*|_temporary|.*\.crc", re.DOTALL)


@dataclass(frozen=True, order=True)
class File:
    name: str  # path or key
    size_bytes: int
    version: str  # another one when the content is another: the ETag, or the instant of the last change
    changed_at: datetime


def address(connection: "FilesConnection", declared: "Files", partition: Partition) -> str:
    """The pattern of a day's files. The connection's part is a folder's name: nothing in it stands for other names."""
    return f"{glob.escape(connection.uri.removesuffix('/'))}/{declared.of(partition.date)}"


def pattern_of(settings: "Settings", source: "Contract", partition: Partition) -> str:
    """Of a source's day, where these settings say that it is delivered. Raises Misconfigured where they do not."""
    from emr_jobs.contracts.read import Files
    from emr_jobs.core.settings import FilesConnection

    assert isinstance(source.read, Files), source.id
    return address(settings.connection(source.connection, FilesConnection, source=source.id), source.read, partition)


def listing(pattern: str) -> list[File]:
    """By name; empty when nothing matches. On S3, raises what botocore raises; here, OSError."""
    scheme = _SCHEME.match(pattern)
    rest = pattern[scheme.end() :] if scheme else pattern
    if scheme and scheme[1] in ("s3", "s3a"):
        bucket, _, key = rest.partition("/")
        return sorted(_s3(bucket, key))
    if scheme and scheme[1] != "file":
        raise Misconfigured(f"{pattern}: files are listed on s3:// or on this machine, not on {scheme[0]}")
    return sorted(_local(os.path.abspath(rest)))


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
