"""Values as they stand in JSON, and what is read of them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from emr_jobs.transforms.reading import amount, elements, field, instant, is_blank, literal, number, text, whole
from tests.emr_jobs.transforms.frames import Frames

Cases = Mapping[str, Any]


def read(frames: Frames, how: Callable[[Column], Column], cases: Cases) -> dict[str, Any]:
    """By the JSON of each case; `ABSENT` is a field that is not there."""
    rows = [{"json": None if json == "ABSENT" else json} for json in cases]
    values = frames.values(how(literal(F.parse_json("json"))), "json string", rows)
    return dict(zip(cases, values, strict=True))


def test_text_is_trimmed_of_spaces_and_blank_is_null(frames: Frames) -> None:
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
    assert read(frames, text, cases) == cases


def test_what_is_no_text_is_null(frames: Frames) -> None:
    cases = dict.fromkeys(["7", "2.50", "true", "[]", '["a"]', "{}", '{"a": "b"}'])
    assert read(frames, text, cases) == cases


def test_a_number_is_one_of_json_or_a_text_that_holds_one(frames: Frames) -> None:
    good = {'"2"': "2", '" 2.0 "': "2.0", '"-0.5"': "-0.5", '"1E+2"': "1E+2", "2": "2", "2.5": "2.5", "-0": "0"}
    bad = ["true", "null", "[]", "{}", "[1]", "ABSENT", '""', '"NaN"', '"1,5"', '"+1"', '"01"', '".5"', '"5."']
    bad += [r'"5\n"', r'"\n5"', '"0x1"', '"1 2"', '"1e1000"']
    cases = good | dict.fromkeys(bad)
    assert read(frames, number, cases) == cases


def test_an_amount_has_two_decimals_rounded_half_away_from_zero(frames: Frames) -> None:
    written = {
        "10.005": "10.01",
        "-2.345": "-2.35",
        "10.004999": "10.00",
        '"1.23456789012345678901234567890"': "1.23",
        "1234567890123.455": "1234567890123.46",
        '"1E1"': "10.00",
        '"9999999999999999.99"': "9999999999999999.99",
    }
    too_wide = ['"9999999999999999.995"', "10000000000000000", '"1e20"', "true", '"x"', "null", "ABSENT"]
    cases = {json: Decimal(value) for json, value in written.items()} | dict.fromkeys(too_wide)
    assert read(frames, lambda each: amount(number(each)), cases) == cases


def test_a_whole_number_may_be_written_with_decimals_and_exponent(frames: Frames) -> None:
    good = {"2": 2, "2.0": 2, '" 2.00 "': 2, "1e2": 100, '"10e-1"': 1, '"0e5"': 0, "-3": -3}
    good |= {"9223372036854775807": 2**63 - 1, '"-9223372036854775808"': -(2**63)}
    bad = ["1.5", '"1e-1"', "9223372036854775808", "1e30", '"two"', "true", r'"1\n"', "null", "ABSENT"]
    cases = good | dict.fromkeys(bad)
    assert read(frames, lambda each: whole(number(each)), cases) == cases


def test_an_instant_is_utc_cut_to_microseconds(frames: Frames) -> None:
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
    }
    assert read(frames, instant, cases) == cases


def test_what_is_no_instant_is_null(frames: Frames) -> None:
    texts = ["2026-11-21T10:00:00", "2026-11-21", "10:00:00Z", "today", "1763700000", "", "2026-11-21 10:00:00Z"]
    texts += ["2026-02-30T10:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T10:00:60Z", "2026-11-21T10:00Z"]
    texts += ["2026-11-21t10:00:00z", "2026-11-21T10:00:00.Z", "2026-11-21T10:00:00+0100", "2026-11-21T10:00:00+18:01"]
    texts += [r"2026-11-21T10:00:00Z\n", r"\t2026-11-21T10:00:00Z", "12026-11-21T10:00:00Z", "2026-11-21T10:00:00+01"]
    cases = dict.fromkeys([*(f'"{each}"' for each in texts), "1763700000", "true", "null", "[]", "{}", "ABSENT"])
    assert read(frames, instant, cases) == cases


def test_absent_null_and_spaces_are_blank(frames: Frames) -> None:
    cases = dict.fromkeys(["ABSENT", "null", '""', '"   "'], True)
    cases |= dict.fromkeys(['"0"', '"null"', r'"\t"', r'" \n"', "0", "false", "[]", "{}"], False)
    assert read(frames, is_blank, cases) == cases


def test_fields_and_elements_are_only_those_of_objects_and_arrays(frames: Frames) -> None:
    rows = [{"json": json} for json in ('{"a": 1}', '{"a": null}', '{"b": 1}', '["a"]', '"a"', "1", "null", "[]")]
    variant = F.parse_json("json")
    taken = F.struct(
        literal(field(variant, "a")).alias("field"), F.transform(elements(variant), literal).alias("elements")
    )
    found = frames.values(taken, "json string", rows)
    assert [each["field"] for each in found] == ["1", "null", *[None] * 6]
    assert [each["elements"] for each in found] == [None, None, None, ['"a"'], None, None, None, []]
