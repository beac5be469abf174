"""What of a dataset's contract makes the plan by which it is read, and what stands against one."""

from dataclasses import replace

import pytest

from emr_jobs.catalog import Pick
from emr_jobs.contracts import InvalidContracts
from emr_jobs.contracts.model import Column, Medium
from emr_jobs.contracts.read import Read
from emr_jobs.contracts.reading import Field, Plan, Rule, faults, plan_of
from tests.emr_jobs.library import API, CSV, JSON_LINES, PARQUET, SOURCE, WAREHOUSE, make_dataset, make_source, of

COST = Column("cost", "object", fields=(Column("amount", "number"), Column("currency", "string")))
REVIEWS = make_source(
    Column("id", "string"),
    Column("written_at", "timestamp"),
    Column("stars", "integer"),
    Column("language", "string", classification="restricted"),
    Column("tags", "array", items="string"),
    Column("edits", "array", items="object", fields=(Column("at", "timestamp"),)),
    Column("extra", "object"),
    COST,
)

FROM = ".transformSourceObjects: "
TAKEN = ": reason, raw, misread, unknown are what the reading says of a record; the column needs another name"
NO_RULE = " has no rule for reading; a transform makes it"
PICKED = "; a function picks a value of it (picks of the job in jobs.py)"
ONE_FIELD = " source fields; it names the one that it is read of, or transformLogic says what it is made of"


def test_a_plan_has_every_column_with_its_field_and_rule_in_contract_order() -> None:
    dataset = make_dataset(
        of("id", "review_id", required=True, key_position=1),
        of("written_at", "written_at", "timestamp", required=True),
        of("stars", "stars", "integer", accepted=("1", "2")),
        of("language", "language", accepted=("en", "fr")),
        of("cost.amount", "cost", "number", physical_type="decimal(10,4)"),
        of("extra.deep.er", "price", "number"),
        of("tags", "tags", "array", items="string", required=True, classification="confidential"),
        of("extra.is_public", "is_public", "boolean"),
        of("extra.due", "due", "date"),
    )
    assert plan_of(dataset, REVIEWS) == Plan(
        source=SOURCE,
        all_text=False,
        fields=(
            Field("review_id", ("id",), Rule.TEXT, required=True, limit_bytes=512),
            Field("written_at", ("written_at",), Rule.INSTANT, required=True),
            Field("stars", ("stars",), Rule.WHOLE, accepted=("1", "2")),
            Field("language", ("language",), Rule.TEXT, accepted=("en", "fr"), limit_bytes=32766, classified=True),
            Field("cost", ("cost", "amount"), Rule.AMOUNT, decimal=(10, 4)),
            Field("price", ("extra", "deep", "er"), Rule.AMOUNT, decimal=(18, 2)),
            Field("tags", ("tags",), Rule.TEXTS, required=True, limit_bytes=32766, classified=True),
            Field("is_public", ("extra", "is_public"), Rule.BOOLEAN),
            Field("due", ("extra", "due"), Rule.DATE),
        ),
        picks=(),
        derived={},
        derived_reason=None,
        reasons=(
            "malformed",
            "null_review_id",
            "null_written_at",
            "not_accepted_stars",
            "not_accepted_language",
            "too_large",
        ),
        declared_paths=frozenset(
            {
                ("id",),
                ("written_at",),
                ("stars",),
                ("language",),
                ("tags",),
                ("edits",),
                ("edits", "[]", "at"),
                ("extra",),
                ("cost",),
                ("cost", "amount"),
                ("cost", "currency"),
            }
        ),
    )


def test_a_key_column_is_required_whether_it_says_so_or_not() -> None:
    plan = plan_of(make_dataset(of("stars", "stars", "integer", key_position=1)), REVIEWS)
    assert (plan.fields[0].required, plan.reasons) == (True, ("malformed", "null_stars", "too_large"))


def test_a_column_with_logic_is_made_of_the_others_whatever_it_comes_from() -> None:
    made = Column("label", "string", lineage=((SOURCE, "id"), (SOURCE, "stars")), logic="concat(id, '*') -- starred")
    plan = plan_of(make_dataset(of("id", "id"), made), REVIEWS)
    assert [field.name for field in plan.fields] == ["id"]
    assert plan.derived == {"label": "try_cast((concat(id, '*') -- starred\n) AS string)"}
    assert plan.derived_reason == "CASE WHEN octet_length(`label`) > 32766 THEN 'too_large' END"


