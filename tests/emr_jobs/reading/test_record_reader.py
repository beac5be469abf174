"""Records of a source, rows of a dataset: what is read, what is refused and why, and what is counted beside."""

import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr_jobs.catalog import Pick
from emr_jobs.contracts.model import Column, NewFields
from emr_jobs.contracts.read import Read
from emr_jobs.contracts.reading import Field, Plan, Rule, plan_of
from emr_jobs.reading import values as reading
from emr_jobs.reading.record_reader import RecordReader
from emr_jobs.reading.records import Broken
from tests.emr_jobs.library import CSV, JSON_LINES, PARQUET, SOURCE, make_dataset, make_source, of

Row = dict[str, Any]

FIELDS = (
    Column("id", "string"),
    Column("written_at", "timestamp"),
    Column("stars", "integer"),
    Column("language", "string"),
    Column("is_public", "boolean"),
    Column("due", "date"),
)
REVIEWS = make_source(
    *FIELDS,
    Column("tags", "array", items="string"),
    Column("price", "object", fields=(Column("amount", "number"), Column("seller", "object"))),
    Column("edits", "array", items="object", fields=(Column("at", "timestamp"),)),
)
COLUMNS = (
    of("id", "review_id", required=True, key_position=1),
    of("written_at", "written_at", "timestamp", required=True),
    of("stars", "stars", "integer", accepted=("1", "2", "3")),
    of("language", "language", accepted=("en", "fr")),
    of("is_public", "is_public", "boolean"),
    of("due", "due", "date"),
)
NESTED = (
    of("price.amount", "price", "number", physical_type="decimal(10,3)"),
    of("price.seller.name", "seller"),
    of("tags", "tags", "array", items="string", required=True),
)
REVIEW: Row = {
    "id": "R-1",
    "written_at": "2026-11-21T10:00:00Z",
    "stars": 2,
    "language": "en",
    "is_public": True,
    "due": "2026-12-01",
    "tags": ["long", "fair"],
    "price": {"amount": 12.5, "seller": {"name": "Ada"}},
    "edits": [],
}
READ: Row = {
    "review_id": "R-1",
    "written_at": datetime(2026, 11, 21, 10, tzinfo=UTC),
    "stars": 2,
    "language": "en",
    "is_public": True,
    "due": date(2026, 12, 1),
    "price": Decimal("12.500"),
    "seller": "Ada",
    "tags": ["long", "fair"],
}
GOOD: Row = dict.fromkeys(("reason", "raw", "misread", "unknown"))
NOTHING: Row = dict.fromkeys(READ) | {"tags": []}

READER = RecordReader(plan_of(make_dataset(*COLUMNS, *NESTED), REVIEWS), new_fields=NewFields.REPORT)


def rows(*records: Any, reader: RecordReader = READER) -> list[Row]:
    return reader.read(records).to_pylist()


def review(**overrides: Any) -> Row:
    return REVIEW | overrides


def read(**overrides: Any) -> Row:
    """What the plain review becomes."""
    return READ | GOOD | overrides


def refused(record: Any, reason: str, **overrides: Any) -> Row:
    return read(reason=reason, raw=orjson.dumps(record).decode()) | overrides


def test_a_row_a_record_in_order_with_the_declared_types() -> None:
    second = review(
        id=" R-2 ", stars="3.0", price={"amount": "1.0005", "seller": {}}, tags=None, language=" ", due=None
    )
    batch = READER.read([REVIEW, second])
    assert batch.schema == pa.schema(
        {
            "review_id": pa.string(),
            "written_at": pa.timestamp("us", "UTC"),
            "stars": pa.int64(),
            "language": pa.string(),
            "is_public": pa.bool_(),
            "due": pa.date32(),
            "price": pa.decimal128(10, 3),
            "seller": pa.string(),
            "tags": pa.list_(pa.string()),
            "reason": pa.string(),
            "raw": pa.string(),
            "misread": pa.list_(pa.string()),
            "unknown": pa.list_(pa.string()),
        }
    )
    assert batch.schema == READER.schema
    changed = {"review_id": "R-2", "stars": 3, "price": Decimal("1.001"), "seller": None, "tags": [], "language": None}
    assert batch.to_pylist() == [read(), read(**changed, due=None)]


def test_no_records_are_no_rows() -> None:
    assert READER.read([]).to_pylist() == []
    assert READER.read([]).schema == READER.schema


