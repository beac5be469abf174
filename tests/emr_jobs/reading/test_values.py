"""Values as they stand in JSON, and what is read of them."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from emr_jobs.reading import strict_json
from emr_jobs.reading.values import (
    amount,
    boolean,
    day,
    decimals,
    elements,
    field,
    instant,
    instant_or_utc,
    is_blank,
    number,
    text,
    texts,
    whole,
    written_boolean,
)

Cases = Mapping[str, Any]


def value_of(json: str) -> Any:
    """`ABSENT` is a field that is not there."""
    content = json.encode()
    return None if json == "ABSENT" else strict_json.parse(content, in_doubt=strict_json.is_doubtful(b":" + content))[0]


def read(how: Callable[[Any], Any], cases: Cases) -> dict[str, Any]:
    """By the JSON of each case."""
    return {json: how(value_of(json)) for json in cases}


def test_text_is_trimmed_of_spaces_and_blank_is_null() -> None:
    cases = {
        '"  a b "': "a b",
        r'"\tweb\u00a0"': "\tweb\u00a0",
        r'"\u0020app\u0020"': "app",
        r'"a\"b\\c/\né😀"': 'a"b\\c/\né😀',
        '"null"': "null",
        '""': None,
        '"   "': None,
        "null": None,
        "ABSENT": None,
    }
    assert read(text, cases) == cases


def test_what_is_no_text_is_null() -> None:
    cases = dict.fromkeys(["7", "2.50", "true", "[]", '["a"]', "{}", '{"a": "b"}'])
    assert read(text, cases) == cases


def test_a_number_is_one_of_json_or_a_text_that_holds_one() -> None:
    written = {'"2"': "2", '" 2.0 "': "2.0", '"-0.5"': "-0.5", '"1E+2"': "100", "2": "2", "2.5": "2.5", "-0": "0"}
    written |= {
        "1e400": "1e400",
        '"1e400"': "1e400",
        "1e-400": "1e-400",
        "123456789012345678901": "123456789012345678901",
    }
    good = {json: Decimal(value) for json, value in written.items()}
    bad = ["true", "null", "[]", "{}", "[1]", "ABSENT", '""', '"NaN"', '"1,5"', '"+1"', '"01"', '".5"', '"5."']
    bad += [r'"5\n"', r'"\n5"', '"0x1"', '"1 2"', '"1_000"', '"\u0661"']
    cases = good | dict.fromkeys(bad)
    assert read(number, cases) == cases


def test_an_amount_has_two_decimals_rounded_half_away_from_zero() -> None:
    written = {
        "10.005": "10.01",
        "-2.345": "-2.35",
        "10.004999": "10.00",
        '"1.23456789012345678901234567890"': "1.23",
        "1234567890123.455": "1234567890123.46",
        '"1E1"': "10.00",
        '"9999999999999999.99"': "9999999999999999.99",
        "9999999999999999.99": "9999999999999999.99",
        "-9999999999999999.994": "-9999999999999999.99",
        "12345678.0049999999": "12345678.00",  # which no double tells from 12345678.005
        f"1.004{'9' * 40}": "1.00",
        f'"1.004{"9" * 40}"': "1.00",
        "1.005": "1.01",
        "1e-400": "0.00",
        '"1e-99999999999999999999"': "0.00",
        "-0.004": "0.00",
    }
    too_wide = ['"9999999999999999.995"', "9999999999999999.995", "10000000000000000", '"1e20"', "1e400", "true"]
    too_wide += [
        '"1e99999999999999999999"',
        "1e99999999999999999999",
        "9" * 5000,
        f'"{"9" * 5000}"',
        '"x"',
        "null",
        "ABSENT",
    ]
    cases = {json: Decimal(value) for json, value in written.items()} | dict.fromkeys(too_wide)
    assert read(amount, cases) == cases


def test_a_whole_number_may_be_written_with_decimals_and_exponent() -> None:
    good = {"2": 2, "2.0": 2, '" 2.00 "': 2, "1e2": 100, '"10e-1"': 1, '"0e5"': 0, "-3": -3}
    good |= {
        "9223372036854775808": 2**63,
        '"-9223372036854775809"': -(2**63) - 1,
        "12345678901234567890.0": 12345678901234567890,
    }
    good |= {"1e30": 10**30, "1e400": Decimal("1e400"), '"1e99999999999999999999"': Decimal(f"1e{10**17}"), "0e999": 0}
    bad = ["1.5", '"1e-1"', "1e-400", "12345678901234567890.5", '"two"', "true", r'"1\n"', "null", "ABSENT"]
    cases = good | dict.fromkeys(bad)
    assert read(whole, cases) == cases


def test_an_instant_is_utc_cut_to_microseconds() -> None:
    at = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    cases = {
        '"2026-11-21T10:00:00Z"': at,
        '" 2026-11-21T10:00:00+00:00 "': at,
        '"2026-11-21T05:00:00-05:00"': at,
        '"2026-11-22T00:00:00+14:00"': at,
        '"2026-11-21T10:00:00.1Z"': at.replace(microsecond=100000),
        '"2026-11-21T10:00:00.1234567Z"': at.replace(microsecond=123456),
        '"2026-11-21T10:00:00.999999999Z"': at.replace(microsecond=999999),
        '"1999-12-31T23:59:59+18:00"': datetime(1999, 12, 31, 5, 59, 59, tzinfo=UTC),
        '"2026-11-21T10:00:00.12345678901234567890Z"': at.replace(microsecond=123456),
        '"0001-01-01T00:00:00Z"': datetime(1, 1, 1, tzinfo=UTC),
        '"9999-12-31T23:59:59.999999Z"': datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    }
    assert read(instant, cases) == cases


def test_what_is_no_instant_is_null() -> None:
    texts = ["2026-11-21T10:00:00", "2026-11-21", "10:00:00Z", "today", "1763700000", "", "2026-11-21 10:00:00Z"]
    texts += ["2026-02-30T10:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T10:00:60Z", "2026-11-21T10:00Z"]
    texts += ["2026-11-21t10:00:00z", "2026-11-21T10:00:00.Z", "2026-11-21T10:00:00+0100", "2026-11-21T10:00:00+18:01"]
    texts += [r"2026-11-21T10:00:00Z\n", r"\t2026-11-21T10:00:00Z", "12026-11-21T10:00:00Z", "2026-11-21T10:00:00+01"]
    texts += [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-18:00",
        "2026-11-21T10:00:00+10:60",
    ]
    texts += ["2026-11-21T10:60:00Z", "2026-11-21T10:00:00,5Z", "2026-1-21T10:00:00Z", "2026-11-21T10:00:00Z[UTC]"]
    cases = dict.fromkeys([*(f'"{each}"' for each in texts), "1763700000", "true", "null", "[]", "{}", "ABSENT"])
    assert read(instant, cases) == cases


def test_absent_null_and_spaces_are_blank() -> None:
    cases = dict.fromkeys(["ABSENT", "null", '""', '"   "'], True)
    cases |= dict.fromkeys(['"0"', '"null"', r'"\t"', r'" \n"', "0", "false", "[]", "{}"], False)
    assert read(is_blank, cases) == cases


@pytest.mark.parametrize("json", ['["a"]', '"a"', "1", "null", "true"])
def test_what_is_no_object_has_no_fields(json: str) -> None:
    assert field(value_of(json), "a") is None


def test_fields_and_elements_are_those_of_objects_and_arrays() -> None:
    assert [field(value_of(json), "a") for json in ('{"a": 1}', '{"a": null}', '{"b": 1}')] == [1, None, None]
    assert [elements(value_of(json)) for json in ('["a"]', "[]", '"a"', '{"a": 1}', "null")] == [["a"], [], [], [], []]


@pytest.mark.parametrize(
    ("precision", "scale", "written"),
    [
        (18, 8, {"0.123456785": "0.12345679", "-9999999999.999999994": "-9999999999.99999999", "10000000000": None}),
        (38, 0, {"0.5": "1", "-1.49": "-1", "9" * 38: "9" * 38, f"{'9' * 38}.5": None}),
        (3, 3, {"0.9994": "0.999", "0.9995": None, "1e-9": "0"}),
    ],
)
def test_a_decimal_is_rounded_half_away_from_zero_to_its_scale(
    precision: int, scale: int, written: dict[str, str | None]
) -> None:
    cases = {json: None if value is None else Decimal(value) for json, value in written.items()}
    assert read(decimals(precision, scale), cases) == cases


def test_what_is_not_finite_in_a_parquet_file_is_no_number() -> None:
    values = (float("nan"), float("inf"), -float("inf"))
    assert [[rule(value) for value in values] for rule in (number, amount, whole)] == [[None] * 3] * 3


def test_a_day_is_a_date_of_the_calendar() -> None:
    good = {'"2026-11-21"': date(2026, 11, 21), '" 0001-01-01 "': date(1, 1, 1), '"9999-12-31"': date(9999, 12, 31)}
    bad = [
        "2026-02-30",
        "0000-01-01",
        "20261121",
        "2026-W47-6",
        "2026-1-21",
        "2026-11-21T00:00:00Z",
        "today",
        "",
        "\\t2026-11-21",
    ]
    cases = good | dict.fromkeys([*(f'"{each}"' for each in bad), "20261121", "true", "null", "[]", "{}", "ABSENT"])
    assert read(day, cases) == cases


def test_a_boolean_is_no_text_and_no_number_but_where_everything_is_a_text() -> None:
    good = {"true": True, "false": False}
    written = {'"true"': True, '" FALSE "': False}
    bad = ["1", "0", "1.0", '"yes"', '"1"', '"t"', '""', "null", "[]", "{}", "ABSENT"]
    cases = good | dict.fromkeys([*written, *bad])
    assert read(boolean, cases) == cases
    assert read(written_boolean, cases) == good | written | dict.fromkeys(bad)


def test_texts_are_those_of_an_array() -> None:
    cases: Cases = {
        '["b", " a ", "b"]': ["b", "a", "b"],
        '["", null, 7, true, ["c"], {"d": "e"}, "f"]': ["f"],
        **{json: [] for json in ("[]", "null", "ABSENT", '"a"', '{"a": "b"}', "7")},
    }
    assert read(texts, cases) == cases


def test_dates_and_times_of_a_parquet_file_are_taken_as_they_are() -> None:
    at = datetime(2026, 11, 21, 10, 0, 0, 5, tzinfo=UTC)
    paris, naive = at.astimezone(timezone(timedelta(hours=1))), at.replace(tzinfo=None)
    past_the_years = datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=1)))
    values = (at, paris, naive, past_the_years, at.date(), "2026-11-21T10:00:00.000005")
    assert [instant(value) for value in values] == [at, at, None, None, None, None]
    assert [instant_or_utc(value) for value in values] == [at, at, at, None, None, None]
    assert [day(value) for value in (at.date(), at)] == [at.date(), None]
    assert [rule(at) for rule in (text, number, whole, boolean, texts)] == [None, None, None, None, []]