def test_what_is_made_of_the_others_can_refuse_a_row_too_after_them() -> None:
    dataset = make_dataset(
        of("id", "id", required=True),
        Column("kind", "string", required=True, key_position=1, accepted=("good", "it's bad"), logic="lower(id)"),
        Column("half", "number", required=True, logic="stars / 2"),
        Column("words", "array", items="string", logic="split(id, ' ')"),
    )
    plan = plan_of(dataset, REVIEWS)
    assert plan.derived["half"] == "try_cast((stars / 2\n) AS decimal(18,2))"
    assert plan.derived_reason == (
        "CASE WHEN `kind` IS NULL THEN 'null_kind' "
        r"WHEN CAST(`kind` AS string) NOT IN ('good', 'it\'s bad') THEN 'not_accepted_kind' "
        "WHEN octet_length(`kind`) > 512 THEN 'too_large' "
        "WHEN `half` IS NULL THEN 'null_half' "
        "WHEN size(`words`) > 10000 OR exists(`words`, each -> octet_length(each) > 32766) THEN 'too_large' END"
    )
    assert plan.reasons == ("malformed", "null_id", "too_large", "null_kind", "not_accepted_kind", "null_half")


LAST_EDIT = (Pick(("edited_at", "editors"), "library.reviews:last_edit"), Pick(("label",), "library.reviews:label"))


def test_a_picked_column_is_read_by_its_type_wherever_it_comes_from() -> None:
    dataset = make_dataset(
        Column("edited_at", "timestamp", required=True, lineage=((SOURCE, "edits.at"),)),
        Column("editors", "array", items="string", lineage=((SOURCE, "edits"),)),
        of("id", "id"),
        Column("label", "string", accepted=("a",), lineage=((SOURCE, "id"), (SOURCE, "language"))),
    )
    plan = plan_of(dataset, REVIEWS, LAST_EDIT)
    assert (plan.picks, plan.reasons) == (LAST_EDIT, ("malformed", "null_edited_at", "not_accepted_label", "too_large"))
    assert plan.fields == (
        Field("edited_at", (), Rule.INSTANT, required=True),
        Field("editors", (), Rule.TEXTS, limit_bytes=32766),
        Field("id", ("id",), Rule.TEXT, limit_bytes=32766),
        Field("label", (), Rule.TEXT, accepted=("a",), limit_bytes=32766, classified=True),
    )


def test_what_is_picked_has_a_rule_and_is_made_of_nothing_else() -> None:
    dataset = make_dataset(
        Column("edited_at", "timestamp", logic="now()", lineage=((SOURCE, "edits.at"),)),
        Column("editors", "array", items="object", lineage=((SOURCE, "edits"),)),
    )
    where = "raw.reviews.odcs.yaml $.schema[0]"
    assert faults(dataset, REVIEWS, LAST_EDIT) == [
        f"{where}.edited_at.transformLogic: makes it of other columns, and a function picks it out of the record; one "
        "of both",
        f"{where}.editors.logicalType: an array of object{NO_RULE}",
    ]


@pytest.mark.parametrize(("read", "all_text"), [(API, False), (JSON_LINES, False), (CSV, True), (PARQUET, False)])
def test_only_in_csv_every_value_is_a_text(read: Read, all_text: bool) -> None:
    assert plan_of(make_dataset(of("id", "id")), replace(REVIEWS, read=read)).all_text is all_text


def test_a_column_of_snowflake_is_found_in_any_case_any_other_as_it_is_spelt() -> None:
    source = make_source(Column("REVIEW_ID", "string"), read=WAREHOUSE)
    dataset = make_dataset(of("review_id", "id"))
    assert plan_of(dataset, source).fields[0].path == ("REVIEW_ID",)
    assert faults(dataset, replace(source, read=CSV)) == [
        f"raw.reviews.odcs.yaml $.schema[0].id.transformSourceObjects: {SOURCE} has no column review_id"
    ]


def test_a_name_with_a_dot_is_a_column_when_the_source_has_it() -> None:
    source = make_source(Column("No. of stars", "integer"), Column("No", "object"), read=CSV)
    plan = plan_of(make_dataset(of("No. of stars", "stars", "integer")), source)
    assert plan.fields[0].path == ("No. of stars",)