def test_a_pickled_reader_reads_the_same() -> None:
    records = [REVIEW, review(id=None), review(new=1)]
    assert rows(*records, reader=pickle.loads(pickle.dumps(READER))) == rows(*records)


@pytest.mark.parametrize(
    ("record", "raw"),
    [
        (Broken(b'{"id": "caf\xe9"'), '{"id": "caf\ufffd"'),
        ([REVIEW], None),
        ("R-1", '"R-1"'),
        (Decimal("1e400"), "1E+400"),
        (None, "null"),
    ],
    ids=["broken", "an array", "a text", "a number", "null"],
)
def test_what_is_no_object_is_malformed(record: Any, raw: str | None) -> None:
    raw = raw or orjson.dumps(record).decode()
    assert rows(REVIEW, record, REVIEW) == [read(), NOTHING | GOOD | {"reason": "malformed", "raw": raw}, read()]


LONG = "x" * 32_767

REFUSED: Mapping[str, tuple[Row, str, Row]] = {
    "required and absent": (
        {"id": None, "written_at": None},
        "null_review_id",
        {"review_id": None, "written_at": None},
    ),
    "required and blank": ({"id": "  "}, "null_review_id", {"review_id": None}),
    "required and of a wrong type": ({"id": 7}, "null_review_id", {"review_id": None}),
    "second of the required": ({"written_at": "today"}, "null_written_at", {"written_at": None}),
    "a null before an unaccepted": (
        {"written_at": None, "stars": 4},
        "null_written_at",
        {"written_at": None, "stars": 4},
    ),
    "not accepted": ({"stars": 4, "language": "de"}, "not_accepted_stars", {"stars": 4, "language": "de"}),
    "not accepted but for its case": ({"language": " EN "}, "not_accepted_language", {"language": "EN"}),
    "an unaccepted before what is too large": ({"language": LONG}, "not_accepted_language", {"language": LONG}),
    "a long key": ({"id": "é" * 257}, "too_large", {"review_id": "é" * 257}),
    "a long text": ({"price": {"seller": {"name": LONG}}}, "too_large", {"price": None, "seller": LONG}),
    "a long text of an array": ({"tags": ["a", LONG, "b"]}, "too_large", {"tags": ["a", LONG, "b"]}),
    "a long array": ({"tags": ["a"] * 10_001}, "too_large", {"tags": ["a"] * 10_001}),
}


@pytest.mark.parametrize(("overrides", "reason", "values"), REFUSED.values(), ids=REFUSED)
def test_a_record_is_refused_for_the_first_reason(overrides: Row, reason: str, values: Row) -> None:
    record = review(**overrides)
    assert rows(REVIEW, record) == [read(), read(reason=reason, raw=orjson.dumps(record).decode(), **values)]


@pytest.mark.parametrize("stars", [2**63, Decimal(-(2**63) - 1), "9223372036854775808", "1e400", 1e300])
def test_a_whole_number_that_no_column_holds_is_too_large(stars: Any) -> None:
    (row,) = rows(review(stars=stars))
    assert row == read(reason="too_large", raw=row["raw"], stars=None)


def test_what_is_just_not_too_large_is_read() -> None:
    largest = review(
        id="é" * 256, stars=None, tags=["b" * 32_766] + ["a"] * 9_999, price={"seller": {"name": "x" * 32_766}}
    )
    (row,) = rows(largest)
    assert row == read(review_id="é" * 256, stars=None, tags=largest["tags"], price=None, seller="x" * 32_766)


@pytest.mark.parametrize("stars", [2**63 - 1, -(2**63), "9223372036854775807"])
def test_the_greatest_and_the_least_whole_number_are_read(stars: int | str) -> None:
    plan = plan_of(make_dataset(of("stars", "stars", "integer")), REVIEWS)
    assert rows(review(stars=stars), reader=RecordReader(plan, new_fields=NewFields.IGNORE)) == [
        {"stars": int(stars)} | GOOD
    ]


def test_a_great_whole_number_in_a_required_column_is_too_large_not_null() -> None:
    plan = plan_of(make_dataset(of("stars", "stars", "integer", required=True)), REVIEWS)
    reader = RecordReader(plan, new_fields=NewFields.IGNORE)
    reasons = [row["reason"] for row in rows({"stars": 2**63}, {"stars": None}, {"stars": "two"}, reader=reader)]
    assert reasons == ["too_large", "null_stars", "null_stars"]


