"""The oracle: what DOMAIN.md says, once more, in plain Python and DuckDB SQL.

Written from the domain's rules alone. It shares no code with the jobs and never imports them; `expected` gives
every row of every dataset for a folder of inputs and a day.
"""

from datetime import date
from pathlib import Path
from typing import Any

from tests.shop.reference import master, orders, shipments, snowflake


def expected(data: Path, partition: date) -> dict[str, list[dict[str, Any]]]:
    """All rows of all datasets, in no order: decimals, dates and UTC datetimes; documents as JSON holds them."""
    found = {
        **orders.extract(data, partition),
        **snowflake.extract(data, partition),
        **shipments.extract(data, partition),
    }
    facts = master.order_facts(found, partition)
    return {
        **found,
        "final.order_facts": facts,
        "final.daily_sales": master.daily_sales(facts),
        "search.orders": master.documents(facts, found["intermediate.order_items"]),
    }