def test_instants_without_an_offset_are_utc_where_the_source_says_so() -> None:
    zones = {"a": "Etc/UTC", "b": "UTC", "c": None}
    columns = [Column(name, "timestamp", default_timezone=zone) for name, zone in zones.items()]
    plan = plan_of(make_dataset(*(of(name, name, "timestamp") for name in zones)), make_source(*columns, read=PARQUET))
    assert [field.naive_is_utc for field in plan.fields] == [True, True, False]


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        (of("id", "reason"), TAKEN),
        (
            of("cost.amount", "cost", "number", physical_type="decimal(39,2)"),
            f".logicalType: a number as decimal(39,2){NO_RULE}",
        ),
        (
            of("cost.amount", "cost", "number", physical_type="decimal(2,3)"),
            f".logicalType: a number as decimal(2,3){NO_RULE}",
        ),
        (of("tags", "tags", "array", items="integer"), f".logicalType: an array of integer{NO_RULE}"),
        (
            of("edits", "edits", "array", items="object", fields=(Column("at", "timestamp"),)),
            f".logicalType: an array of object{NO_RULE}",
        ),
        (
            of("written_at", "at", "timestamp", accepted=("now",)),
            ".enum: accepted values are of a text or a whole number",
        ),
        (of("stars", "stars", "integer", accepted=("1", "two")), ".enum: not every value is a whole number"),
        (Column("id", "string"), f"{FROM}0{ONE_FIELD}"),
        (Column("id", "string", lineage=((SOURCE, "id"), (SOURCE, "stars"))), f"{FROM}2{ONE_FIELD}"),
        (
            Column("id", "string", lineage=(("raw.members", "id"),)),
            f"{FROM}raw.members, but the dataset is read of {SOURCE}",
        ),
        (of(None, "id"), f"{FROM}all of {SOURCE}; it names one field"),
        (of("title", "title"), f"{FROM}{SOURCE} has no column title"),
        (of("cost.tax", "tax"), f"{FROM}{SOURCE} has no column cost.tax"),
        (of("cost", "cost"), f"{FROM}{SOURCE}.cost is of type object; the column names one of its fields"),
        (of("id.part", "part"), f"{FROM}{SOURCE}.id is of type string and has no fields"),
        (of("edits.at", "at", "timestamp"), f"{FROM}{SOURCE}.edits is an array of object and has no fields"),
        (of("tags", "tag"), f"{FROM}{SOURCE}.tags is an array of string{PICKED}"),
        (
            of("edits", "tags", "array", items="string"),
            f"{FROM}{SOURCE}.edits is an array of object{PICKED}",
        ),
        (of("id", "tags", "array", items="string"), f"{FROM}{SOURCE}.id is of type string and no array"),
    ],
    ids=[
        "name of the report",
        "decimal too wide",
        "decimal with more decimals than digits",
        "array of numbers",
        "array of objects",
        "accepted instants",
        "accepted words for a number",
        "no field",
        "two fields",
        "field of another dataset",
        "all of the source",
        "no such field",
        "no such nested field",
        "an object",
        "a field of a text",
        "a field of an array",
        "an array as a text",
        "an array of objects as texts",
        "a text as texts",
    ],
)
def test_what_cannot_be_read_is_named_with_file_and_path(column: Column, fault: str) -> None:
    assert faults(make_dataset(column), REVIEWS) == [f"raw.reviews.odcs.yaml $.schema[0].{column.name}{fault}"]


@pytest.mark.parametrize("read", [CSV, WAREHOUSE])
def test_a_source_of_flat_rows_has_no_fields_within_fields_and_no_arrays(read: Read) -> None:
    dataset = make_dataset(of("cost.amount", "cost", "number"), of("tags", "tags", "array", items="string"))
    where = "raw.reviews.odcs.yaml $.schema[0]"
    assert faults(dataset, replace(REVIEWS, read=read)) == [
        f"{where}.cost.transformSourceObjects: cost.amount: a column of {SOURCE} has no fields",
        f"{where}.tags.transformSourceObjects: tags: a column of {SOURCE} is no array",
    ]


def test_instants_of_another_time_zone_have_no_rule() -> None:
    source = make_source(Column("at", "timestamp", default_timezone="Europe/Paris"), read=PARQUET)
    assert faults(make_dataset(of("at", "at", "timestamp")), source) == [
        f"raw.reviews.odcs.yaml $.schema[0].at{FROM}{SOURCE}.at is of type timestamp in Europe/Paris; "
        "instants without an offset are read in UTC only"
    ]


def test_a_plan_is_made_whole_or_not_at_all() -> None:
    dataset = make_dataset(of("id", "id"), of("title", "title"), of("cost", "cost"), medium=Medium.INDEX)
    with pytest.raises(InvalidContracts) as raised:
        plan_of(dataset, REVIEWS)
    where = "raw.reviews.odcs.yaml $.schema[0]"
    assert raised.value.faults == (
        f"{where}.physicalType: only a table is read by contract",
        f"{where}.title.transformSourceObjects: {SOURCE} has no column title",
        f"{where}.cost.transformSourceObjects: {SOURCE}.cost is of type object; the column names one of its fields",
    )
