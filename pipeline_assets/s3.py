"""A folder on S3: small objects by name, where absence is an answer and not an error."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

from emr_jobs.core.s3_uri import bucket_and_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Answer = TypeVar("Answer")


class Place(TypedDict):
    Bucket: str
    Key: str


@dataclass(frozen=True)
class Folder:
    uri: str  # without a slash at the end

    def read(self, name: str) -> bytes | None:
        answer = _unless_absent(lambda: self._client.get_object(**self._place(name)))
        return answer and answer["Body"].read()

    def written_at(self, name: str) -> datetime | None:
        answer = _unless_absent(lambda: self._client.head_object(**self._place(name)))
        return answer and answer["LastModified"]

    def names(self) -> Iterator[str]:
        """Of all objects in it, without the folder's own."""
        bucket, prefix = bucket_and_key(f"{self.uri}/")
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (found["Key"].removeprefix(prefix) for found in page.get("Contents", []))

    def folders(self) -> Iterator[str]:
        """Of the folders right in it, without slashes."""
        bucket, prefix = bucket_and_key(f"{self.uri}/")
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        for page in pages:
            yield from (found["Prefix"].removeprefix(prefix).rstrip("/") for found in page.get("CommonPrefixes", []))

    def write(self, name: str, content: bytes) -> None:
        self._client.put_object(**self._place(name), Body=content)

    def write_if_absent(self, name: str, content: bytes) -> bool:
        """False when the object is there: of several writers one gets True."""
        from botocore.exceptions import ClientError

        try:
            self._client.put_object(**self._place(name), Body=content, IfNoneMatch="*")
        except ClientError as error:
            # 409: another conditional write of the same key is under way
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                return False
            raise
        return True

    def upload(self, name: str, file: Path) -> None:
        """A large file, in parts."""
        self._client.upload_file(str(file), **self._place(name))

    def delete(self, name: str) -> None:
        self._client.delete_object(**self._place(name))

    def _place(self, name: str) -> Place:
        bucket, key = bucket_and_key(f"{self.uri}/{name}")
        return {"Bucket": bucket, "Key": key}

    @cached_property
    def _client(self) -> "S3Client":
        import boto3

        return boto3.client("s3")


def _unless_absent(call: Callable[[], Answer]) -> Answer | None:
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
