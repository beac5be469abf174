"""Which records a request is answered with: by instant, by file, all; and data that lacks."""

import re
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest
import requests

from emr_jobs.contracts.model import Column
from emr_jobs.core.partition import Calendar
from local_stack.derived_sample import write as write_derived
from local_stack.rest_api import RestApi
from tests.local_stack.rest.client import (
    BETWEEN,
    CURSOR,
    EARLIER,
    LATER,
    LOANS,
    Client,
    array,
    auth,
    contract,
    loan,
    none,
    total,
    write,
)
from tests.local_stack.rest.conftest import ClientOf, Serve


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-11-21T00:00:00Z", "2026-11-21T02:00:00Z", LOANS[:2]),
        ("2026-11-21T00:00:00.000001Z", "2026-11-21T02:00:00.000001Z", LOANS[1:3]),
        ("2026-11-20T19:00:00-05:00", "2026-11-20T20:00:00-05:00", LOANS[:1]),
        ("2026-11-20T00:00:00Z", "2026-11-23T00:00:00Z", [EARLIER, *LOANS, LATER]),
        ("2026-11-21T02:00:00Z", "2026-11-21T02:00:00Z", []),
        ("2026-11-21T02:00:00Z", "2026-11-21T01:00:00Z", []),
    ],
)
def test_a_window_is_half_open_whatever_file_a_record_is_in(
    cursor: Client, start: str, end: str, expected: list[bytes]
) -> None:
    answer = requests.get(cursor.url, params={"from": start, "to": end, "limit": 1000}, timeout=10)
    assert answer.content == b'{"data":' + array(expected) + f',"next":null,"total":{len(expected)}}}'.encode()


def test_a_date_begins_where_the_days_of_the_api_are(serve: Serve, tmp_path: Path) -> None:
    texts = [loan(0, "2026-11-21T04:59:59Z"), loan(1, "2026-11-21T05:00:00Z"), loan(2, "2026-11-22T04:59:59Z")]
    write(tmp_path / "loans", "2026-11-21", [*texts, loan(3, "2026-11-21"), loan(4, "2026-11-22T00:00:00")])
    base = serve(contract(CURSOR | {"times": "date"}), data=tmp_path, timezone="America/New_York")
    answer = requests.get(f"{base}/v1/loans", params={"from": "2026-11-21", "to": "2026-11-22", "limit": 9}, timeout=10)
    assert [each["loan"] for each in answer.json()["data"]] == [1, 3, 2]


@pytest.mark.parametrize(("times", "at"), [("epoch", 1795219200), ("epoch_ms", 1795219200500), ("iso", 1795219200.25)])
def test_a_record_may_say_its_instant_as_a_number(client_of: ClientOf, tmp_path: Path, times: str, at: float) -> None:
    write(tmp_path / "loans", "2026-11-20", [f'{{"at":{at}}}'.encode()])
    client = client_of(CURSOR | {"times": times}, data=tmp_path)
    assert client.first().json()["data"] == [{"at": at}]


def test_a_record_without_an_instant_is_where_the_one_before_it_is(serve: Serve, tmp_path: Path) -> None:
    """Also one that is no JSON: it goes out as it is."""
    odd = [b'{"loan":1}', b'{"at":null}', b'{"at":"soon"}', b'{"at":true}', b'{"at": NaN}', b'{"at":1e999}', b"[3]"]
    write(tmp_path / "loans", "2026-11-20", odd)
    write(tmp_path / "loans", "2026-11-21", [odd[0], LOANS[1], odd[1], LOANS[4], *odd[2:]])
    base = serve(contract(CURSOR), data=tmp_path)

    def window(start: str, end: str) -> bytes:
        return requests.get(f"{base}/v1/loans", params={"from": start, "to": end, "limit": 99}, timeout=10).content

    assert window("2026-11-20T00:00:00Z", "2026-11-20T00:00:01Z").startswith(b'{"data":' + array(odd))
    assert window("2026-11-21T01:00:00Z", "2026-11-21T01:00:01Z").startswith(
        b'{"data":' + array([odd[0], LOANS[1], odd[1]])
    )
    assert window("2026-11-21T04:00:00Z", "2026-11-21T04:00:01Z").startswith(b'{"data":' + array([LOANS[4], *odd[2:]]))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"day": "{partition}"}, LOANS[::-1]),
        ({"since": "{start}"}, [*LOANS, LATER]),
        ({"before": "{end}"}, [EARLIER, *LOANS]),
        ({"as_of": "{as_of}"}, [EARLIER, *LOANS, LATER]),
        ({"since": "{start}", "until": "{as_of}"}, LOANS),
        ({"day": "{partition}", "since": "{start}", "before": "{end}"}, LOANS),
        ({}, [EARLIER, *LOANS, LATER]),
    ],
)
def test_what_a_request_says_of_the_day_decides_what_is_answered(
    client_of: ClientOf, params: dict[str, str], expected: list[bytes]
) -> None:
    answer = client_of(CURSOR | {"params": params, "pages": {"kind": "none"}}).first()
    assert answer.content == b'{"data":' + array(expected) + f',"total":{len(expected)}}}'.encode()


def test_without_a_day_column_instants_choose_nothing(client_of: ClientOf) -> None:
    answer = client_of({**CURSOR, "params": BETWEEN, "pages": {"kind": "none"}, "day_column": None}).first()
    assert array([EARLIER, *LOANS[::-1], LATER]) in answer.content


def test_data_that_lacks_are_named_with_what_should_be_there(tmp_path: Path) -> None:
    there = "Expected dt=<day>.jsonl.gz, a record a line as the API answers it"
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path / 'loans'}: no such folder. {there}")):
        RestApi([contract(CURSOR)], tmp_path, auth("none"), none)
    (tmp_path / "loans").mkdir()
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path / 'loans'}: no such file in it. {there}")):
        RestApi([contract(CURSOR)], tmp_path, auth("none"), none)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path / "loans", "2026-11-21", LOANS)
    file = tmp_path / "loans" / "dt=2026-11-21.jsonl.gz"
    whole = file.read_bytes()
    for content in (whole[:-9], b"plain", whole[:20] + b"\xff\xff\xff" + whole[23:]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=rf"^{re.escape(str(file))}: no gzip, or cut off"):
            RestApi([contract(CURSOR)], tmp_path, auth("none"), none)
    file.rename(tmp_path / "loans" / "dt=today.jsonl.gz")
    with pytest.raises(ValueError, match=r"dt=today\.jsonl\.gz: today is no day$"):
        RestApi([contract(CURSOR)], tmp_path, auth("none"), none)


def test_a_derived_day_is_answered_whole_hour_by_hour(client_of: ClientOf, tmp_path: Path) -> None:
    """With its defects."""
    partition = Calendar("America/New_York", time(8), date(2025, 1, 1)).partition("2026-11-01")  # of 25 hours
    columns = (Column("loan", "string", required=True), Column("at", "timestamp", required=True))
    source = replace(contract(CURSOR), columns=columns)
    planted = write_derived(source, tmp_path, partition=partition, count=2000)
    client = client_of(CURSOR, data=tmp_path)
    hours = [partition.start + timedelta(hours=number) for number in range(25)]
    slices = [replace(client, window={"start": hour, "end": hour + timedelta(hours=1)}) for hour in hours]
    totals = [total(each.read, each.first()) or 0 for each in slices]
    assert hours[-1] + timedelta(hours=1) == partition.end
    assert sum(totals) == planted["rows"] == 2004
    assert min(totals) > 0
