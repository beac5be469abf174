"""Files on S3: read by their keys, and what S3 refuses."""

import gzip
import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from emr_jobs.core.errors import AccessDenied, BadInput, Unavailable
from emr_jobs.sources.files import bounds
from emr_jobs.sources.files import listed as delivered
from emr_jobs.sources.files.refusals import refusals
from tests.emr_jobs.sources.files.deliveries import LOAN, OF, counts, declared, rows_of, rows_of_lines
from tests.emr_jobs.sources.files.odd_names import ODD_NAMES


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 inside this process, with an empty bucket."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="library")
        yield s3


def test_every_object_is_read_once_whatever_its_key(bucket: Any) -> None:
    for name in ODD_NAMES:
        bucket.put_object(Bucket="library", Key=f"dt=x/{name}", Body=gzip.compress(f"{name!r}\n".encode() * 20))
    files = delivered("s3://library/dt=x/*.json.gz", **OF, allow_empty=False)
    rows = rows_of_lines(files)
    lines = sorted(row["value"].decode() for row in rows if row["value"] is not None)
    assert lines == sorted(f"{name!r}" for name in ODD_NAMES for _ in range(20))
    assert counts(rows, files) == dict.fromkeys(ODD_NAMES, 20)


@pytest.mark.parametrize("in_memory_bytes", [1, 2**20], ids=["on disk", "in memory"])
def test_every_format_is_read_from_a_copy(
    bucket: Any, parquet: bytes, monkeypatch: pytest.MonkeyPatch, in_memory_bytes: int
) -> None:
    monkeypatch.setattr(bounds, "IN_MEMORY_BYTES", in_memory_bytes)
    contents = {"json_lines": gzip.compress(LOAN), "csv": gzip.compress(b"loan_id\nL-1\n"), "parquet": parquet}
    for format, content in contents.items():
        name = f"{format}.gz"
        bucket.put_object(Bucket="library", Key=name, Body=content)
        files = delivered(f"s3://library/{name}", **OF, allow_empty=False)
        rows = rows_of(files, declared(format))
        assert [row["text"] for row in rows if row["text"]] == ["{'loan_id': 'L-1'}"], format
        assert counts(rows, files) == {name: 1}


@pytest.fixture
def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"loan_id": ["L-1"]}), sink)
    return sink.getvalue().to_pybytes()


def test_what_s3_refuses_is_named(bucket: Any) -> None:
    bucket.put_object(Bucket="library", Key="a.json.gz", Body=gzip.compress(LOAN))
    files = delivered("s3://library/*.json.gz", **OF, allow_empty=False)
    bucket.delete_object(Bucket="library", Key="a.json.gz")
    with pytest.raises(BadInput) as error:
        counts(rows_of_lines(files), files)
    assert error.value.found == "s3://library/a.json.gz that is not there (404)"
    with pytest.raises(BadInput, match=r"found s3://nowhere/\*\.json\.gz that is not there \(NoSuchBucket\)"):
        delivered("s3://nowhere/*.json.gz", **OF, allow_empty=False)


@pytest.mark.parametrize(("code", "kind"), [("AccessDenied", AccessDenied), ("SlowDown", Unavailable)])
def test_who_can_mend_a_refusal_is_its_kind(code: str, kind: type[Exception]) -> None:
    said = rf"expected S3 to give s3://library/a, found {code}\."
    with pytest.raises(kind, match=said), refusals("s3://library/a", **OF):
        raise ClientError({"Error": {"Code": code}}, "GetObject")
