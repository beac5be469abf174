"""What was read must be what was listed."""

import pyarrow as pa
import pytest
from pyspark.sql import Row

from emr_jobs.core.errors import Misconfigured, Unavailable
from emr_jobs.sources.files import File, require_whole
from emr_jobs.sources.files.reports import of_records, with_report
from tests.emr_jobs.sources.files.deliveries import DAY, OF, SOURCE

FILES = [File(name, 1, "", DAY.start) for name in ("a", "b")]


def reports(*told: tuple[int, int]) -> list[Row]:
    return [Row(file=number, records=count, error=None) for number, count in told]


def test_records_are_told_by_file() -> None:
    assert require_whole(reports((1, 3), (0, 0)), FILES, 3, **OF) == {"a": 0, "b": 3}


@pytest.mark.parametrize(
    ("told", "records", "found"),
    [
        ([(0, 2)], 2, "reports of 1 with 2 records, and 2 records"),
        ([(0, 2), (1, 3), (1, 3)], 8, "reports of 3 with 8 records, and 8 records"),
        ([(0, 2), (1, 3)], 4, "reports of 2 with 5 records, and 4 records"),
        ([(0, 2), (2, 3)], 5, "reports of 2 with 5 records, and 5 records"),
    ],
    ids=["a file not read", "a file read twice", "a record lost", "another file"],
)
def test_what_was_read_must_be_what_was_listed(told: list[tuple[int, int]], records: int, found: str) -> None:
    with pytest.raises(Unavailable) as error:
        require_whole(reports(*told), FILES, records, **OF)
    assert (error.value.expected, error.value.found) == ("each of 2 files to be read once", found)


def test_a_report_has_null_where_a_record_must_not() -> None:
    schema = with_report(pa.schema([pa.field("loan_id", pa.string(), nullable=False)]), source=SOURCE)
    assert [(field.name, field.type, field.nullable) for field in schema] == [
        ("loan_id", pa.string(), True),
        ("file", pa.int32(), True),
        ("records", pa.int64(), True),
        ("error", pa.string(), True),
    ]


def test_columns_are_put_in_their_order_by_their_names() -> None:
    schema = with_report(pa.schema({"loan_id": pa.string(), "title": pa.string()}), source=SOURCE)
    batch = pa.RecordBatch.from_pydict({"title": ["Emma"], "loan_id": ["L-1"]})
    assert of_records(batch, schema).to_pylist() == [
        {"loan_id": "L-1", "title": "Emma", "file": None, "records": None, "error": None}
    ]


def test_a_column_that_only_a_report_has_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"^desk\.loans: a column has the name records, which the report"):
        with_report(pa.schema({"records": pa.string()}), source=SOURCE)
