"""Names of fields and of the columns that they become."""

import pytest

from pipeline_assets.scaffold.names import column_names, is_personal, singular, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("InvoiceID", ["invoice", "id"]),
        ("VATRate", ["vat", "rate"]),
        ("LOAN_ID", ["loan", "id"]),
        ("x-total-count", ["x", "total", "count"]),
        ("address1", ["address1"]),
        ("Größe (cm)", ["grosse", "cm"]),
        ("日付", []),
    ],
)
def test_words_of_a_name(name: str, expected: list[str]) -> None:
    assert words(name) == expected


def test_columns_are_called_as_their_fields_and_each_has_a_name_of_its_own() -> None:
    paths = [
        ("loanId",),
        ("branch", "id"),
        ("Loan ID",),
        ("raw",),
        ("error",),
        ("2nd",),
        ("日付",),
        ("partition_date",),
    ]
    assert column_names(paths, dataset="loans") == [
        *("loan_id", "branch_id", "loan_id_3", "loan_raw", "loan_error", "loan_2_nd", "field_7", "loan_partition_date")
    ]


def test_one_of_many() -> None:
    assert [singular(noun) for noun in ("loans", "libraries", "glass", "staff")] == [
        "loan",
        "library",
        "glass",
        "staff",
    ]


def test_who_a_field_is_about_is_known_by_its_name() -> None:
    personal = [("email",), ("member", "name"), ("last_name",), ("Phone 2",), ("homeAddress",)]
    others = [("name",), ("product_name",), ("title",), ("mailing",)]
    assert list(map(is_personal, personal)) == [True] * len(personal)
    assert list(map(is_personal, others)) == [False] * len(others)