def test_a_wrong_type_in_a_column_that_may_be_null_is_null_and_named() -> None:
    wrong = {"stars": True, "language": 7, "is_public": "true", "due": "2026-02-30"}
    assert rows(REVIEW, review(**wrong, price={"amount": "cheap", "seller": {"name": ["Ada"]}})) == [
        read(),
        read(**dict.fromkeys((*wrong, "price", "seller")), misread=[*wrong, "price", "seller"]),
    ]


def test_what_does_not_fit_its_decimal_is_null_and_named() -> None:
    prices = [9999999.9994, 9999999.9995, "10000000", Decimal("1e400")]
    assert [(row["price"], row["misread"]) for row in rows(*(review(price={"amount": price}) for price in prices))] == [
        (Decimal("9999999.999"), None),
        (None, ["price"]),
        (None, ["price"]),
        (None, ["price"]),
    ]


def test_something_else_in_the_place_of_an_object_is_a_wrong_type_of_all_below_it() -> None:
    assert rows(review(price="12.5"), review(price=[]), review(price=" "), review(price={"seller": 7})) == [
        read(price=None, seller=None, misread=["price", "seller"]),
        read(price=None, seller=None, misread=["price", "seller"]),
        read(price=None, seller=None),
        read(price=None, seller=None, misread=["seller"]),
    ]


def test_an_array_is_never_null_what_is_wrong_with_it_is_named() -> None:
    cases: list[tuple[Any, list[str], list[str] | None]] = [
        (None, [], None),
        (" ", [], None),
        ([" a ", None, " "], ["a"], None),
        (["a", 7], ["a"], ["tags"]),
        ("a", [], ["tags"]),
        ({"a": "b"}, [], ["tags"]),
    ]
    assert rows(*(review(tags=tags) for tags, _, _ in cases)) == [
        read(tags=tags, misread=misread) for _, tags, misread in cases
    ]


def last_edit(review: Row) -> tuple[Any, Any]:
    """Of a review: when and by whom, whatever stands there."""
    edits = reading.elements(review.get("edits"))
    return reading.field(edits[-1], "at") if edits else None, [reading.field(each, "by") for each in edits]


PICKING = RecordReader(
    plan_of(
        make_dataset(
            of("id", "review_id", required=True),
            Column("edited_at", "timestamp", required=True, lineage=((SOURCE, "edits.at"),)),
            Column("editors", "array", items="string", lineage=((SOURCE, "edits"),)),
        ),
        REVIEWS,
        [Pick(("edited_at", "editors"), f"{__name__}:last_edit")],
    ),
    new_fields=NewFields.REPORT,
)


def test_what_a_function_picks_is_read_and_refused_by_its_type_like_any_field() -> None:
    at = "2026-11-21T12:00:00Z"
    good = review(edits=[{"at": "never", "by": "Ada"}, {"at": at, "by": " Bo "}])
    odd = review(edits=[{"at": at, "by": 7}, {"at": at, "by": LONG[:-1]}])
    late, none = review(edits=[{"at": "never", "by": "Ada"}]), review()
    long = review(edits=[{"at": at, "by": LONG}])
    read = {"review_id": "R-1", "edited_at": datetime(2026, 11, 21, 12, tzinfo=UTC)} | GOOD
    unknown = {"unknown": ["edits[].by"]}

    def refusal(record: Row, reason: str) -> Row:
        return {"reason": reason, "raw": orjson.dumps(record).decode()}

    assert rows(good, odd, late, none, long, Broken(b"?"), reader=PICKING) == [
        read | {"editors": ["Ada", "Bo"]} | unknown,
        read | {"editors": [LONG[:-1]], "misread": ["editors"]} | unknown,
        read | {"edited_at": None, "editors": ["Ada"]} | unknown | refusal(late, "null_edited_at"),
        read | {"edited_at": None, "editors": []} | refusal(none, "null_edited_at"),
        read | {"editors": [LONG]} | unknown | refusal(long, "too_large"),
        read | {"review_id": None, "edited_at": None, "editors": [], "reason": "malformed", "raw": "?"},
    ]
    assert PICKING.read([]).schema == PICKING.schema


def test_a_pickled_reader_picks_the_same() -> None:
    records = [review(edits=[{"at": "2026-11-21T12:00:00Z", "by": "Ada"}])]
    assert rows(*records, reader=pickle.loads(pickle.dumps(PICKING))) == rows(*records, reader=PICKING)


def one_value(review: Row) -> tuple[Any]:
    return (review.get("id"),)


