"""What is counted of a day's records, on rows as a reader leaves them."""

from collections import Counter

from pyspark.sql import SparkSession

from emr_jobs.by_contract import Tally, tally_of

SCHEMA = "loan_id string, reason string, raw string, misread array<string>, unknown array<string>"


def test_reasons_wrong_types_and_new_fields_are_counted(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [
            ("A", None, None, None, None),
            ("B", None, None, ["fee", "shelf"], ["colour"]),
            ("C", None, None, ["fee"], ["colour", "owner.name"]),
            (None, "null_loan_id", "{}", ["fee"], ["colour"]),
            (None, "malformed", "{", None, None),
            (None, "malformed", "[", None, None),
        ],
        SCHEMA,
    )
    assert tally_of(rows) == Tally(
        records=6,
        reasons=Counter(null_loan_id=1, malformed=2),
        misread=Counter(fee=2, shelf=1),
        new_fields=2,
        first_new_fields=Counter({"colour": 3, "owner.name": 1}),
    )


def test_a_source_that_invents_names_is_told_in_few(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(str(n), None, None, None, [f"field-{n:04}"]) for n in range(500)], SCHEMA)
    tally = tally_of(rows)
    assert (tally.records, tally.new_fields, len(tally.first_new_fields)) == (500, 500, 20)


def test_a_day_without_records_is_nothing(spark: SparkSession) -> None:
    assert tally_of(spark.createDataFrame([], SCHEMA)) == Tally(0, Counter(), Counter(), 0, Counter())
