"""What is read of a published document."""

from decimal import Decimal

import pytest

from emr_jobs.contracts import Column
from pipeline_assets.search import with_decimals

FEE = Column("fee", "number", "scaled_float", scaling_factor=100)
COLUMNS = (FEE, Column("n", "integer", "integer"), Column("lines", "array", "nested", items="object", fields=(FEE,)))


@pytest.mark.parametrize(
    ("read", "decimal"),
    [(12.3, "12.30"), (12, "12.00"), (0.1, "0.10"), (123456789012.34, "123456789012.34"), (None, None)],
)
def test_a_number_is_the_decimal_that_its_field_keeps(read: float | None, decimal: str | None) -> None:
    wanted = decimal and Decimal(decimal)
    document = {"fee": read, "n": 3, "lines": [{"fee": read}], "unknown": 0.5}
    found = with_decimals(COLUMNS, document)
    assert found == {"fee": wanted, "n": 3, "lines": [{"fee": wanted}], "unknown": 0.5}
    assert str(found["fee"]) == str(decimal), "trailing zeros too"
    assert document["fee"] == read
    assert with_decimals(COLUMNS, {"lines": None}) == {"lines": None}