def no_value(review: Row) -> tuple[Any]:
    return (review["edit"],)


@pytest.mark.parametrize(
    ("function", "says"),
    [(one_value, "expected 2 values, found 1"), (no_value, "KeyError: 'edit'")],
    ids=["another number of values", "raises"],
)
def test_a_function_that_does_not_do_is_named(function: Callable[[Row], Any], says: str) -> None:
    named = f"{__name__}:{function.__name__}"
    picks = tuple(Pick(pick.columns, named) for pick in PICKING.plan.picks)
    reader = RecordReader(replace(PICKING.plan, picks=picks), new_fields=NewFields.IGNORE)
    with pytest.raises(RuntimeError) as refused:
        reader.read([REVIEW])
    assert str(refused.value) == f"{named}, which picks edited_at, editors: {says}"


UNDECLARED = [
    review(title="Emma"),
    review(price={"amount": 1, "tax": 2, "seller": {"anything": {"goes": 1}}}),
    review(edits=[{"at": None, "by": "Ada"}, 7, {"by": "Bo", "a.b": 1}], title=None),
    review(price=[{"tax": 1}], edits={"by": "Ada"}),
]


@pytest.mark.parametrize("new_fields", [NewFields.REPORT, NewFields.FAIL])
def test_undeclared_fields_are_named_by_path_once_a_record(new_fields: NewFields) -> None:
    reader = RecordReader(READER.plan, new_fields=new_fields)
    assert [row["unknown"] for row in rows(REVIEW, *UNDECLARED, reader=reader)] == [
        None,
        ["title"],
        ["price.tax"],
        ["title", "edits[].by", "edits[].a.b"],
        None,
    ]


def test_undeclared_fields_can_be_ignored() -> None:
    reader = RecordReader(READER.plan, new_fields=NewFields.IGNORE)
    assert [row["unknown"] for row in rows(*UNDECLARED, reader=reader)] == [None] * 4


def flat(read_: Read, columns: tuple[Column, ...] = COLUMNS, fields: tuple[Column, ...] = FIELDS) -> RecordReader:
    return RecordReader(plan_of(make_dataset(*columns), make_source(*fields, read=read_)), new_fields=NewFields.REPORT)


def test_of_csv_every_value_is_read_of_its_text() -> None:
    records = [
        {
            "id": "1",
            "written_at": REVIEW["written_at"],
            "stars": " 2 ",
            "language": "fr",
            "is_public": "TRUE",
            "due": "",
        },
        {"id": "2", "written_at": REVIEW["written_at"], "stars": "two", "language": "", "is_public": "1", "due": None},
        {"id": "", "written_at": REVIEW["written_at"], "Id": "3"},
        {"id": "4", "written_at": REVIEW["written_at"], "stars": "1" * 19, "is_public": "false"},
    ]
    plain = {"written_at": READ["written_at"]} | GOOD
    nothing = dict.fromkeys(("stars", "language", "is_public", "due"))
    raw = [orjson.dumps(record).decode() for record in records]
    assert rows(*records, reader=flat(CSV)) == [
        {"review_id": "1", "stars": 2, "language": "fr", "is_public": True, "due": None} | plain,
        nothing | {"review_id": "2"} | plain | {"misread": ["stars", "is_public"]},
        nothing | {"review_id": None} | plain | {"reason": "null_review_id", "raw": raw[2], "unknown": ["Id"]},
        nothing
        | {"review_id": "4", "stars": int("1" * 19), "is_public": False}
        | plain
        | {"reason": "not_accepted_stars", "raw": raw[3]},
    ]


def test_values_of_parquet_are_taken_as_they_are() -> None:
    paris = datetime(2026, 11, 21, 11, tzinfo=timezone(timedelta(hours=1)))
    naive = datetime(2026, 11, 21, 10)
    good = {"id": "R-1", "written_at": paris, "stars": Decimal("2.00"), "is_public": False, "due": date(2026, 12, 1)}
    odd = good | {"stars": float("nan"), "language": b"en", "is_public": 1, "due": naive}
    late = good | {"written_at": naive, "stars": Decimal("2.5"), "language": b"\xff"}
    columns = {"review_id": "R-1", "written_at": READ["written_at"], "stars": 2, "language": None} | GOOD
    assert rows(good, odd, late, reader=flat(PARQUET)) == [
        columns | {"is_public": False, "due": good["due"]},
        columns | dict.fromkeys(("stars", "is_public", "due")) | {"misread": ["stars", "language", "is_public", "due"]},
        columns
        | {"is_public": False, "due": good["due"], "written_at": None, "stars": None, "misread": ["stars", "language"]}
        | {
            "reason": "null_written_at",
            "raw": '{"id":"R-1","written_at":"2026-11-21T10:00:00","stars":2.5,"is_public":false,"due":"2026-12-01",'
            '"language":"\ufffd"}',
        },
    ]


