from decimal import Decimal

import pytest
from pyspark.sql import functions as F

from shop.transforms.money import to_usd
from tests.shop.transforms.frames import Frames

WHOLE = "9999999999999999.99"
CASES = [
    ("379.32", "0.73000369", "276.90"),  # 276.91 if the product were cut to six decimals first
    ("0.01", "0.50000000", "0.01"),
    ("-0.01", "0.50000000", "-0.01"),
    ("0.01", "0.49999999", "0.00"),
    ("500000.00", "0.00000001", "0.01"),
    (WHOLE, "1.00000000", WHOLE),
    (WHOLE, "1.00000001", None),
    ("1.00", None, None),
    (None, "1.00000000", None),
]


@pytest.mark.parametrize("amount_type", ["decimal(18,2)", "decimal(28,2)"], ids=["amount", "sum of amounts"])
def test_dollars_are_rounded_once_half_away_from_zero_from_the_exact_product(frames: Frames, amount_type: str) -> None:
    def decimal(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    rows = [{"amount": decimal(amount), "rate": decimal(rate)} for amount, rate, _ in CASES]
    found = frames.values(to_usd(F.col("amount"), F.col("rate")), f"amount {amount_type}, rate decimal(18,8)", rows)
    assert found == [decimal(usd) for _, _, usd in CASES]
