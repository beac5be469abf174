"""Types, keys and day columns by the values of a sample."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline_assets.scaffold.infer import MOST_NAMES, Field, day_column_of, fields_of, key_of


def one(*values: Any, name: str = "shelf", written: bool = False) -> Field:
    (field,) = fields_of([{name: value} for value in values], written=written)
    return field


def told(field: Field) -> tuple[Any, ...]:
    """Its type with what belongs to that, and whether a person must look."""
    more = [each for each in (field.decimal, field.items) if each]
    return (field.type, *more, field.doubt is not None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((True, None, False), ("boolean", False)),
        ((1, 22, None), ("integer", False)),
        ((2**63,), ("number", (38, 0), False)),
        ((1, 2.5), ("number", (18, 2), False)),
        ((Decimal("0.123456789"), 1), ("number", (18, 9), False)),
        ((Decimal("123456789012.123456"),), ("number", (38, 6), False)),
        (("12.50", "3"), ("number", (18, 2), False)),
        (("12", "3"), ("string", True)),
        (("2026-11-21T10:00:00Z", "2026-11-21T10:00:00.5+01:00"), ("timestamp", False)),
        (("2026-11-21", " 2026-11-22 "), ("date", False)),
        (("2026-11-21", "2026-11-21T10:00:00Z"), ("string", False)),
        (("true", "false"), ("string", False)),
        (("a", "7"), ("string", False)),
        (("a", 7, "b"), ("string", True)),
        (("1.5", 7), ("number", (18, 2), False)),
        ((True, "x", "y"), ("string", True)),
        ((None, "", "  "), ("string", True)),
        ((["a"], [], None), ("array", "string", False)),
        (([], []), ("array", "string", True)),
        (([1.5],), ("array", "number", True)),
        (([{"a": 1}],), ("array", "object", True)),
        (([["a"]],), ("array", "array", True)),
        (({},), ("object", True)),
        ((datetime(2026, 11, 21, tzinfo=UTC),), ("timestamp", False)),
        ((datetime(2026, 11, 21),), ("timestamp", True)),  # Parquet's
        ((b"\x00",), ("string", True)),
    ],
)
def test_a_type_is_that_whose_rule_reads_every_value(values: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    assert told(one(*values)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("1", "22"), ("integer", False)),
        (("007", "008"), ("string", False)),
        (("1.5", "-2"), ("number", (18, 2), False)),
        (("TRUE", "false"), ("boolean", False)),
        (("2026-11-21",), ("date", False)),
    ],
)
def test_where_everything_is_a_text_its_form_says_the_type(values: tuple[str, ...], expected: tuple[Any, ...]) -> None:
    assert told(one(*values, written=True)) == expected


@pytest.mark.parametrize("name", ["loan_id", "memberId", "Postal code", "ISBN", "no", "phone 2"])
def test_digits_that_name_something_are_texts_in_a_csv(name: str) -> None:
    assert told(one("10", "11", name=name, written=True)) == ("string", False)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("2026-11-21 10:00:00", "2026-11-21T10:00"), "to_utc_timestamp({column}, 'ZONE')"),
        (("2026-11-21 10:00:00+01:00",), "to_timestamp({column})"),
        (("21.11.2026",), "to_date({column}, 'dd.MM.yyyy')"),
        (("11/21/2026",), "to_date({column}, 'FORM')"),
        (("-4,50", "2,5"), "cast(replace({column}, ',', '.') AS decimal(18,2))"),
        (("1.234,50", "2,5"), "cast(replace(replace({column}, '.', ''), ',', '.') AS decimal(18,2))"),
    ],
)
def test_what_no_rule_reads_names_the_expression_that_does(values: tuple[str, ...], says: str) -> None:
    field = one(*values, written=True)
    assert field.type == "string"
    assert field.doubt is not None
    assert field.doubt.endswith(f"transformLogic: {says}")


@pytest.mark.parametrize("name", ["number_of_pages", "account_balance", "coded", "2"])
def test_digits_that_count_something_are_numbers_in_a_csv(name: str) -> None:
    assert told(one("10", "11", name=name, written=True)) == ("integer", False)


def test_an_epoch_is_a_whole_number_with_a_word_about_it() -> None:
    assert one(1763715600, name="lent_at").doubt == (
        "may be seconds of an epoch: an instant of it is transformLogic: timestamp_seconds({column})"
    )
    assert one(1763715600, name="pages").doubt is None


def test_a_few_wrong_values_among_many_do_not_change_the_type() -> None:
    field = one(*["2026-11-21"] * 19, "n/a")
    assert (field.type, field.doubt) == ("date", "1 of 20 are no date: null")
    assert one(*["2026-11-21"] * 17, *["n/a"] * 3).type == "string"


def test_few_values_of_which_one_is_wrong_are_texts_that_say_so() -> None:
    field = one("1.5", "2.5", "abc")
    assert (field.type, field.doubt) == ("string", "2 of 3 are a number: all are read as text")


def test_objects_are_described_by_their_fields_unless_their_keys_are_values() -> None:
    (field,) = fields_of([{"branch": {"id": 1, "city": "Ulm"}}, {"branch": {"id": 2}}, {}])
    assert (field.type, field.filled) == ("object", 2)
    assert [(each.name, each.type, each.filled) for each in field.fields] == [
        ("id", "integer", 2),
        ("city", "string", 1),
    ]
    many = {str(number): 1 for number in range(MOST_NAMES + 1)}
    assert one(many).fields == ()


def test_a_field_that_only_some_records_have_counts_those() -> None:
    fields = fields_of([{"a": 1}, {"a": 2, "b": "x"}, {"b": " "}])
    assert [(field.name, field.filled) for field in fields] == [("a", 2), ("b", 1)]


def key(*records: dict[str, Any], noun: str = "loans") -> tuple[list[str], bool]:
    fields, doubt = key_of(fields_of(records), noun=noun, records=len(records))
    return [field.name for field in fields], doubt is not None


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([{"member_id": "a", "loan_id": "b"}, {"member_id": "c", "loan_id": "d"}], (["loan_id"], False)),
        ([{"member_id": "a", "id": 1}, {"member_id": "c", "id": 2}], (["id"], False)),
        ([{"member_id": "a", "loan_number": 1}, {"member_id": "c", "loan_number": 2}], (["loan_number"], False)),
        ([{"title": "x", "shelf_code": "a"}, {"title": "y", "shelf_code": "b"}], (["shelf_code"], False)),
        ([{"title": "x"}, {"title": "y"}], (["title"], True)),
        ([{"id": 1, "number": 7}, {"id": None, "number": 8}], (["number"], True)),
        ([{"id": 1}], (["id"], True)),
        ([{"id": 1}, {"id": 1}], ([], True)),
        ([{"id": 1}, {"id": "1"}], ([], True)),
        ([{"fee": 1.5}, {"fee": 2.5}], ([], True)),
        ([{"id": "a"}, {"id": 7}, {"id": "b"}], ([], True)),
    ],
)
def test_the_key_is_there_and_different_in_every_record(
    records: list[dict[str, Any]], expected: tuple[list[str], bool]
) -> None:
    assert key(*records) == expected


def day(**names: str) -> str | None:
    found = day_column_of(fields_of([names]), records=1)
    return found.name if found else None


INSTANT, DATE = "2026-11-21T10:00:00Z", "2026-11-21"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"updated": INSTANT, "created": INSTANT}, "created"),
        ({"due_at": INSTANT, "updatedAt": INSTANT, "lentAt": INSTANT}, "lentAt"),
        ({"due_at": INSTANT, "modified": INSTANT}, "modified"),
        ({"issued_on": DATE, "changed_at": INSTANT}, "changed_at"),
        ({"issued_on": DATE, "due": DATE}, "issued_on"),
        ({"title": "x"}, None),
    ],
)
def test_the_day_is_the_instant_at_which_a_record_came_to_be(names: dict[str, str], expected: str | None) -> None:
    assert day(**names) == expected