def test_dates_and_times_without_an_offset_are_utc_where_the_source_says_so() -> None:
    fields = (Column("written_at", "timestamp", default_timezone="UTC"),)
    reader = flat(PARQUET, columns=(of("written_at", "at", "timestamp"),), fields=fields)
    assert rows({"written_at": datetime(2026, 11, 21, 10)}, {"written_at": "2026-11-21T10:00:00"}, reader=reader) == [
        {"at": READ["written_at"]} | GOOD,
        {"at": None} | GOOD | {"misread": ["at"]},
    ]


def test_the_raw_record_is_whole_in_its_numbers_and_cut_only_where_it_is_very_deep() -> None:
    deep: Any = "deepest"
    for _ in range(5000):
        deep = {"in": [deep]}
    exact = {"id": None, "number": Decimal("1.00000000000000000000000000001"), "great": Decimal("1e400")}
    raws = [row["raw"] for row in rows(exact, {"id": None, "deep": deep})]
    assert raws[0] == '{"id":null,"number":1.00000000000000000000000000001,"great":1E+400}'
    assert raws[1] == '{"id":null,"deep":' + '{"in":[' * 99 + '{"in":"..."}' + "]}" * 99 + "}"


def test_every_raw_record_is_kept_where_columns_are_still_to_be_made() -> None:
    columns = (*COLUMNS, Column("kind", "string", required=True, logic="lower(language)"))
    reader = flat(JSON_LINES, columns)
    records = [REVIEW, {"id": None}]
    assert [(row["reason"], row["raw"]) for row in rows(*records, reader=reader)] == [
        (None, orjson.dumps(REVIEW).decode()),
        ("null_review_id", '{"id":null}'),
    ]
    assert "kind" not in reader.schema.names


# Whatever a batch holds, it is read as value by value.

_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
_SPACES = st.sampled_from(["", " ", "  "])
_WRITTEN_NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.integers().map(str),
    _FLOATS.map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["1e400", "NaN", "+1", ".5", "9" * 17, "0.125", "9223372036854775808", "1e-400", "9" * 38]),
)
_WRITTEN_INSTANTS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["2026-11-21", "2026-02-30", "0000-01-01", "0001-01-01", "9999-12-31", "2024-02-29", "26-1-1"]),
    st.sampled_from(["T", "T", "T", " ", "t", ""]),
    st.sampled_from(["10:00:00", "23:59:59", "24:00:00", "23:59:60", "10:00", "00:00:00", ""]),
    st.sampled_from(["", ".5", ".123456", ".1234567", ".999999999999", ".", ",5"]),
    st.sampled_from(["Z", "+00:00", "-05:00", "+18:00", "+18:01", "-17:59", "+0100", "+01", "", "z"]),
)
_WORDS = st.one_of(
    st.text(max_size=5), st.sampled_from(["en", "true", "False", "2026-11-21", "2026-02-30", "0000-01-01"])
)
_TEXTS = st.builds("{}{}{}".format, _SPACES, st.one_of(_WRITTEN_NUMBERS, _WRITTEN_INSTANTS, _WORDS), _SPACES)
_NUMBERS = st.one_of(st.integers(), st.integers(-(2**65), 2**65), _FLOATS, st.sampled_from([0.125, 1.005, 2.675, -0.0]))
_ANY = st.one_of(
    _TEXTS,
    _NUMBERS,
    st.booleans(),
    _DECIMALS,
    st.lists(st.one_of(_TEXTS, _NUMBERS), max_size=2),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.just({}),
    st.binary(max_size=3),
)
_NOT_THERE = object()
_RULES = {
    "text": Field("text", ("text",), Rule.TEXT, accepted=("en", "true"), limit_bytes=4),
    "key": Field("key", ("key",), Rule.TEXT, required=True, limit_bytes=512),
    "amount": Field("amount", ("within", "amount"), Rule.AMOUNT, decimal=(18, 2)),
    "rate": Field("rate", ("within", "rate"), Rule.AMOUNT, decimal=(38, 8)),
    "wide": Field("wide", ("wide",), Rule.AMOUNT, decimal=(38, 0)),
    "whole": Field("whole", ("whole",), Rule.WHOLE, required=True, accepted=("0", "1", "2", "-3")),
    "instant": Field("instant", ("instant",), Rule.INSTANT, required=True),
    "naive": Field("naive", ("naive",), Rule.INSTANT, naive_is_utc=True),
    "boolean": Field("boolean", ("boolean",), Rule.BOOLEAN),
    "date": Field("date", ("date",), Rule.DATE),
    "texts": Field("texts", ("texts",), Rule.TEXTS, limit_bytes=6),
}


