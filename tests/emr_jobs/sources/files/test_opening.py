"""A file is unpacked whole, or refused with its name."""

import base64
import gzip
import io
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr_jobs.core.errors import BadInput
from emr_jobs.sources.files import opening
from emr_jobs.sources.files.opening import Packing, unpacked
from emr_jobs.sources.files.refusals import Unreadable, refusals
from tests.emr_jobs.sources.files.deliveries import DAY, LOAN, OF, SOURCE, counts, declared, file_of, rows_of, write


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


# LOAN as the program zstd packs it: with a sum at the end, which Arrow does not write.
SUMMED = base64.b64decode("KLUv/QRYmQAAeyJsb2FuX2lkIjogIkwtMSJ9CrKgUyc=")
# The head of a frame of one block that wants a window of 1 GiB.
WIDE = b"\x28\xb5\x2f\xfd\x00" + bytes([20 << 3]) + b"\x01\x00\x00"


def read(content: bytes, packing: Packing) -> bytes:
    return b"".join(opening.chunks(unpacked(io.BytesIO(content), packing)))


def found(path: Path) -> str:
    """What the error of a day says of this file, which is delivered with another one."""
    files = [file_of(write(path.parent, "part-0.json.gz", LOAN)), file_of(path)]
    with pytest.raises(BadInput) as error:
        counts(rows_of(files, declared("json_lines")), files)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("cut.gz", gzip.compress(LOAN * 999, mtime=0)[:-20], "is cut off"),
        ("none.gz", b"not gzip, but named so", "is no gzip"),
        ("sum.gz", gzip.compress(LOAN, mtime=0)[:-8] + bytes(8), "is damaged"),
        ("more.gz", gzip.compress(LOAN, mtime=0) + b"more", "is no gzip"),
        ("damaged.gz", gzip.compress(LOAN, mtime=0)[:10] + b"\xff" * 99, "is damaged"),
        ("cut.zst", zstd(LOAN * 999)[:-20], "is cut off"),
        ("none.zst", b"not zstd, but named so", "is no zstd"),
        ("sum.zst", SUMMED[:-4] + bytes(4), "is damaged"),
        ("more.zstd", zstd(LOAN) + b"more", "is no zstd"),
        ("damaged.zst", zstd(LOAN)[:8] + b"\xff" * 99, "is damaged"),
        ("wide.zst", WIDE, "is packed in a window of more than 128 MiB"),
    ],
)
def test_a_file_that_does_not_unpack_is_named(tmp_path: Path, name: str, content: bytes, cause: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert found(path) == (f"{SOURCE} {DAY}: expected whole files, found {path} that {cause}. Deliver the file again.")


@pytest.mark.parametrize(("packing", "pack"), [("gzip", gzip.compress), ("zstd", zstd)])
def test_a_file_of_several_parts_is_one(packing: Packing, pack: type[bytes]) -> None:
    assert read(pack(b"one\ntw") + pack(b"") + pack(b"o\nthree"), packing) == b"one\ntwo\nthree"


def test_zstd_with_a_sum_is_read() -> None:
    assert read(SUMMED, "zstd") == LOAN


@given(st.data(), st.binary(max_size=300), st.integers(1, 2000), st.sampled_from(["gzip", "zstd"]))
def test_any_cut_gives_an_error_and_never_fewer_bytes(
    data: st.DataObject, part: bytes, times: int, packing: Packing
) -> None:
    content = part * times
    packed = gzip.compress(content, mtime=0) if packing == "gzip" else zstd(content)
    assert read(packed, packing) == content
    with pytest.raises(Unreadable, match=r"^that is (cut off|no gzip)$"):  # of a gzip the first byte tells nothing
        read(packed[: data.draw(st.integers(1, len(packed) - 1))], packing)


@given(st.data(), st.binary(min_size=1, max_size=300))
def test_any_changed_byte_of_a_gzip_gives_an_error_or_the_same_bytes(data: st.DataObject, content: bytes) -> None:
    packed = bytearray(gzip.compress(content, mtime=0))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    with suppress(Unreadable):
        assert read(bytes(packed), "gzip") == content


@pytest.mark.parametrize(
    ("name", "compression", "content"),
    [
        ("a.jsonl", "by_name", LOAN),
        ("a.gz.jsonl", "by_name", LOAN),
        ("a.jsonl.gz", "by_name", gzip.compress(LOAN, mtime=0)),
        ("a.jsonl.zst", "by_name", zstd(LOAN)),
        ("a.jsonl.zstd", "by_name", zstd(LOAN)),
        ("a.gz", "none", LOAN),
        ("a.jsonl", "gzip", gzip.compress(LOAN, mtime=0)),
        ("a.gz", "zstd", zstd(LOAN)),
    ],
)
def test_a_file_is_packed_as_its_name_says_or_as_declared(
    tmp_path: Path, name: str, compression: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    files = [file_of(tmp_path / name)]
    rows = rows_of(files, declared("json_lines", compression=compression))
    assert ([rows[0]["text"]], counts(rows, files)) == (["{'loan_id': 'L-1'}"], {name: 1})


class BrokenDisk(io.BytesIO):
    def read(self, _: int | None = -1) -> bytes:
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("packing", ["none", "gzip", "zstd"])
def test_what_the_disk_refuses_is_no_damage(packing: Packing) -> None:
    with pytest.raises(BadInput) as error, refusals("/a", **OF):
        unpacked(BrokenDisk(), packing).read(1)
    assert error.value.found == "/a that is refused (Input/output error)"
