"""`pipeline run` of a day of the shop: what was refused is counted beside what was published."""

import re

from shop.sample import REJECT_RATES
from tests.running import Day


def test_refused_orders_are_counted_beside_the_published_ones(shop_day: Day) -> None:
    orders, planted = shop_day.truth["orders"], shop_day.truth["planted"]
    rejected = sum(planted[reason] for reason in REJECT_RATES)
    assert rejected > 0
    (row,) = [line for line in shop_day.said.splitlines() if line.startswith("intermediate.orders ")]
    assert re.match(rf"intermediate\.orders +{orders} +{rejected} +5 passed +\d{{15,}} ", row)