@st.composite
def batches(draw: st.DrawFn) -> tuple[Plan, list[Any]]:
    """Of one field or two: values of one kind, as most columns are, or of any."""
    names = draw(st.lists(st.sampled_from(sorted(_RULES)), min_size=1, max_size=2, unique=True))
    kinds = {name: draw(st.sampled_from([_TEXTS, _NUMBERS, st.integers(-3, 3), st.booleans(), _ANY])) for name in names}
    records: list[Any] = []
    for _ in range(draw(st.integers(0, 6))):
        record: Row = {}
        for name in names:
            value = draw(st.one_of(kinds[name], kinds[name], kinds[name], st.none(), st.just(_NOT_THERE)))
            if value is not _NOT_THERE:
                *above, last = _RULES[name].path
                (record.setdefault(above[0], {}) if above else record)[last] = value
        records.append(draw(st.sampled_from([record, record, record, record, Broken(b"?"), {"within": "none"}])))
    plan = Plan("", draw(st.booleans()), tuple(_RULES[name] for name in sorted(names)), (), {}, None, (), frozenset())
    return plan, records


def naively(plan: Plan, record: Any) -> Row:
    """A record by itself, each value by the rule of its field."""
    row: Row = {}
    nulls, others, large, misread = [], [], False, []
    for field in plan.fields:
        value = value_at(record, field.path)
        one = rule_of(field, plan)(value)
        is_great = field.rule is Rule.WHOLE and one is not None and not -(2**63) <= one < 2**63
        row[field.name] = None if is_great else one
        large = large or is_great or any(len(each.encode()) > (field.limit_bytes or 0) for each in strings(one))
        if field.required and one is None:
            nulls.append(f"null_{field.name}")
        elif field.accepted and row[field.name] is not None and str(one) not in field.accepted:
            others.append(f"not_accepted_{field.name}")
        elif not field.required and is_wrong(one, value):
            misread.append(field.name)
    malformed = ["malformed"] if type(record) is not dict else []
    reasons = [*malformed, *nulls, *others, *(["too_large"] if large else []), None]
    return row | {"reason": reasons[0], "misread": misread or None}


def rule_of(field: Field, plan: Plan) -> Callable[[Any], Any]:
    if field.decimal:
        return reading.decimals(*field.decimal)
    return {
        Rule.TEXT: reading.text,
        Rule.WHOLE: reading.whole,
        Rule.INSTANT: reading.instant_or_utc if field.naive_is_utc else reading.instant,
        Rule.BOOLEAN: reading.written_boolean if plan.all_text else reading.boolean,
        Rule.DATE: reading.day,
        Rule.TEXTS: reading.texts,
    }[field.rule]


def is_wrong(one: Any, value: Any) -> bool:
    """Whether something was there that was not read."""
    if isinstance(one, list) and isinstance(value, list):
        return any(each is not None and type(each) is not str for each in value)
    return (one is None or one == []) and not reading.is_blank(value)


def value_at(record: Any, path: tuple[str, ...]) -> Any:
    """A wrong type, an object, where the path goes through something else."""
    for name in path:
        if type(record) is not dict:
            return None if record is None or isinstance(record, Broken) else {}
        record = record.get(name)
    return record


def strings(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str):
            yield each


@given(batches())
def test_a_batch_is_read_as_value_by_value(batch: tuple[Plan, list[Any]]) -> None:
    plan, records = batch
    rows = RecordReader(plan, new_fields=NewFields.IGNORE).read(records).to_pylist()
    assert [{name: value for name, value in row.items() if name not in ("raw", "unknown")} for row in rows] == [
        naively(plan, record) for record in records
    ]
    assert [row["raw"] is not None for row in rows] == [row["reason"] is not None for row in rows]
