"""What a contract may declare of files."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from emr_jobs.contracts.read import Files


def declared(**changes: Any) -> Files:
    return Files(**{"kind": "files", "connection": "desk", "path": "{partition}/*", "format": "csv"} | changes)


@pytest.mark.parametrize(
    ("path", "of_the_day"),
    [
        ("loans/{partition}/*.csv", "loans/2026-11-21/*.csv"),
        ("{partition:%Y}/{partition:%m%d}-*", "2026/1121-*"),
        ("{partition:%Y/%m/%d}.csv", "2026/11/21.csv"),
    ],
)
def test_a_path_has_its_day(path: str, of_the_day: str) -> None:
    assert declared(path=path).of(date(2026, 11, 21)) == of_the_day


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"path": "loans/*"}, "path: {partition} or {partition:%Y%m%d} says of which day the files are"),
        ({"path": "{partition}/{desk}"}, "path: {partition} or {partition:%Y%m%d} says of which day the files are"),
        ({"format": "json_lines", "csv": {"separator": ";"}}, "csv is of format csv, not of json_lines"),
        ({"csv": {"separator": '"'}}, "separator and quote are the same character"),
        ({"csv": {"separator": "\n"}}, "String should match pattern"),
        ({"csv": {"quote": ""}}, "String should match pattern"),
        ({"csv": {"quote": "''"}}, "String should match pattern"),
        ({"csv": {"encoding": "latin-0"}}, "encoding: 'latin-0' is none that Python knows"),
        ({"csv": {"encoding": "rot13"}}, "encoding: 'rot13' is none that Python knows"),
        ({"format": "parquet", "compression": "gzip"}, "compression: a Parquet file says itself how each of its"),
    ],
)
def test_what_cannot_be_read_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        declared(**changes)
    assert said in str(error.value)


def test_marks_and_encodings_are_those_of_any_program() -> None:
    csv = {"separator": "\t", "quote": "§", "encoding": "cp1252"}
    assert declared(csv=csv).csv.model_dump() == {**csv, "header": True}
