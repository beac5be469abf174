"""The listing of a source's files: here, and on S3 as boto3 asks for it."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import FilesConnection
from emr_jobs.sources.files import address
from emr_jobs.sources.files.listing import listing
from tests.emr_jobs.sources.files.deliveries import DAY, declared

CHANGED = "2026-11-21T23:59:58.000Z"


class Bucket(BaseHTTPRequestHandler):
    """GET of a list with a prefix, two keys a page. Anything else is 501. No signatures are looked at."""

    keys: ClassVar[list[str]] = []
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path != "/library" or query.get("list-type") != "2":
            self.send_error(501, f"no answer to {self.path}")
            return
        self.asked.append(query["prefix"])
        start = int(query.get("continuation-token", 0))
        found = [key for key in self.keys if key.startswith(query["prefix"])]
        more = f"<NextContinuationToken>{start + 2}</NextContinuationToken>" if len(found) > start + 2 else ""
        items = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(key)}</Size><ETag>&quot;{key[-9:-8]}&quot;</ETag>"
            f"<LastModified>{CHANGED}</LastModified></Contents>"
            for key in found[start : start + 2]
        )
        body = f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{items}</ListBucketResult>"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, processes: None) -> Iterator[type[Bucket]]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        Bucket.keys, Bucket.asked = [], []
        yield Bucket
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_on_s3_every_page_is_read_and_only_what_the_pattern_matches(bucket: type[Bucket], scheme: str) -> None:
    bucket.keys = [
        "loans/dt=2026-11-21/_SUCCESS",
        "loans/dt=2026-11-21/a.json.gz",
        "loans/dt=2026-11-21/b.json.gz",
        "loans/dt=2026-11-21/c.json.gz",
        "loans/dt=2026-11-21/d.json.gz/part",
        "loans/dt=2026-11-22/e.json.gz",
    ]
    found = listing(f"{scheme}://library/loans/dt=2026-11-21/*.json.gz")
    assert [(file.name, file.size_bytes, file.version) for file in found] == [
        (f"s3://library/loans/dt=2026-11-21/{name}.json.gz", 29, f'"{name}"') for name in "abc"
    ]
    assert {file.changed_at.isoformat() for file in found} == {"2026-11-21T23:59:58+00:00"}
    assert bucket.asked == ["loans/dt=2026-11-21/"] * 3, "three pages of this day, nothing of another"


def test_an_empty_folder_on_s3_is_an_empty_listing(bucket: type[Bucket]) -> None:
    assert listing("s3://library/loans/dt=2026-11-21/*.json.gz") == []


def test_on_this_machine_only_files_that_the_pattern_matches(tmp_path: Path) -> None:
    for name in ("b.json.gz", "a.json.gz", "c.csv"):
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "folder.json.gz").mkdir()
    for pattern in (f"{tmp_path}/*.json.gz", f"file://{tmp_path}/*.json.gz"):
        found = listing(pattern)
        assert [(file.name, file.size_bytes) for file in found] == [
            (f"{tmp_path}/a.json.gz", 5),
            (f"{tmp_path}/b.json.gz", 5),
        ]
    assert listing(f"{tmp_path}/nowhere/*") == []


MARKS = ("_SUCCESS", "_committed_123", "_started_123", ".part-0.crc", "_temporary/a")
ODD = ("_b", ".b", "a[1]", "a1", "a{1,2}", "10:30", "a b", "a*", "a?", "#")


def test_names_are_exact_and_what_writers_leave_as_marks_is_no_data(tmp_path: Path) -> None:
    for name in (*MARKS, *ODD):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    assert [file.name for file in listing(f"{tmp_path}/*")] == sorted(f"{tmp_path}/{name}" for name in ODD)
    assert listing(f"{tmp_path}/*/*") == []
    assert [file.name for file in listing(f"{tmp_path}/a[[]1]")] == [f"{tmp_path}/a[1]"]
    assert [file.name for file in listing(f"{tmp_path}/a[1]")] == [f"{tmp_path}/a1", f"{tmp_path}/a[1]"]


def test_names_on_s3_are_as_exact(bucket: type[Bucket]) -> None:
    bucket.keys = sorted(f"loans/{name}" for name in ("", *MARKS, *ODD))
    assert [file.name for file in listing("s3://library/loans/*")] == sorted(
        f"s3://library/loans/{name}" for name in ODD
    )


def test_a_file_that_was_replaced_has_another_version(tmp_path: Path) -> None:
    file = tmp_path / "a.json.gz"
    file.write_bytes(b"12345")
    os.utime(file, ns=(1, 1))
    (before,) = listing(f"{tmp_path}/*")
    os.utime(file, ns=(2, 2))
    (after,) = listing(f"{tmp_path}/*")
    assert (before.name, before.size_bytes) == (after.name, after.size_bytes)
    assert before.version != after.version


@pytest.mark.parametrize(
    ("uri", "path", "pattern"),
    [
        ("s3://desks", "loans/{partition}/*.csv", "s3://desks/loans/2026-11-21/*.csv"),
        ("s3://desks/east/", "{partition:%Y}/{partition:%m%d}-*.csv", "s3://desks/east/2026/1121-*.csv"),
        ("/", "{partition}", "/2026-11-21"),
        ("file:///", "{partition}", "file:///2026-11-21"),
        ("file:///desks", "{partition}", "file:///desks/2026-11-21"),
    ],
)
def test_a_days_files_are_below_the_connection(uri: str, path: str, pattern: str) -> None:
    files = declared("csv").model_copy(update={"path": path})
    assert address(FilesConnection(kind="files", uri=uri), files, DAY) == pattern


def test_nothing_in_the_connections_folder_stands_for_other_names(tmp_path: Path) -> None:
    odd = ("a[1]", "a?", "a*", "a b", "a%20b", "a{1}", "s3:", "[!a]", "ä\n#")
    for name in (*odd, "a1", "ab", "b"):
        (tmp_path / name / str(DAY)).mkdir(parents=True)
        (tmp_path / name / str(DAY) / "loans.csv").touch()
    for name in odd:
        connection = FilesConnection(kind="files", uri=f"{tmp_path}/{name}")
        files = listing(address(connection, declared("csv"), DAY))
        assert [file.name for file in files] == [f"{tmp_path}/{name}/{DAY}/loans.csv"]


def test_a_colon_and_two_slashes_within_a_path_are_no_scheme(tmp_path: Path) -> None:
    (tmp_path / "s3:").mkdir()
    (tmp_path / "s3:" / "a.csv").touch()
    assert [file.name for file in listing(f"{tmp_path}/s3://*.csv")] == [f"{tmp_path}/s3:/a.csv"]


def test_another_file_system_is_refused() -> None:
    with pytest.raises(Misconfigured, match="are listed on s3:// or on this machine, not on hdfs://"):
        listing("hdfs://cluster/x")
