"""The records of JSON Lines: one a line, whatever it holds."""

import io
from decimal import Decimal
from typing import Any

import pytest

from emr_jobs.reading.records import Broken
from emr_jobs.sources.files import bounds, json_lines


def records(content: bytes) -> list[Any]:
    return [record for batch in json_lines.records(io.BytesIO(content)) for record in batch]


def test_every_line_is_a_record_as_it_was_written() -> None:
    content = b"""\
{"loan_id": "L-1", "fee": 1.50, "notes": [null, true]}\r
 7

"L-2"
{"isbn": 9783161484100123456789, "fee": 2.00000000000000001}
"""
    assert records(content) == [
        {"loan_id": "L-1", "fee": 1.5, "notes": [None, True]},
        7,
        "L-2",
        {"isbn": Decimal("9783161484100123456789"), "fee": Decimal("2.00000000000000001")},
    ]


BROKEN = [
    b"{",
    b'{"loan_id": "L-1"} {"loan_id": "L-2"}',
    b'\xef\xbb\xbf{"loan_id": "L-1"}',
    b'{"title": "Jos\xe9"}',
    b'{"fee": NaN}',
    b"[" * 10_001 + b"]" * 10_001,
]


@pytest.mark.parametrize("line", BROKEN, ids=["begun", "two", "BOM", "latin-1", "NaN", "deeper than is read"])
def test_a_line_that_is_not_one_value_is_broken_and_the_others_are_read(line: bytes) -> None:
    assert records(b"1\n" + line + b"\n2") == [1, Broken(line), 2]


def test_batches_are_bounded_by_records_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "CHUNK_BYTES", 16)
    monkeypatch.setattr(bounds, "BATCH_RECORDS", 3)
    batches = list(json_lines.records(io.BytesIO(b"1\n2\n3\n4\n5\n1234567\n89012345\n6")))
    assert batches == [[1, 2, 3], [4, 5], [1234567, 89012345], [6]]
